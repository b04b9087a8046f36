"""The walk "How to add an endpoint" of docs/contributing.md, followed to the letter in a copy of the sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwserver.simulator import SimulatedGateway
from tests.docs.walks import environment_of, followed, run, walk_text
from tests.support.server import Server
from tests.support.waiting import wait_until

TITLE = "How to add an endpoint"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the sources with the steps of the walk applied and its commands run."""
    return followed(TITLE, tmp_path / "copy", "tests/documents")


def test_the_new_endpoint_is_served_described_and_documented(changed: Path) -> None:
    target = re.search(r"`(/\w+)`", walk_text(TITLE))
    assert target
    with SimulatedGateway("powerwall2", frozen=True, hour=12.0) as gateway:
        settings = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_NAME": "Home"}
        with Server(environment=settings | environment_of(changed)) as server:
            wait_until(lambda: server.json(target[1])["power"] is not None, 30, "the power of the home")
            watts = round(gateway.truth()["load"])
            assert round(server.json(target[1])["power"]) == watts
            assert round(server.json(f"/api/gateways/default{target[1]}")["power"]) == watts
            described = server.json("/openapi.json")["paths"][target[1]]["get"]
            assert described["responses"]["200"]["content"]["application/json"]["schema"]
    assert f"`GET {target[1]}`" in (changed / "docs/api.md").read_text()


def test_the_tests_of_the_table_cover_it(changed: Path) -> None:
    tests = ["tests/documents/test_catalogue.py", "tests/web/test_docs.py"]
    assert " passed" in run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
