"""A house of which only the four powers and the charge are known, over a real server: nothing is invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.catalogue import statuses
from tests.e2e.conftest import IMPATIENT
from tests.monitor import KEY, TOLD, Monitor
from tests.support.server import Server
from tests.support.waiting import wait_until

CONTROL = {"PW_CONTROL_SECRET": "controlled", "PW_HEARTBEAT_TIMEOUT": "20"}


@pytest.fixture(scope="module")
def monitor() -> Iterator[Monitor]:
    with Monitor() as found:
        yield found


@pytest.fixture(scope="module")
def server(monitor: Monitor) -> Iterator[Server]:
    with Server(environment={"PW_POWERS_URL": monitor.url, **IMPATIENT, **CONTROL}) as made:
        made.wait_for_data()
        wait_until(lambda: made.get("/readyz").status == 200, 30, made.output())
        yield made


def test_every_output_tells_the_powers(server: Server) -> None:
    assert server.json("/aggregates")["load"]["instant_power"] == TOLD["load"]
    house = server.json("/api/site/default")
    assert {name: house[f"{name}_watts"] for name in ("grid", "battery", "home", "solar")} == {
        "grid": -2100.5,
        "battery": 0,
        "home": 1900,
        "solar": 4000.5,
    }
    assert house["charge_percent"] == 80 and house["mode"] is None and house["grid_state"] is None
    assert server.json("/api/site")["site"]["solar_watts"] == 4000.5
    metrics = server.get("/metrics").body.decode()
    assert 'powerwall_solar_power_watts{gateway="default"} 4000.5' in metrics
    assert 'powerwall_battery_charge_raw_ratio{gateway="default"} 0.81' in metrics
    assert "powerwall_grid_connected{" not in metrics and "_joules_total{" not in metrics
    assert "solar_power_watts=4000.5" in server.get("/influx").body.decode()
    assert server.get("/csv").body.decode().strip() == "-2100.50,1900.00,4000.50,0.00,81.00"
    assert server.state()["connection_mode"] == "Powers"
    explained = server.json("/api/explain?gateway=default&name=solar_watts")
    assert explained["answer"].startswith("the JSON of 127.0.0.1:") and explained["value"] == 4000.5


def test_no_address_fails_and_none_shows_the_key(server: Server) -> None:
    for target, allowed in statuses(["default"], "default").items():
        answer = server.get(target)
        assert answer.status in allowed, (target, answer)
        if "json" in answer.headers.get("content-type", "") and answer.status == 200:
            json.loads(answer.body)
        assert KEY.encode() not in answer.body, target
    assert KEY not in server.output()


def test_numbers_that_nobody_told_are_null(server: Server) -> None:
    """Samples of the library and zeros would be the easy way to fill the old shapes."""
    meters: dict[str, Any] = server.json("/aggregates")
    for meter in meters.values():
        assert {name for name, value in meter.items() if value is not None} <= {"instant_power"}
    for target in ("/freq", "/pod", "/temps", "/alerts", "/strings", "/api/operation", "/api/system_status"):
        answer = server.get(target)
        if answer.status == 200:
            assert not numbers(answer.json(), skip=("percentage",)), (target, answer.body)


def numbers(body: Any, skip: tuple[str, ...] = ()) -> list[Any]:
    if isinstance(body, dict):
        return [found for name, inner in body.items() if name not in skip for found in numbers(inner, skip)]
    if isinstance(body, list):
        return [found for inner in body for found in numbers(inner, skip)]
    return [body] if isinstance(body, (int, float)) and not isinstance(body, bool) else []


def test_a_command_is_refused(server: Server) -> None:
    headers = {"Authorization": "Bearer controlled", "Content-Type": "application/json"}
    answer = server.get("/control/reserve", "POST", headers, b'{"value": 20}')
    assert answer.status in (409, 501, 503) and "Powers cannot write" in answer.body.decode(), answer


def test_the_configuration_says_what_is_wrong() -> None:
    for more, words in (
        ({"PW_HOST": "192.168.91.1"}, "PW_POWERS_URL: PW_POWERS_URL stands alone; leave out PW_HOST"),
        ({"PW_POWERS_URL": "ftp://a/b"}, "an http:// or https:// URL"),
        ({"PW_POWERS_URL": "http://owner:secret@a/b"}, "without user, password"),
    ):
        with pytest.raises(AssertionError) as failed:
            Server(environment={"PW_POWERS_URL": "http://127.0.0.1:1/", **more}).__enter__()
        assert words in str(failed.value) and "secret@" not in str(failed.value)
