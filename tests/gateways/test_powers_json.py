"""A program that tells the four powers and the charge, and everything such a program can do wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.command_routes import CommandNotSent, choose
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from pwserver.modes import ConnectionMode, Reach
from pwserver.state.judge import GatewayJudge, Judged
from tests.monitor import KEY, TOLD, Monitor


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor() as found:
        yield found


@pytest.fixture
def connection(monitor: Monitor) -> Iterator[GatewayConnection]:
    found = GatewayConnection(
        GatewayDefinition("house", "House", powers_url=monitor.url), GatewayOptions(timeout_seconds=1)
    )
    yield found
    found.close()


def judged(connection: GatewayConnection) -> Judged:
    return GatewayJudge().take(connection.poll())


def watts(found: Judged) -> dict[str, float | None]:
    return {name: meter.watts.value for name, meter in found.meters.items()}


def test_the_powers_and_the_charge_and_nothing_else(monitor: Monitor, connection: GatewayConnection) -> None:
    before = time.time()
    found = judged(connection)
    assert watts(found) == {name: TOLD[name] for name in ("site", "battery", "load", "solar")}
    assert found.charge.raw_percent.value == 81.0 and found.charge.app_percent.value == 80.0
    assert found.balance_watts.value == 0.0
    for fact in (found.meters["load"].watts, found.charge.raw_percent):
        assert fact.answer == f"the JSON of {monitor.address}" and before <= (fact.at or 0.0) <= time.time()
    assert found.grid.state.value is None and found.charge.capacity_wh.value is None and found.alerts is None
    assert found.units == () and found.operation.mode.value is None and found.meters["load"].imported_wh.value is None
    assert monitor.asked == [f"/api/powers?token={KEY}"], "one request a poll, and none to log in"
    monitor.tell({**TOLD, "solar": 10.0})
    assert watts(judged(connection))["solar"] == 10.0
    status = connection.status()
    assert status.state == "ok" and status.connection_mode == "Powers" and status.mode == "Local"
    assert connection.identity.host == monitor.address and connection.identity.port is None


@pytest.mark.parametrize(
    ("told", "expected", "percent"),
    [
        ({"solar": 5.0}, {"site": None, "battery": None, "load": None, "solar": 5.0}, None),
        ({**TOLD, "load": "1900", "site": None, "battery": True}, {"site": None, "battery": None, "load": None}, 81.0),
        ({**TOLD, "percentage": 181.0}, {}, None),
        ({**TOLD, "percentage": "81"}, {}, None),
        ({"solar": {"instant_power": 7, "energy_exported": 3}, "percentage": 0}, {"solar": 7, "load": None}, 0.0),
        ({**TOLD, "grid_status": "DOWN", "mode": "backup", "busway": 3.0}, {"load": 1900.0}, 81.0),
    ],
)
def test_what_is_not_told_is_not_known(
    told: Any, expected: dict[str, Any], percent: float | None, monitor: Monitor, connection: GatewayConnection
) -> None:
    monitor.tell(told)
    found = judged(connection)
    assert {name: watts(found)[name] for name in expected} == expected
    assert found.charge.raw_percent.value == percent
    assert found.grid.state.value is None and found.operation.mode.value is None and len(found.meters) == 4


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        (b"", "garbage"),
        (b"no", "garbage"),
        (b"[1]", "garbage"),
        (b'{"solar": 1', "garbage"),
        (b'{"solar": 1, "solar": 2}', "garbage"),
        (b'{"solar": NaN}', "garbage"),
        (b'{"solar": 1e999}', "garbage"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "garbage"),
        (b"{" + b'"a": 1, ' * 200_000 + b'"solar": 1}', "garbage"),
        (b"\xff\xfe", "garbage"),
        (b" " * 9_000_000 + b"{}", "garbage"),
        (b"{}", "no-data"),
        (b'{"percentage": 50}', "no-data"),
        (b'{"solar": null}', "no-data"),
    ],
)
def test_an_odd_answer_is_a_failure_with_its_cause(
    told: bytes, cause: str, monitor: Monitor, connection: GatewayConnection
) -> None:
    monitor.tell(told)
    with pytest.raises(GatewayFailure) as failure:
        connection.poll()
    assert failure.value.cause == cause
    assert KEY not in str(failure.value) and "/api/powers" not in str(failure.value)


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (404, {}, "http-error"),
        (500, {}, "http-error"),
        (401, {}, "auth"),
        (403, {}, "auth"),
        (302, {"Location": "/elsewhere"}, "redirect"),
        (429, {"Retry-After": "7"}, "rate-limit"),
    ],
)
def test_a_refusal_is_told_without_the_address(
    status: int, headers: dict[str, str], cause: str, monitor: Monitor, connection: GatewayConnection
) -> None:
    monitor.status, monitor.headers = status, headers
    with pytest.raises(GatewayFailure) as failure:
        connection.poll()
    assert failure.value.cause == cause and f"(HTTP {status})" in failure.value.message
    assert KEY not in failure.value.message and "/api/powers" not in failure.value.message
    assert len(monitor.asked) == 1, "a redirect is not followed"
    if cause == "rate-limit":
        assert failure.value.retry_after_seconds == 7.0
        with pytest.raises(GatewayFailure):
            connection.poll()
        assert len(monitor.asked) == 1, "nothing is sent while it asked us to wait"


def test_a_dripping_answer_ends_in_time(monitor: Monitor, connection: GatewayConnection) -> None:
    monitor.drip_seconds = 0.4  # each byte within the patience of one read, all of them in half a minute
    with pytest.raises(GatewayFailure) as failure:
        connection.poll()
    assert failure.value.cause == "timeout"
    poll_seconds = connection.status().poll_seconds
    assert poll_seconds is None or poll_seconds < 10.0


def test_a_program_that_is_gone(monitor: Monitor, connection: GatewayConnection) -> None:
    connection.poll()
    monitor.stop()
    with pytest.raises(GatewayFailure) as failure:
        connection.poll()
    assert failure.value.cause == "unreachable"
    assert KEY not in failure.value.message


def test_nothing_can_be_written(connection: GatewayConnection) -> None:
    connection.poll()
    assert connection.reach is Reach.POWERS
    for action in ("operation", "islanding", "tariff", "grid_charging"):
        with pytest.raises(CommandNotSent):
            choose(connection, action)


def test_every_configured_mode_leads_to_a_known_kind_of_connection() -> None:
    for mode in ConnectionMode:
        assert mode.reach.label == mode.label and mode.reach.remote is mode.remote, mode
    assert len({reach.word for reach in Reach}) == len(Reach)
    assert len({mode.word for mode in ConnectionMode}) == len(ConnectionMode)


def test_the_mode_takes_the_files_that_the_documentation_names() -> None:
    """One place for each thing: the rest of the program does not know that this mode exists."""
    root = Path(__file__).parents[2]
    told = (root / "docs/contributing.md").read_text("utf-8").partition("## How to add a connection mode")[2]
    told = told.partition("\n## ")[0]
    named = re.findall(r"^\| `(pwserver/[a-z_/]+\.py)` \|", told, re.MULTILINE)
    knowing = [
        str(path.relative_to(root))
        for path in (*(root / "pwserver").rglob("*.py"), *(root / "static").rglob("*.js"))
        if re.search(r"powers_url|ConnectionMode\.POWERS|\"Powers\"", path.read_text("utf-8"))
    ]
    assert sorted(named) == sorted(knowing) and len(named) <= 5
