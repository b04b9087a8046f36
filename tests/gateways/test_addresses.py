"""Gateways at IPv6 addresses and under names, and what happens when address or certificate change."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from pwserver.config import load
from pwserver.config.gateway_definition import GatewayOptions
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from pwserver.simulator import SimulatedGateway
from pwserver.simulator.tls_context import server_context
from tests.gateways.conftest import definition_of, free


def connection_to(scenario: str, gateway: SimulatedGateway, host: str, tmp_path: Path) -> GatewayConnection:
    definition = definition_of(scenario, gateway, host=load({}, {"PW_HOST": host, "PW_GW_PWD": "p"}).gateways[0].host)
    return GatewayConnection(definition, GatewayOptions(timeout_seconds=1, cachefile=str(tmp_path / "login")))


@pytest.mark.parametrize("scenario", ["powerwall2", "local", "v1r"])
@pytest.mark.parametrize("written", ["[::1]:{}", "[fe80::1%eth0]:{}"])
def test_a_gateway_at_an_ipv6_address(
    written: str, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch, "fe80::1%eth0", "::1")  # what reaches the resolver of an address with a zone
    with SimulatedGateway(scenario, host="::1", hour=11.5) as gateway:
        port = gateway.address.rpartition(":")[2]
        connection = connection_to(scenario, gateway, written.format(port), tmp_path)
        try:
            assert connection.poll().aggregates["site"]["instant_power"] is not None
            gateway.fault("unplugged")
            free(connection)
            with pytest.raises(GatewayFailure) as raised:
                connection.poll()
            assert raised.value.cause == "unreachable" and not connection._reachable()
            gateway.fault("none")
            assert connection._reachable()
            free(connection)
            assert connection.poll().soe_raw is not None
        finally:
            connection.close()


class Names:
    """A resolver of our own for one name: no machine has a DNS server that can be changed in a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> None:
        self.address = address
        original = socket.getaddrinfo

        def resolve(host: Any, *more: Any, **named: Any) -> Any:
            return original(self.address if host == name else host, *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("scenario", ["powerwall2", "local", "v1r"])
def test_a_name_with_an_underscore_that_moves_to_another_address(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, "pw_simulator", "127.0.0.1")
    first = SimulatedGateway(scenario, hour=11.5).start()
    port = int(first.address.rpartition(":")[2])
    connection = connection_to(scenario, first, f"pw_simulator:{port}", tmp_path)
    try:
        before = connection.poll()
        first.stop()
        with SimulatedGateway(scenario, host="127.0.0.2", port=port, hour=11.5, rsa_key=first._key):
            names.address = "127.0.0.2"
            free(connection)
            after = connection.poll()
        assert before.din == after.din and after.aggregates["site"]["instant_power"] is not None
    finally:
        connection.close()


@pytest.mark.parametrize("scenario", ["powerwall2", "local", "v1r"])
def test_a_certificate_made_anew_costs_no_poll_after_the_restart(scenario: str, tmp_path: Path) -> None:
    first = SimulatedGateway(scenario, hour=11.5).start()
    port = int(first.address.rpartition(":")[2])
    connection = connection_to(scenario, first, first.address, tmp_path)
    try:
        connection.poll()
        first.stop()
        server_context.cache_clear()  # the next one makes a certificate of its own
        with SimulatedGateway(scenario, port=port, hour=11.5, rsa_key=first._key):
            free(connection)
            assert connection.poll().aggregates["site"]["instant_power"] is not None
        assert connection.status().total_failures == 0
    finally:
        connection.close()


@pytest.mark.parametrize("scenario", ["powerwall2", "local"])
def test_a_name_that_does_not_resolve_is_no_dead_address(scenario: str, tmp_path: Path) -> None:
    with SimulatedGateway(scenario) as gateway:
        connection = connection_to(scenario, gateway, "nobody.invalid", tmp_path)
        try:
            with pytest.raises(GatewayFailure) as raised:
                connection.poll()
            assert raised.value.cause == "name-unknown"
            assert str(connection.status().error).startswith("the name of the gateway cannot be resolved")
        finally:
            connection.close()
