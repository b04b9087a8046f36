"""Render the seven-day checks: /api/checks has every house in short, /api/checks/{id} all about one."""

from __future__ import annotations

from typing import Final

from pwserver.causes import CAUSES, LIKELY_CAUSE_BY_ID
from pwserver.documents.json_schema import EPOCH, INTEGER, PERCENT, STRING, Schema, array, nullable, number, obj, string
from pwserver.documents.site_documents import gateway_without_poller, without_poller
from pwserver.json_types import JsonObject
from pwserver.state.view import SiteView, View
from pwserver.state.week_checks import (
    CHECK_STATES,
    CHECKS,
    CLOCK_AGREES,
    CLOCK_MARK_SECONDS,
    DATA_COMPLETE,
    FEWEST_DAYS,
    MARK_PERCENT,
    NO_SERIOUS_ALERT,
    ON_GRID,
    REACHABLE,
    STRINGS_IN_STEP,
    Check,
    counts,
    worst_check,
)
from pwserver.state.week_facts import DAY_SECONDS

VERSION: Final = 1
TITLES: Final = {
    REACHABLE: "Reachable",
    NO_SERIOUS_ALERT: "No serious alert",
    ON_GRID: "On grid",
    DATA_COMPLETE: "Data complete",
    STRINGS_IN_STEP: "Strings in step",
    CLOCK_AGREES: "Clock and time zone agree",
}
RULES: Final = {
    REACHABLE: f"the gateway answered for at least {MARK_PERCENT:.0f} % of the time in which it was asked",
    NO_SERIOUS_ALERT: "no device reports a serious alert, and none did within the seven days",
    ON_GRID: f"the house was on the grid for at least {MARK_PERCENT:.0f} % of the time",
    DATA_COMPLETE: f"at least {MARK_PERCENT:.0f} % of the time is recorded",
    STRINGS_IN_STEP: "no solar string is weak against its neighbours",
    CLOCK_AGREES: f"the gateway's clock is within {CLOCK_MARK_SECONDS:.0f} s of the server's, and its time zone is "
    "that of the settings",
}
_OF_TIME: Final = (REACHABLE, ON_GRID, DATA_COMPLETE)


def gateway_checks(view: View) -> JsonObject:
    """Write /api/checks/{id}."""
    week = view.week
    return {
        "version": VERSION,
        **_head(view),
        "begin": None if week is None or week.begin is None else round(week.begin),
        "end": None if week is None else round(week.at),
        "days": None if week is None or week.begin is None else round(week.seconds / DAY_SECONDS, 2),
        "checks": [_check(one) for one in view.checks],
    }


def gateway_checks_without_poller(view: View) -> JsonObject:
    """Write /api/checks/{id} for the time after the poller has stopped."""
    return gateway_checks(gateway_without_poller(view))


def all_checks(view: SiteView) -> JsonObject:
    """Write /api/checks: every configured house, in the order of the configuration."""
    return {"version": VERSION, "houses": [_row(one) for one in view.gateways]}


def all_checks_without_poller(view: SiteView) -> JsonObject:
    """Write /api/checks for the time after the poller has stopped."""
    return all_checks(without_poller(view))


def _head(view: View) -> JsonObject:
    worst = worst_check(view.checks)
    return {
        "id": view.gateway.id,
        "name": view.gateway.name,
        "counts": counts(view.checks),
        "worst": None if worst is None else worst.id,
    }


def _row(view: View) -> JsonObject:
    return {**_head(view), "states": {one.id: one.state for one in view.checks}}


def _check(one: Check) -> JsonObject:
    return {
        "id": one.id,
        "title": TITLES[one.id],
        "rule": RULES[one.id],
        "state": one.state,
        "percent": None if one.percent is None else round(one.percent, 2),
        "mark_percent": MARK_PERCENT if one.id in _OF_TIME else None,
        "seconds": None if one.seconds is None else round(one.seconds),
        "mark_seconds": CLOCK_MARK_SECONDS if one.id == CLOCK_AGREES else None,
        "names": list(one.names),
        "since": None if one.since is None else round(one.since),
        "ended": None if one.ended is None else round(one.ended),
        "why": one.why,
        "cause": one.cause,
        "sentence": one.sentence,
        "advice": one.advice,
    }


_STATE = string("`unknown`: `why` says why it cannot be told", values=CHECK_STATES)
_WORST = nullable(string("the failed check that matters most", values=CHECKS))
_CHECK: dict[str, Schema] = {
    "id": string(values=CHECKS),
    "title": STRING,
    "rule": string("when it passes"),
    "state": _STATE,
    "percent": nullable(PERCENT),
    "mark_percent": nullable(PERCENT),
    "seconds": nullable(number("s", "what the gateway's clock is ahead of the server's")),
    "mark_seconds": nullable(number("s", "so much it may differ")),
    "names": array(STRING),
    "since": nullable({**EPOCH, "description": "when the trouble that goes on began"}),
    "ended": nullable({**EPOCH, "description": "when the last trouble was over"}),
    "why": nullable(string("why it is unknown")),
    "cause": nullable(string("the likely cause of a check that failed", values=(*CAUSES, *LIKELY_CAUSE_BY_ID))),
    "sentence": nullable(string("the likely cause in words")),
    "advice": nullable(string("what the owner can do")),
}
_HEAD: dict[str, Schema] = {
    "id": STRING,
    "name": STRING,
    "counts": obj(dict.fromkeys(CHECK_STATES, INTEGER)),
    "worst": _WORST,
}
HOUSE_CHECKS = obj(
    {
        "version": {"const": 1},
        **_HEAD,
        "begin": nullable({**EPOCH, "description": "since when the house is known, seven days at most"}),
        "end": nullable({**EPOCH, "description": "until when; it is looked at every minute"}),
        "days": nullable(number("d", f"how much that is; shares of the time need {FEWEST_DAYS}")),
        "checks": array(obj(_CHECK)),
    }
)
ALL_CHECKS = obj(
    {
        "version": {"const": 1},
        "houses": array(obj({**_HEAD, "states": obj({name: string(values=CHECK_STATES) for name in CHECKS})})),
    }
)
