"""The demo of many houses: all twelve are there, and those that are meant to be in trouble are, for their cause."""

from __future__ import annotations

from typing import Any

from pwserver.demo.houses import ALONE_ALERT, HOUSES
from tests.support.server import Server
from tests.support.waiting import wait_until

CAUSES = {"cabin": "unreachable", "vineyard": "auth"}


def test_twelve_houses_some_in_trouble() -> None:
    with Server(["--demo=houses"], aged=True) as server:

        def houses() -> dict[str, Any]:
            return {one["id"]: one for one in server.json("/api/site")["gateways"]}

        def settled() -> bool:
            found = houses()
            return all(found[name]["cause"] == cause for name, cause in CAUSES.items()) and all(
                one["state"] == "fresh" for name, one in found.items() if name not in CAUSES
            )

        wait_until(settled, 60, "the houses are not as they are meant to be")
        assert list(houses()) == [house.id for house in HOUSES]
        assert {name for name, one in houses().items() if one["grid_state"] == "DOWN"} == {"farm"}
        alerts = {name: server.json(f"/api/gateways/{name}/alerts") for name in ("mill", "maple")}
        assert "BatteryComms" in alerts["mill"] and "BatteryComms" not in alerts["maple"]


def test_the_demo_begins_with_a_year() -> None:
    """Rows, events, batteries and strings of a year are there soon after the start, which does not wait for them."""
    with Server(["--demo"], aged=True) as server:

        def outages() -> list[Any]:
            return [one for one in server.json("/api/events")["events"] if one["kind"] == "grid_up"]

        def strings() -> dict[str, Any]:
            return server.json("/api/solar/strings")["gateways"].get("default", {}).get("strings", {})  # type: ignore[no-any-return]

        def savings() -> float:
            return float((server.json("/api/value?step=year")["total"] or {}).get("solar_savings") or 0.0)

        def days_of_signals() -> float:
            status = server.json("/api/timeseries/status")
            return float(status["signal_daily_rows"] / status["signal_series"])

        wait_until(lambda: len(outages()) == 3, 20, "no outages")
        wait_until(lambda: any(one["weak"] for one in strings().values()), 60, "no string is weak")
        assert sum(bool(one["weak"]) for one in strings().values()) == 1
        assert len(server.json("/api/timeseries/daily?days=366")["days"]) >= 365
        whole = server.json("/api/battery/health")["gateways"]["default"]["whole"]
        assert -5.0 < whole["trend_percent_per_year"] < -2.0
        wait_until(lambda: b'powerwall_outages_total{gateway="default"} 3' in server.get("/metrics").body, 20)
        wait_until(lambda: savings() > 100.0, 60, "no value")
        assert ALONE_ALERT in server.json("/alerts")
        wait_until(lambda: days_of_signals() > 50, 60, "no past of the devices' signals")
        week = server.json(f"/api/timeseries/signal_trend?metrics=string_power&hours={7 * 24}")["series"][0]["points"]
        assert len(week) > 100
        assert min(point["avg"] for point in week) == 0.0 < max(point["avg"] for point in week)
