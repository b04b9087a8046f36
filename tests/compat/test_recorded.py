"""Every recorded answer of the predecessors against the real server on an equivalent simulated gateway.

What differs on purpose is in tests/documents/exceptions.py, with its reason; the same table is in
docs/compatibility.md.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from tests.compat.situations import PENDING, Situation, recording, situation
from tests.documents.compare import Difference, differences
from tests.documents.exceptions import DEVIATIONS, SERVED
from tests.documents.factory import PROXY
from tests.documents.test_compatibility import RECORDINGS

UNSERVED = (404, 405)
# Depends on how long the server has run.
MOMENTARY = {"cloud_control.consecutive_failures"}
# What the proxy says about a path it does not have, and what the gateway's web server said about it.
UNKNOWN_TO_PROXY = ("Not Found", "")


@cache
def found_differences(name: str) -> tuple[list[Difference], list[str]]:
    """What differs from the recording ``name``, and which paths are not served at all though recorded as served."""
    found: list[Difference] = []
    missing: list[str] = []
    with situation(name) as made:
        for path, entry in recording(name).items():
            if PROXY in name and (entry.get("body") in UNKNOWN_TO_PROXY or path.startswith("ws:")):
                continue
            answered = compared(made, path, entry)
            if is_pending(path) and any(one.kind == "status" and one.ours in UNSERVED for one in answered):
                missing.append(path)
            else:
                found += answered
    return found, missing


def compared(made: Situation, path: str, entry: dict[str, Any]) -> list[Difference]:
    if path.startswith("ws:"):  # the object of a document, so the same differences are meant
        target = path.removeprefix("ws:/ws").replace("/gateway/", "/gateways/")
        return differences(
            f"/api{target}{'/' * target.endswith('aggregate')}", entry["body"], made.first_message(path[3:])
        )
    method, _, target = path.rpartition(" ")
    answer = made.get(target, method or "GET")
    if answer.status != entry["status"]:
        return [Difference(path, "", "status", entry["status"], answer.status)]
    media_type, ours_type = entry["content_type"] or "", answer.headers["content-type"]
    if media_type and media_type not in (ours_type, ours_type.partition(";")[0]):
        return [Difference(path, "", "media type", media_type, ours_type)]
    if "body" not in entry:
        return []
    is_json = answer.headers["content-type"].startswith("application/json")
    ours = answer.json() if is_json else answer.body.decode()
    if answer.status >= 400:  # the wording of errors is free, their shape is not
        recorded = entry["body"]
        same = isinstance(ours, dict) and isinstance(recorded, dict) and ours.keys() == recorded.keys()
        return [] if same else [Difference(path, "", "type", recorded, ours)]
    chosen = {f"config.{name}" for name in made.server.environment} | MOMENTARY
    found = differences(path.replace("/stats/clear", "/stats"), entry["body"], ours)
    return [one for one in found if one.member not in chosen]


def is_pending(path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in PENDING)


@pytest.mark.parametrize("name", RECORDINGS)
def test_differs_only_where_it_is_meant_to(name: str) -> None:
    found, _ = found_differences(name)
    unexplained = [
        str(difference)
        for difference in found
        if not any(row.covers(name, difference) for row in (*DEVIATIONS, *SERVED))
    ]
    assert unexplained == []


def test_no_exception_is_idle() -> None:
    everything = [(name, difference) for name in RECORDINGS for difference in found_differences(name)[0]]
    idle = [
        (row.path, row.member, row.reason)
        for row in SERVED
        if not any(row.covers(name, difference) for name, difference in everything)
    ]
    assert idle == []


def test_nothing_pending_has_come_meanwhile() -> None:
    """An entry of PENDING that is served by now is to be deleted there: then it is compared like the others."""
    missing = {path for name in RECORDINGS for path in found_differences(name)[1]}
    assert [pattern for pattern in PENDING if not any(fnmatchcase(path, pattern) for path in missing)] == []
