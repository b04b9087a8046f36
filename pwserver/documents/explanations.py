"""Explain where the numbers of the site document come from: the poller records it, and a worker answers from that.

The poller writes the record with every snapshot, as briefly as possible. A worker takes the values from the site
document of the same snapshot, so that an explanation never shows another value than the document.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pwserver.documents.titles import title_of, unit_of
from pwserver.json_types import JsonArray, JsonObject
from pwserver.state.alerts import problems
from pwserver.state.fact import RULES, Fact
from pwserver.state.figures import house_figures, parts_of, rounded, summary_figures
from pwserver.state.gateway import AWAY, WAITING
from pwserver.state.view import SiteView, View
from pwserver_ext.aggregate import is_number


def gateway_provenance(view: View) -> JsonObject:
    """Write ``answers``: [name, epoch seconds], and ``facts``: path -> [answer, member, rule, what was set aside]."""
    # Index of each answer. One name may occur twice with different times: an older answer ended an alert.
    numbers: dict[tuple[str, float | None], int] = {}
    answers: list[tuple[str, float | None]] = []
    facts: dict[str, tuple[Any, ...]] = {}
    figures = house_figures(view.state.judged)
    old = view.state.last_known
    if old is not None:
        figures = {**figures, **{f"last_known.{path}": _old(fact) for path, fact in summary_figures(old).items()}}
    for path, fact in figures.items():
        number = numbers.get((fact.answer, fact.at))
        if number is None:
            number = numbers[fact.answer, fact.at] = len(answers)
            answers.append((fact.answer, fact.at))
        row = (number, fact.member, fact.rule)
        facts[path] = row if fact.set_aside is None else (*row, fact.set_aside)
    return {"answers": answers, "facts": facts}


def _old(fact: Fact[Any]) -> Fact[Any]:
    return fact if fact.value is None else fact.derived(fact.value, "last known")


def site_provenance(view: SiteView) -> JsonObject:
    """Write path -> [rule, gateway -> value, members that lack it] for the numbers below ``site``."""
    site = view.state
    told = {state.gateway.id: state.judged.alerts for state in site.members}
    silent = [name for name, alerts in told.items() if alerts is None]
    return {
        f"site.{path}": [
            total.rule,
            {name: rounded(path, part) for name, part in (total.parts or {}).items()},
            list(total.missing),
        ]
        for path, total in view.figures.items()
    } | {
        f"site.{name}": ["sum of gateways", {one: count(alerts) for one, alerts in told.items() if alerts}, silent]
        for name, count in (("alerts", len), ("problems", problems))
    }


class Explained:
    """Holds a site document together with the known origins of its numbers."""

    def __init__(self, document: JsonObject, known: Collection[str]) -> None:
        self.values = leaves(document)
        # Other numbers of the document are no facts of a judge: the server itself counted or timed them.
        numbers = [name for name, value in self.values.items() if is_number(value) and name != "version"]
        self.names = list(dict.fromkeys([*(name for name in known if name in self.values), *numbers]))

    def part(self, name: str) -> JsonObject:
        """Return the description of a number from which another was made."""
        return {"name": name, "title": title_of(name), "unit": unit_of(name), "value": self.values.get(name)}

    def head(self, name: str, rule: str) -> JsonObject:
        """Return the members with which every explanation begins."""
        return {**self.part(name), "rule": rule, "sentence": RULES.get(rule, rule)}


class ExplainedGateway(Explained):
    """Explains the numbers of /api/site/{id}."""

    def __init__(self, document: JsonObject, origins: JsonObject) -> None:
        super().__init__(document, origins["facts"])
        self._origins = origins
        # The reason why there are no figures at all. The record may be that of a much older snapshot.
        self._away = document["sentence"] if document["state"] in (AWAY, WAITING) else None

    def explain(self, name: str) -> JsonObject:
        """Return the explanation of one of ``names``."""
        answer, member, rule, *aside = self._origins["facts"].get(name) or (None, "", _own_rule(name))
        if self._away is not None and self.values[name] is None:
            answer, member, rule, aside = None, "", "away", [self._away]
        words, at = self._origins["answers"][answer] if answer is not None else ("", None)
        return {
            **self.head(name, rule),
            "answer": words or None,
            "member": member or None,
            "at": at,
            "set_aside": aside[0] if aside else None,
            "parts": [self.part(part) for part in parts_of(name, rule, self.values)],
        }


class ExplainedSite(Explained):
    """Explains the numbers of /api/site; those of a single gateway are explained with its own document."""

    def __init__(self, document: JsonObject, origins: JsonObject) -> None:
        super().__init__(document, origins)
        self._origins = origins
        self._names = {one["id"]: one["name"] for one in document["gateways"]}
        self._left_out = [{**one, "gateway_name": self._names.get(one["id"])} for one in document["site"]["left_out"]]

    def of_gateway(self, name: str) -> tuple[str, str] | None:
        """Return the gateway that a number belongs to, and the number's name in that gateway's document, else None."""
        group, _, rest = name.partition(".")
        if group != "gateways" or name not in self.names:
            return None
        number, _, own = rest.partition(".")
        return list(self._names)[int(number)], own

    def explain(self, name: str) -> JsonObject:
        """Return the explanation of one of ``names``."""
        rule, by_gateway, missing = self._origins.get(name) or (_own_rule(name), {}, [])
        own = name.removeprefix("site.")
        about = {"name": own, "title": title_of(own), "unit": unit_of(own)}
        parts = [
            {"gateway": gateway, "gateway_name": self._names.get(gateway), **about, "value": value}
            for gateway, value in by_gateway.items()
        ]
        return {
            **self.head(name, rule),
            "parts": parts + [self.part(part) for part in parts_of(name, rule, self.values)],
            "missing": missing,
            "missing_names": [self._names.get(gateway, gateway) for gateway in missing],
            "left_out": self._left_out,
        }


def leaves(document: JsonObject | JsonArray) -> JsonObject:
    """Return every plain value of a JSON document by its path, in the order of the document."""
    found: JsonObject = {}
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if inner is None:
            found[path] = value
        else:
            waiting += [(f"{path}.{name}" if path else str(name), one) for name, one in reversed(list(inner))]
    return found


def _own_rule(name: str) -> str:
    own = name.removeprefix("last_known.").removeprefix("site.")
    return "repeated" if own.startswith("units_percent.") else "server"
