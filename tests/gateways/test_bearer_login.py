"""A gateway whose TEDAPI wants a login of its own (PW_TEDAPI_AUTH_MODE=bearer): it is read, also after it forgot us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.config.gateway_definition import GatewayOptions
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from pwserver.simulator import SimulatedGateway
from tests.gateways.conftest import definition_of
from tests.simulator.wired_solar import SOLAR_ON_THE_WIRED_PORT


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with SimulatedGateway(SOLAR_ON_THE_WIRED_PORT, hour=11.5) as made:
        yield made


def connection(gateway: SimulatedGateway, tmp_path: Path, own: str | None, general: str) -> GatewayConnection:
    """A connection with the login that its entry and the settings name."""
    definition = definition_of("solar-only", gateway, tedapi_auth_mode=own)
    options = GatewayOptions(timeout_seconds=2, cachefile=str(tmp_path / "login"), tedapi_auth_mode=general)
    return GatewayConnection(definition, options)


@pytest.mark.parametrize(("own", "general"), [(None, "bearer"), ("bearer", "basic")])
def test_it_is_read_and_logged_in_to_again(
    gateway: SimulatedGateway, tmp_path: Path, own: str | None, general: str
) -> None:
    opened = connection(gateway, tmp_path, own, general)
    try:
        for _ in range(3):
            assert opened.poll().aggregates["solar"]["instant_power"] > 1000
            gateway.device.forget_logins()
    finally:
        opened.close()


@pytest.mark.parametrize(("own", "general"), [(None, "basic"), ("basic", "bearer")])
def test_the_other_login_is_refused_and_named(
    gateway: SimulatedGateway, tmp_path: Path, own: str | None, general: str
) -> None:
    opened = connection(gateway, tmp_path, own, general)
    try:
        with pytest.raises(GatewayFailure, match="403"):
            opened.poll()
    finally:
        opened.close()
