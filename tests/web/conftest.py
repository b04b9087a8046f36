"""A running server for the tests of its API description, and an app for handler tests without any socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sanic import Sanic
from sanic.exceptions import SanicException

from pwserver.assemble import assemble
from pwserver.config import load
from pwserver.simulator import SimulatedGateway
from pwserver.web.app import create_app
from tests.compat.situations import NOBODY, SECRET
from tests.support.server import Server
from tests.support.waiting import wait_until


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """Two gateways, one of them out of reach, below a prefix: every kind of answer there is."""
    with SimulatedGateway("powerwall3", hour=12) as gateway:
        gateways = [
            {"id": "home", "name": "Home", "host": gateway.address, "gw_pwd": gateway.password},
            {"id": "cabin", "name": "Cabin", "host": NOBODY, "gw_pwd": "gateway-password"},
        ]
        environment = {
            "PW_GATEWAYS": json.dumps(gateways),
            "PW_FAILOVER": "no",
            "PROXY_BASE_URL": "/power",
            "PW_CONTROL_SECRET": SECRET,
        }
        with Server(environment=environment) as made:
            wait_until(lambda: made.json("/health")["gateways_online"] == 1, 30)
            yield made


def make_app(name: str, environment: dict[str, str] | None = None) -> Sanic[Any, Any]:
    """The app of a worker over an arena of its own, with nobody polling."""
    Sanic.test_mode = True
    with suppress(SanicException):  # there was none before
        Sanic.unregister_app(Sanic.get_app(name))
    wanted = {"PW_HOST": NOBODY, "PW_GW_PWD": "gateway-password"} if environment is None else environment
    return create_app(assemble(load({}, wanted)), name)
