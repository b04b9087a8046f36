"""Scenario ``recorded``: the real pypowerwall makes of it exactly what the predecessors' recordings show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

# pypowerwall speaks to gateways without checking their certificates, which is what they need.
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

SERVER, LOCAL = "pypowerwall-server-0.13.0.json", "local-mode/pypowerwall-server-0.13.0.json"


@pytest.fixture
def powerwall(gateway: Callable[..., Any], connect: Callable[..., Any]) -> Any:
    return connect(gateway("recorded"))


def same(found: Any, wanted: Any, volatile: set[str]) -> None:
    """Equal but for the values of volatile keys; numbers within a relative 1e-6."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert set(found) == set(wanted)
        for key, value in wanted.items():
            if key not in volatile:
                same(found[key], value, volatile)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other, volatile)
    elif isinstance(wanted, float) and not isinstance(found, bool):
        assert found == pytest.approx(wanted, rel=1e-6)
    else:
        assert found == wanted
        assert type(found) is type(wanted)


# Differ from run to run: our clock, our port.
VOLATILE = {"timestamp", "gateway"}


def test_vitals_strings_temperatures(powerwall: Any, recorded: Callable[[str], Any]) -> None:
    bodies = {path: entry.get("body") for path, entry in recorded(SERVER).items()}
    same(powerwall.vitals(), bodies["/vitals"], VOLATILE)
    same(powerwall.strings(), bodies["/strings"], set())
    assert list(powerwall.temps().values()) == list(bodies["/temps/pw"].values())
    assert powerwall.tedapi.get_fan_speeds() == bodies["/fans"]
    assert powerwall.alerts() == bodies["/alerts"]


def test_meters_charge_and_blocks(powerwall: Any, recorded: Callable[[str], Any]) -> None:
    bodies = {path: entry.get("body") for path, entry in recorded(SERVER).items()}
    same(powerwall.poll("/api/meters/aggregates"), bodies["/aggregates"], set())
    same(powerwall.system_status(), bodies["/api/system_status"], set())
    assert powerwall.level() == pytest.approx(bodies["/soe"]["percentage"])
    assert powerwall.get_time_remaining() == pytest.approx(bodies["/pod"]["time_remaining_hours"])
    assert powerwall.get_reserve() is None
    assert powerwall.grid_status() is None
    assert powerwall.version() == bodies["/version"]["version"] == ""


def test_freq_and_pod_follow_from_it(powerwall: Any, recorded: Callable[[str], Any]) -> None:
    bodies = {path: entry.get("body") for path, entry in recorded(SERVER).items()}
    vitals, blocks = powerwall.vitals(), powerwall.system_status()["battery_blocks"]
    freq, pod = bodies["/freq"], bodies["/pod"]
    for number, block in enumerate(blocks, start=1):
        for key in ("p_out", "q_out", "v_out", "f_out", "i_out", "PackagePartNumber", "PackageSerialNumber"):
            assert freq[f"PW{number}_{key}"] == block[key]
        inverter, battery = vitals[freq[f"PW{number}_name"]], vitals[pod[f"PW{number}_name"]]
        for key in ("PINV_Fout", "PINV_VSplit1", "PINV_VSplit2"):
            assert freq[f"PW{number}_{key}"] == inverter[key]
        for key in ("POD_nom_energy_remaining", "POD_nom_full_pack_energy", "POD_available_charge_power"):
            assert pod[f"PW{number}_{key}"] == battery[key]
    everything = {key: value for block in vitals.values() for key, value in block.items()}
    for key, value in freq.items():
        if key.startswith(("ISLAND_", "METER_")):
            assert everything[key] == value


def test_raw_tedapi_answers(powerwall: Any, recorded: Callable[[str], Any]) -> None:
    bodies = {path: entry.get("body") for path, entry in recorded(SERVER).items()}
    tedapi = powerwall.tedapi
    same(tedapi.get_config(), bodies["/tedapi/config"], set())
    same(tedapi.get_status(), bodies["/tedapi/status"], set())
    same(tedapi.get_device_controller(), bodies["/tedapi/controller"], set())
    same(tedapi.get_components(), bodies["/tedapi/components"], set())


def test_local_mode(gateway: Callable[..., Any], connect: Callable[..., Any], recorded: Callable[[str], Any]) -> None:
    bodies = {path: entry.get("body") for path, entry in recorded(LOCAL).items()}
    powerwall = connect(gateway("recorded-local"))
    same(powerwall.vitals(), bodies["/vitals"], set())
    same(powerwall.poll("/api/meters/aggregates"), bodies["/aggregates"], set())
    same(powerwall.poll("/api/site_info"), bodies["/api/site_info"], set())
    same(powerwall.strings(), bodies["/strings"], set())
    assert powerwall.system_status() is None
    assert powerwall.version() == bodies["/version"]["version"]
    assert powerwall.grid_status() == "UP"
