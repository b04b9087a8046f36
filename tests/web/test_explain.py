"""/api/explain of the real server."""

from __future__ import annotations

import pytest

from tests.support.server import Server


def test_every_number_of_a_house_is_explained(server: Server) -> None:
    names = server.json("/api/explain?gateway=home")["names"]
    assert {"solar_watts", "charge_percent", "units.1.charge_percent", "meters.grid.imported_wh"} <= set(names)
    told = server.json("/api/explain?gateway=home&name=solar_watts")
    assert told["rule"] == "measured"
    assert told["answer"] and told["member"] == "solar.instant_power" and told["at"] > 1e9
    assert isinstance(told["value"], (int, float))


def test_without_a_gateway_the_sum_is_explained(server: Server) -> None:
    assert "site.home_watts" in server.json("/api/explain")["names"]
    told = server.json("/api/explain?name=site.home_watts")
    assert [part["gateway"] for part in told["parts"]] == ["home"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("gateway=nope&name=solar_watts", "Gateway nope not found"),
        ("gateway=aggregate", "Gateway aggregate not found"),
        ("gateway=home&name=solar_wats", "/api/site/home has no number 'solar_wats'; did you mean solar_watts"),
        ("name=solar_watts", "/api/site has no number 'solar_watts'; did you mean site.solar_watts"),
        ("gateway=home&name=" + "x" * 3000, "/api/site/home has no number 'xxxx"),
        ("name=version", "/api/site has no number 'version'"),
    ],
)
def test_what_there_is_not_is_named(server: Server, query: str, detail: str) -> None:
    answer = server.get(f"/api/explain?{query}")
    assert answer.status == 404
    body = answer.json()
    assert body["detail"].startswith(detail)
    assert len(body["detail"]) < 300
    assert len(body.get("names", ())) <= 100
