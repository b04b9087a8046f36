"""Every recorded answer of the predecessors against ours; what differs is in exceptions.py, with its reason."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from pwserver.state.view import SiteView
from tests.documents.compare import Difference, differences
from tests.documents.exceptions import DEVIATIONS, NOT_DOCUMENTS
from tests.documents.factory import NOW, PROXY, SERVER, recorded, recorded_site, server_facts
from tests.documents.serve import Server

RECORDINGS = (
    SERVER,
    PROXY,
    f"local-mode/{SERVER}",
    f"local-mode/{PROXY}",
    f"multi-gateway/{SERVER}",
    f"outage/{SERVER}-stale",
    f"outage/{SERVER}-never-connected",
    f"outage/{SERVER}-expired",
    f"outage/{SERVER}-no-gateways",
)
# What the proxy says about a path it does not have.
_UNKNOWN_TO_PROXY = ("Not Found", "")


def site_for(recording: str) -> SiteView:
    if recording.endswith("no-gateways"):
        return SiteView([], server_facts(recording, control_enabled=False), NOW)
    return recorded_site(recording.replace(PROXY, SERVER), control_enabled="multi" not in recording)


def found_differences(recording: str) -> list[Difference]:
    server = Server(site_for(recording))
    assert server.errors == []
    found: list[Difference] = []
    for path, entry in recorded(recording).items():
        if PROXY in recording and entry["body"] in _UNKNOWN_TO_PROXY:
            continue
        reply = server.get(path)
        if reply is None:
            found.append(Difference(path, "", "unserved", entry["status"], None))
        elif reply.status != entry["status"]:
            found.append(Difference(path, "", "status", entry["status"], reply.status))
        else:
            if reply.status == 200:
                assert reply.media_type == entry["content_type"], path
            found.extend(differences(path, entry["body"], reply.body))
    return found


@pytest.mark.parametrize("recording", RECORDINGS)
def test_differs_only_where_it_is_meant_to(recording: str) -> None:
    unexplained = [
        str(difference)
        for difference in found_differences(recording)
        if not (
            any(row.covers(recording, difference) for row in DEVIATIONS)
            or (difference.kind == "unserved" and _matches(difference.path, NOT_DOCUMENTS))
        )
    ]
    assert unexplained == []


def test_no_exception_is_idle() -> None:
    everything = [(name, difference) for name in RECORDINGS for difference in found_differences(name)]
    idle = [
        (row.path, row.member, row.reason)
        for row in DEVIATIONS
        if not any(row.covers(name, difference) for name, difference in everything)
    ]
    assert idle == []
    unserved = {difference.path for _, difference in everything if difference.kind == "unserved"}
    assert [pattern for pattern in NOT_DOCUMENTS if not any(_matches(path, (pattern,)) for path in unserved)] == []


def test_comparison_sees_every_kind_of_difference() -> None:
    """The proof is only as good as its comparison."""

    def kinds(recorded_body: Any, ours: Any, path: str = "/x") -> list[str]:
        return [difference.kind for difference in differences(path, recorded_body, ours)]

    assert kinds({"a": 1}, {"a": 1.0}) == []
    assert kinds({"a": 1}, {"a": 1.00001}) == ["value"]
    assert kinds({"a": 1}, {"a": True}) == ["type"]
    assert kinds({"a": 1}, {}) == ["missing"]
    assert kinds({}, {"a": 1}) == ["extra"]
    assert kinds({"a": [1, 2]}, {"a": [1]}) == ["value"]
    assert kinds({"timestamp": 1}, {"timestamp": 2}) == []
    assert kinds({"timestamp": 1}, {"timestamp": "2"}) == ["type"]
    assert kinds({"gets": 1}, {"gets": 2}) == ["value"]
    assert kinds({"gets": 1}, {"gets": 2}, "/stats") == []
    assert kinds(["b", "a", "a"], ["a", "b"], "/alerts") == []


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
