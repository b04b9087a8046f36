"""Real gateways in software, and connections to them with short patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.connection import GatewayConnection
from pwserver.reading import Reading
from pwserver.simulator import SimulatedGateway
from pwserver.state.judge import GatewayJudge
from tests.simulator.recorded_scenarios import ALL_SCENARIOS

Pair = tuple[SimulatedGateway, GatewayConnection]
Open = Callable[..., Pair]


@pytest.fixture(autouse=True)
def hostile_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with a CA bundle, a proxy and a netrc: none of them may reach a gateway."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login nobody password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def open_gateway(tmp_path: Path) -> Iterator[Open]:
    """``open_gateway(scenario, timeout_seconds=1, ...)`` -> (simulated gateway, connection to it)."""
    with ExitStack() as stack:
        count = 0

        def open_one(scenario: str, *, simulator: dict[str, Any] | None = None, **options: Any) -> Pair:
            nonlocal count
            count += 1
            gateway = stack.enter_context(
                SimulatedGateway(ALL_SCENARIOS[scenario], **{"hour": 11.5, **(simulator or {})})
            )
            definition = definition_of(scenario, gateway)
            options = {"timeout_seconds": 1, "cachefile": str(tmp_path / f"login{count}"), **options}
            connection = GatewayConnection(definition, GatewayOptions(**options))
            stack.callback(connection.close)
            return gateway, connection

        yield open_one


def definition_of(scenario: str, gateway: SimulatedGateway, **changes: Any) -> GatewayDefinition:
    """A configuration for one simulated gateway."""
    found: dict[str, Any] = {"id": "home", "name": "Home", "host": gateway.address}
    if gateway.scenario.tedapi:
        found["gw_pwd"] = gateway.password
        if gateway.scenario.v1r:
            found["rsa_key_path"] = str(gateway.rsa_key_path)
    else:
        found["password"] = gateway.customer_password
    return GatewayDefinition(**{**found, **changes})


def judged(judge: GatewayJudge, reading: Reading) -> Reading:
    """The reading as the documents show it."""
    found = judge.take(reading).reading
    assert found is not None
    return found


def free(connection: GatewayConnection) -> None:
    """Let the waiting time after a failure be over."""
    connection.health.hold_until = connection.health.next_attempt = 0.0
    connection.limiter.hold_until = 0.0
