"""Questions to Tesla's own history, over both kinds of connection: what is sent, and what comes back."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.gateways.cloud_history import CloudHistory
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from tests.gateways.test_cloud import cloud, fleet, tesla
from tests.tesla import ROOT, Tesla
from tests.tesla_history import TeslaHistory

__all__ = ["tesla"]  # the fixture
BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT, NEXT = 1_792_879_200.0, 1_792_969_200.0  # of the day on which clocks are set back in 2026: 25 hours
PATH = f"{ROOT}/calendar_history"


def connected(mode: str, tesla: Tesla, tmp_path: Path) -> GatewayConnection:
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    connection.poll()
    return connection


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_a_day_is_asked_for_with_both_ends_and_the_zone(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    tesla.history = TeslaHistory()
    connection = connected(mode, tesla, tmp_path)
    history = CloudHistory(connection)
    try:
        assert history.ready
        answer = history.ask("power", MIDNIGHT, NEXT, BERLIN)
        assert answer is not None and len(answer["time_series"]) == 300
        assert tesla.history_asked == [
            {
                "kind": "power",
                "period": "day",
                "start_date": "2026-10-25T00:00:00+02:00",
                "end_date": "2026-10-25T23:59:59+01:00",
                "time_zone": "Europe/Berlin",
            }
        ]
        for nothing in ("", None, [], {}):
            tesla.history = lambda parameters, said=nothing: said  # type: ignore[misc]
            assert not history.ask("soe", MIDNIGHT, NEXT, BERLIN)
        assert connection.poll().connection_mode == mode
        assert "CANARY" not in repr(tesla.history_asked)
    finally:
        connection.close()


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
@pytest.mark.parametrize(
    ("status", "headers", "cause", "wait"),
    [
        (429, {"Retry-After": "90"}, "rate-limit", 90.0),
        (410, {}, "http-error", None),
        (403, {}, "access-denied", None),
        (503, {}, "tesla-fault", None),
    ],
)
def test_a_refusal_has_its_cause_and_polls_go_on(
    mode: str, status: int, headers: dict[str, str], cause: str, wait: float | None, tesla: Tesla, tmp_path: Path
) -> None:
    connection = connected(mode, tesla, tmp_path)
    history = CloudHistory(connection)
    tesla.said[PATH] = (status, b"{}", headers)
    try:
        with pytest.raises(GatewayFailure) as raised:
            history.ask("power", MIDNIGHT, NEXT, BERLIN)
        assert (raised.value.cause, raised.value.retry_after_seconds) == (cause, wait)
        assert connection.poll().connection_mode == mode and history.ready
    finally:
        connection.close()


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_an_answer_that_is_no_json_is_a_failure(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    connection = connected(mode, tesla, tmp_path)
    tesla.said[PATH] = (200, b"<html>", {"Content-Type": "text/html"})
    try:
        with pytest.raises(GatewayFailure, match="could not be understood"):
            CloudHistory(connection).ask("power", MIDNIGHT, NEXT, BERLIN)
    finally:
        connection.close()


def test_nothing_is_asked_before_the_first_poll(tesla: Tesla, tmp_path: Path) -> None:
    connection = cloud(tesla, tmp_path)
    history = CloudHistory(connection)
    try:
        assert not history.ready
        with pytest.raises(GatewayFailure):
            history.ask("power", MIDNIGHT, NEXT, BERLIN)
        assert not tesla.asked
    finally:
        connection.close()
