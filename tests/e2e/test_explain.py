"""Every number of the site document of a running server can be asked for: one house, several, one of them away."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pwserver.documents.explanations import leaves
from pwserver.simulator import SimulatedGateway
from pwserver.state.fact import RULES
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import wait_until

OWN = ("server", "repeated", "away", "unknown")  # rules of values that no answer of the gateway is named for


def numbers(body: dict[str, Any]) -> list[str]:
    """The paths of all numbers of a document."""
    return [
        path
        for path, value in leaves(body).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and path != "version"
    ]


def explained(server: Server, name: str, gateway: str | None = None) -> dict[str, Any]:
    query = f"name={quote(name)}" + (f"&gateway={gateway}" if gateway else "")
    answer = server.get(f"/api/explain?{query}")
    assert answer.status == 200, (name, answer.json())
    told: dict[str, Any] = answer.json()
    assert told["sentence"] == RULES[told["rule"]]
    return told


def house_is_explained(server: Server, gateway: str) -> set[str]:
    found = numbers(server.json(f"/api/site/{gateway}"))
    for name in found:
        told = explained(server, name, gateway)
        assert told["name"] == name and told["gateway"] == gateway
        assert (told["answer"] is None) is (told["rule"] in OWN), told
        assert (told["at"] is None) is (told["answer"] is None), told
    return set(found)


def test_every_number_says_where_it_comes_from(tmp_path: Path) -> None:
    with SimulatedGateway("generator", hour=11.5) as home, SimulatedGateway("local", hour=11.5) as cabin:
        home.raise_alert("POD_w024_HW_Fault_Asserted")
        with Server([], many({"home": home, "cabin": cabin}, tmp_path)) as server:
            for gateway in ("home", "cabin"):
                wait_until(lambda name=gateway: server.json(f"/api/site/{name}")["alerts_active"], 30, "alerts")
            home.clear_alert("POD_w024_HW_Fault_Asserted")
            wait_until(lambda: server.json("/api/site/home")["alerts_ended"], 30, "the end of an alert")
            found = house_is_explained(server, "home")
            assert {
                "units.1.charge_percent",
                "meters.generator.watts",
                "flows.solar_to_home_watts",
                "age_seconds",
                "alerts_active.SystemConnectedToGrid.since",
                "alerts_ended.POD_w024_HW_Fault_Asserted.ended",
            } <= found
            assert {"strings.A.watts", "units.2.charge_percent"} <= house_is_explained(server, "cabin")
            for name in numbers(server.json("/api/site")):
                told = explained(server, name)
                if name.startswith("gateways."):
                    assert told["gateway"] in ("home", "cabin") and name.endswith(told["name"])
                else:
                    assert told["name"] == name and told["gateway"] is None
            told = explained(server, "site.meters.generator.watts")
            assert [part["gateway"] for part in told["parts"]] == ["home"]

            cabin.fault("reset")
            wait_until(lambda: server.json("/api/site")["gateways"][1]["state"] == "away", 30, "the outage")
            wait_until(lambda: server.json("/api/site/cabin")["state"] == "away", 30, "the outage of the house")
            assert "last_known.solar_watts" in house_is_explained(server, "cabin")
            told = explained(server, "solar_watts", "cabin")
            assert (told["value"], told["rule"]) == (None, "away") and told["set_aside"]
            assert explained(server, "site.solar_watts")["left_out"][0]["id"] == "cabin"
            for name in numbers(server.json("/api/site")):
                explained(server, name)
            missing = server.get("/api/explain?gateway=home&name=units.9.charge_percent")
            assert missing.status == 404 and "units.1.charge_percent" in missing.json()["names"]
