"""List the installations that can be simulated."""

from __future__ import annotations

from collections.abc import Callable

from pwserver.records import record

from . import families
from .gateway_family import GatewayFamily

# The paths of the web API that newer firmware still serves to a logged-in owner.
_NATIVE = ("/api/meters/aggregates", "/api/system_status/soe", "/api/system_status/grid_status")


@record(frozen=True, slots=True)
class Scenario:
    """Describes one installation: its hardware, and the ways in which its gateway can be reached."""

    name: str
    description: str
    make_family: Callable[[], GatewayFamily]
    tedapi: bool = True
    basic_login: bool = True  # TEDAPI over WiFi; on the wired port a solar inverter wants a login of its own
    v1r: bool = False  # the signed LAN transport
    portal_status: int = 200  # of GET /: a Powerwall 3 has no portal there, by which pypowerwall recognises it
    gzip: bool = False  # newer firmware compresses answers even if the request does not allow it
    api_paths: tuple[str, ...] | None = _NATIVE  # the paths of the web API that exist; None: all
    reconnect_seconds: float = 0.0  # simulated time that a house needs to synchronise with the grid again

    def serves(self, path: str) -> bool:
        """Return whether the web API has this path."""
        return self.api_paths is None or path in self.api_paths


_TABLE = (
    Scenario("powerwall2", "two Powerwall 2 with a Tesla solar inverter, TEDAPI over WiFi", families.Powerwall2),
    Scenario(
        "powerwall3",
        "a Powerwall 3 leader with two followers, TEDAPI over WiFi",
        families.Powerwall3,
        portal_status=404,
        gzip=True,
    ),
    Scenario(
        "powerwall3-single",
        "one Powerwall 3 with an expansion pack, TEDAPI over WiFi",
        lambda: families.Powerwall3(1, expansions=1),
        portal_status=403,
        gzip=True,
    ),
    Scenario(
        "v1r",
        "the Powerwall 3 of scenario powerwall3 on its wired port: signed requests, may be written to",
        families.Powerwall3,
        v1r=True,
        portal_status=404,
    ),
    Scenario(
        "generator",
        "one Powerwall 3 beside a generator that runs, TEDAPI over WiFi",
        families.WithGenerator,
        portal_status=404,
    ),
    Scenario("solar-only", "a solar inverter with a Neurio meter and no battery, TEDAPI", families.SolarOnly),
    Scenario(
        "local",
        "two Powerwall 2 on firmware of 2023: the web API with binary vitals, may be written to",
        families.LocalPowerwall2,
        tedapi=False,
        api_paths=None,
    ),
    Scenario(
        "local-new",
        "two Powerwall 2 on newer firmware: the web API without vitals, may be written to",
        families.Powerwall2,
        tedapi=False,
        api_paths=None,
    ),
    Scenario(
        "basic-lan",
        "a Powerwall 3 on its wired port without a key: meters, charge and grid status only",
        families.Powerwall3,
        tedapi=False,
        portal_status=404,
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _TABLE}
