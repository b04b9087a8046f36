"""A replica judges readings that their publisher has judged before; that must change nothing."""

from __future__ import annotations

from pwserver.reading import Answered, Reading
from pwserver.state.judge import GatewayJudge


def test_judging_what_has_been_judged_changes_nothing() -> None:
    told = {"instant_power": 100.5, "energy_imported": 7000.5, "energy_exported": 90.25, "disclaimer": "from Meter X"}
    meters = {name: dict(told) for name in ("site", "battery", "load", "solar")}
    reading = Reading.partial("g", 1.8e9, meters, answers={"energy": Answered("the local API", 1.8e9)})
    once = GatewayJudge().take(reading).reading
    assert once is not None
    assert once.aggregates["site"]["disclaimer"] == "from Meter X; energy from gateway local API"
    twice = GatewayJudge().take(once).reading
    assert twice is not None and twice.aggregates == once.aggregates
