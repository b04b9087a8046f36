"""Servers that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.server import Server
from tests.support.waiting import wait_until

Serve = Callable[..., Server]


@pytest.fixture(scope="package")
def serve() -> Iterator[Serve]:
    """serve(**environment): a demo with one worker and these settings, shared by the tests that ask for the same."""
    made: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(**environment: str) -> Server:
            key = str(sorted(environment.items()))
            if key not in made:
                settings = {"PW_WORKERS": "1", "PW_CACHE_EXPIRE": "2"} | environment
                made[key] = stack.enter_context(Server(["--demo"], settings))
                wait_until(lambda: made[key].json("/health")["gateways_online"] == 1, 20, made[key].output())
            return made[key]

        yield get


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve()
