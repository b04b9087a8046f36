"""Render the site document: /api/site has every gateway and the totals, /api/site/{id} all about one gateway.

It is made for pages, screens and apps, which draw it and do not have to add, average, guess or filter anything. Units
are in the names; times are seconds since 1970; unknown is null. ``time`` is when the document was written, up to which
ages count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pwserver.causes import CAUSE_BY_ID, POLLER
from pwserver.documents.control_reads import ability_members
from pwserver.json_types import JsonObject
from pwserver.reading import GatewayIdentity, Reading
from pwserver.state.abilities import can_set
from pwserver.state.alerts import Alert, problems, worst
from pwserver.state.condition import Condition, condition_of, not_known, worst_first, worst_word
from pwserver.state.figures import house_figures, nested, rounded, summary_figures, unit_level
from pwserver.state.flows import has_battery
from pwserver.state.gateway import FRESH, State
from pwserver.state.judge import Judged
from pwserver.state.site import IMPLAUSIBLE, NO_DATA, OLD, Site, phase_of
from pwserver.state.view import SiteView, View

VERSION: Final = 1
DRAWN_UNITS: Final = 12  # a page cannot draw more; for many houses, only the number of units is shown
LEVEL: Final = "level"  # the answer with the charge; a house without a battery has none
LEFT_OUT: Final = {NO_DATA: "has no data", OLD: "does not answer", IMPLAUSIBLE: "reports implausible figures"}


def site_document(view: SiteView) -> JsonObject:
    """Write /api/site: the totals, and always every configured gateway, in the order of the configuration."""
    main, site = view.main(view.gateways), view.state
    return {
        "version": VERSION,
        "time": rounded("time_seconds", view.now),
        "default": main.gateway.id if main is not None else None,
        "site": _site(view),
        "control": {
            "enabled": view.server.control_enabled,
            "cannot": [state.gateway.id for state in site.states if not can_set(state.abilities)],
        },
        "gateways": [_entry(state, site.conditions[state.gateway.id], view.now) for state in site.states],
    }


def site_document_without_poller(view: SiteView) -> JsonObject:
    """Write /api/site for the time after the poller has stopped."""
    return site_document(without_poller(view))


def gateway_document(view: View) -> JsonObject:
    """Write /api/site/{id}: everything that a page about one gateway draws."""
    state = view.state
    judged, status = state.judged, view.status
    reading = judged.reading
    body: JsonObject = {
        "version": VERSION,
        "time": rounded("time_seconds", view.now),
        **_entry(state, condition_of(state), view.now),
    }
    body["alerts_active"] = None if judged.alerts is None else {}
    body["alerts_ended"] = {}
    body.update(nested(house_figures(judged)))
    for alert in judged.alerts or ():
        body["alerts_active"][alert.name].update(_alert(alert))
    for alert in judged.ended_alerts:
        body["alerts_ended"][alert.name].update(_alert(alert))
    units = body.setdefault("units", {})
    for unit in judged.all_units:
        units[str(unit.position)].update(
            label=unit.label,
            serial=unit.serial,
            type=unit.type,
            part=unit.part,
            leader=unit.leader,
            state=unit.state,
            age_seconds=rounded("age_seconds", unit.age_seconds),
        )
    strings = body.setdefault("strings", {})
    for string in judged.strings.values():
        strings[string.name]["state"] = string.state
    body["control"] = {
        "enabled": view.server.control_enabled,
        "pending": dict(status.pending),
        **ability_members(state.abilities.write),
    }
    unread = {name: one for name, one in state.abilities.read.items() if not one.able}
    body["cannot_read"] = {name: {"why_not": one.why_not, "help": one.help} for name, one in unread.items()}
    body["connection"] = {
        "type": view.gateway.type,
        "host": view.gateway.host,
        "reach": state.abilities.reach.word if state.abilities.reach is not None else None,
        "mode": status.connection_mode or (reading.connection_mode if reading is not None else None),
        "firmware": reading.version if reading is not None else None,
        "commissioned": _commissioned(reading),
        "uptime": reading.uptime if reading is not None else None,
        "calls_per_minute": status.calls_per_minute,
        "poll_seconds": rounded("poll_ratio", status.poll_seconds),
        "missing": [
            name
            for name, one in status.capabilities.items()
            if one.available is False and not (name == LEVEL and has_battery(judged) is False)
        ],
    }
    body["set_aside"] = dict(judged.set_aside)
    return body


def _commissioned(reading: Reading | None) -> str | None:
    """Return when the batteries were put into service, as the gateway tells it; None where it does not."""
    told = ((reading.status if reading is not None else None) or {}).get("battery_commission_date")
    return told if isinstance(told, str) and told else None


def gateway_document_without_poller(view: View) -> JsonObject:
    """Write /api/site/{id} for the time after the poller has stopped."""
    return gateway_document(gateway_without_poller(view))


def without_poller(view: SiteView) -> SiteView:
    """Return all gateways as they are known after the poller has stopped: silent, for that cause."""
    return replace(view, views=[gateway_without_poller(one) for one in view.views])


def gateway_without_poller(view: View) -> View:
    status = replace(view.status, online=False, stale=False, cause=POLLER, error=CAUSE_BY_ID[POLLER].sentence)
    return replace(view, status=status, reading=None, judged=None, last=None)


def _site_name(views: Sequence[View]) -> str | None:
    """Return the name that all gateways have in common; None where they are several houses: a sum has no name."""
    names = {(view.reading.site_name if view.reading is not None else None) or view.gateway.name for view in views}
    return names.pop() if len(names) == 1 else None


def _site(view: SiteView) -> JsonObject:
    site = view.state
    figures = view.figures
    body: JsonObject = {
        "name": _site_name(view.gateways),
        "state": phase_of(site),
        "gateways": len(site.states),
        # A gateway with implausible figures answers, although it is left out of the sums.
        "fresh": len(site.members) + sum(reason == IMPLAUSIBLE for reason in site.left_out.values()),
        "condition": worst_word(list(site.conditions.values())),
        "well": sum(one.well for one in site.conditions.values()),
        "troubled": worst_first(site.conditions),
        "shortest_backup": _shortest_backup(site),
    }
    body.update(nested(figures))
    body["charge_weighted"] = site.charge.weighted
    body["mode"] = site.mode
    body["grid"] = {
        "state": site.grid.state,
        "known": site.grid.known,
        "off": [state.gateway.id for state in site.grid.off],
        "syncing": [state.gateway.id for state in site.grid.syncing],
        "sentence": site.grid.sentence,
    }
    levels = [unit_level(unit) for state in site.members for unit in state.judged.all_units]
    body["has_solar"], body["has_battery"] = _any_has(site)
    body["units"] = len(levels)
    body["units_percent"] = [rounded("percent", level.value) for level in levels[:DRAWN_UNITS]]
    body["alerts"] = site.alerts
    body["problems"] = site.problems
    body["alerts_worst"] = site.worst_alert
    body["left_out"] = [_left_out(state, site, view.now) for state in site.states if state.gateway.id in site.left_out]
    # Tesla's servers report no counters, so that every such house would be named for each counter. /api/explain says
    # which houses lack one.
    lacking = {name: total for name, total in figures.items() if total.missing and not name.startswith("meters.")}
    body["missing"] = {name: list(total.missing) for name, total in lacking.items()}
    return body


def _shortest_backup(site: Site) -> JsonObject | None:
    found = site.shortest_backup
    if found is None:
        return None
    return {"id": found.gateway.id, "hours_left": rounded("hours_left", found.judged.charge.hours_left.value)}


def _left_out(state: State, site: Site, now: float) -> JsonObject:
    """Return why a gateway is not in the sums, since when, and how old its figures are."""
    name, known = state.gateway.id, state.availability
    reason = site.left_out[name]
    return {
        "id": name,
        "reason": reason,
        "sentence": site.flags.get(name, LEFT_OUT[reason]),
        # The state of a gateway that answers does not say since when its figures are implausible.
        "since": None if known.phase == FRESH else _second(known.since),
        "age_seconds": _age(known.read_at, now),
    }


def _age(read_at: float | None, now: float) -> float | int | None:
    return None if read_at is None else rounded("seconds", max(0.0, now - read_at))


def _entry(state: State, condition: Condition, now: float) -> JsonObject:
    """Return the members about one gateway that both documents have: identity, state, the numbers of an overview."""
    judged, known = state.judged, state.availability
    body: JsonObject = {
        "id": state.gateway.id,
        "name": state.gateway.name,
        "state": known.phase,
        "since": _second(known.since),
        "read_at": rounded("seconds", known.read_at),
        "age_seconds": _age(known.read_at, now),
        "condition": condition.word,
    }
    if missing := not_known(state):
        body["not_known"] = missing
    if condition.implausible is not None:
        body["implausible"] = condition.implausible
    if condition.alert is not None:
        body["worst_alert"] = {"name": condition.alert.name, "meaning": condition.alert.meaning}
    if condition.weak_strings:
        body["weak_strings"] = list(condition.weak_strings)
    if known.phase != FRESH:
        body["cause"] = known.cause
        body["sentence"] = known.sentence
        body["advice"] = known.advice
        body["next_attempt"] = _second(known.next_attempt)
    body.update(nested(summary_figures(judged)))
    body.update(_equipment(state.gateway, judged))
    body["alerts"] = None if judged.alerts is None else len(judged.alerts)
    body["problems"] = None if judged.alerts is None else problems(judged.alerts)
    body["alerts_worst"] = worst(judged.alerts or ())
    old = state.last_known
    if old is not None and old.reading is not None:
        body["last_known"] = {
            "read_at": rounded("seconds", old.reading.timestamp),
            **nested(summary_figures(old)),
            **_equipment(state.gateway, old),
        }
    return body


def _any_has(site: Site) -> tuple[bool | None, bool | None]:
    found = [_equipment(state.gateway, state.judged) for state in site.members]
    if not found:
        return None, None
    return any(one["has_solar"] for one in found), any(one["has_battery"] for one in found)


def _equipment(gateway: GatewayIdentity, judged: Judged) -> JsonObject:
    """Return what a page has to draw: solar panels, a battery, each unit's charge; None while it is not known."""
    known = judged.reading is not None
    has_solar = gateway.type == "inverter" or (known and judged.meters["solar"].watts.value is not None)
    return {
        "has_solar": has_solar if known else None,
        "has_battery": has_battery(judged) if known else None,
        "units_percent": [rounded("percent", unit_level(unit).value) for unit in judged.all_units],
    }


def _second(moment: float | None) -> int | None:
    return None if moment is None else round(moment)


def _alert(alert: Alert) -> JsonObject:
    return {
        "severity": alert.severity,
        "meaning": alert.meaning,
        "since_exact": alert.exact,
        "units": list(alert.units),
    }
