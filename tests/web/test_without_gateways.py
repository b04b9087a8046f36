"""A fresh installation: no gateway is configured, and every address says so, or answers with nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server

NAMES = {"{id}": "default", "{gateway}": "default", "{name}": "soe", "{kind}": "hour"}
NEEDED = {  # queries without which these refuse to answer
    "/api/history/totals": "from=1&to=2",
    "/api/history/calendar": "period=day&date=2026-01-01",
    "/api/explain": "name=site.home_watts",
}
STREAMS = ("/ws/", "/api/stream")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_no_address_of_a_fresh_installation_fails(fresh: Server) -> None:
    paths = [path for path, told in fresh.json("/openapi.json")["paths"].items() if "get" in told]
    told = {}
    for path in paths:
        target = path
        for name, value in NAMES.items():
            target = target.replace(name, value)
        if not path.startswith(STREAMS):
            answer = fresh.get(f"{target}?{NEEDED.get(path, '')}", headers={"accept": "application/json"})
            told[path] = answer.status, answer.body[:200]
    assert len(told) > 200
    assert {path: found for path, found in told.items() if found[0] >= 500 and found[0] != 503} == {}
    assert {path for path in NEEDED if told[path][0] in (400, 404)} == set()
    assert " failed\n" not in fresh.output() and "Traceback" not in fresh.output()
