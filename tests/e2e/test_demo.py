"""The demo of many houses: all twelve are there, and those that are meant to be in trouble are, for their cause."""

from __future__ import annotations

from typing import Any

from pwserver.demo.houses import HOUSES
from tests.support.server import Server
from tests.support.waiting import wait_until

CAUSES = {"cabin": "unreachable", "vineyard": "auth"}


def test_twelve_houses_some_in_trouble() -> None:
    with Server(["--demo=houses"]) as server:

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
