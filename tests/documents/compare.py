"""Compares a body with the recorded one: member by member, with the volatile members of ``volatile.json`` set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from tests.documents.factory import RECORDED

_ALERTS = ("/alerts", "/pw/alerts", "/api/aggregate/alerts")


@dataclass(frozen=True, slots=True)
class Difference:
    """``kind``: missing (recorded, not ours), extra (ours only), type, value, status."""

    path: str
    member: str
    kind: str
    recorded: Any
    ours: Any

    def __str__(self) -> str:
        where = f"{self.path} {self.member or '(body)'}"
        return f"{where} {self.kind}: recorded {_short(self.recorded)}, ours {_short(self.ours)}"


@cache
def _lists() -> dict[str, list[str]]:
    loaded: dict[str, list[str]] = json.loads((RECORDED / "volatile.json").read_text())
    return loaded


def _listed(path: str, key: str, which: str) -> bool:
    for entry in _lists()[which]:
        where, _, name = entry.rpartition(":")
        if name == key and (not where or fnmatchcase(path, where)):
            return True
    return False


def kind_of(value: Any) -> str:
    """The JSON type; an integer and a float are both numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    names: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return names[type(value)]


def differences(path: str, recorded: Any, ours: Any, member: str = "") -> list[Difference]:
    """Everything in which two bodies differ."""
    key = member.rpartition(".")[2]
    if key and _listed(path, key, "opaque"):
        return []
    mine, theirs = kind_of(ours), kind_of(recorded)
    volatile = bool(key) and _listed(path, key, "volatile")
    if volatile and (mine == theirs or "null" in (mine, theirs)) and not isinstance(ours, (dict, list)):
        return []
    if mine != theirs:
        return [Difference(path, member, "type", recorded, ours)]
    if key and _listed(path, key, "sampled"):  # as long as the server has run: the shape of one element tells
        if mine != "array":
            return []
        if not recorded or not ours:
            return [] if recorded == ours else [Difference(path, member, "value", recorded, ours)]
        return differences(path, recorded[0], ours[0], member + "[]")
    found: list[Difference] = []
    if isinstance(recorded, dict):
        dot = f"{member}." if member else ""
        for name in recorded.keys() - ours.keys():
            if not _listed(path, name, "opaque"):
                found.append(Difference(path, dot + name, "missing", recorded[name], None))
        for name in ours.keys() - recorded.keys():
            found.append(Difference(path, dot + name, "extra", None, ours[name]))
        for name in recorded.keys() & ours.keys():
            found.extend(differences(path, recorded[name], ours[name], dot + name))
    elif isinstance(recorded, list):
        if path in _ALERTS or key == "alerts":
            recorded, ours = _as_set(recorded), _as_set(ours)
        if len(recorded) != len(ours):
            return [Difference(path, member, "value", recorded, ours)]
        for one, other in zip(recorded, ours, strict=True):
            found.extend(differences(path, one, other, member + "[]"))
    elif mine == "number":
        if abs(recorded - ours) > 1e-6 * max(abs(recorded), abs(ours)):
            found.append(Difference(path, member, "value", recorded, ours))
    elif recorded != ours:
        found.append(Difference(path, member, "value", recorded, ours))
    return found


def _as_set(names: list[Any]) -> list[Any]:
    return sorted(set(names)) if all(isinstance(name, str) for name in names) else names


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 120 else text[:117] + "..."
