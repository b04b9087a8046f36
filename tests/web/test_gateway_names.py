"""A name in a path, a query or a topic means one gateway or none: never another one, and never the default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.gateway_lookup import UnknownGateway, find_gateway, find_in_path
from pwserver.simulator import SimulatedGateway
from tests.control.houses import SECRET, House
from tests.streams.client import Client, Refused
from tests.support.server import Answer, Server
from tests.support.waiting import wait_until

BEARER = {"authorization": f"Bearer {SECRET}"}
# segment of the path -> the name an answer tells; none of them is a gateway
UNKNOWN = {
    "nosuch": "nosuch", "G1": "G1", "g1%20": "g1 ", "%20g1": " g1", "g%2531": "g%31", "g1%00": "g1\0", "%FF": "\ufffd",
    "g1%2F": "g1/", "g1%2Fcontrol": "g1/control", "%2e": ".", "%2E%2e": "..", "...": "...", "%": "%", "g%3": "g%3",
    "g1;v=1": "g1;v=1", "%E0%A4": "\ufffd", "g\u0031\u0301".encode().hex(): "6731cc81", "*": "*", "null": "null",
    "aggregates": "aggregates", "%23site": "#site", "g1,g2": "g1,g2", "x" * 300: "x" * 79 + "…",
}  # fmt: skip


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """g1 is a Powerwall 3 that knows backup events; the default gateway is another one, which does not."""
    with SimulatedGateway("v1r", hour=11.5) as g1, SimulatedGateway("powerwall2", hour=11.5) as plain:
        gateways = [
            {"id": "plain", "host": plain.address, "gw_pwd": plain.password},
            {"id": "g1", "host": g1.address, "gw_pwd": g1.password, "rsa_key_path": str(g1.rsa_key_path)},
        ]
        environment = {
            "PW_GATEWAYS": json.dumps(gateways),
            "PW_CONTROL_SECRET": SECRET,
            "PW_CACHE_EXPIRE": "2",
            "PROXY_BASE_URL": "/power",
            "PW_CONTROL_ATTEMPTS": "1000",
            "PW_WORKERS": "1",
        }
        with Server(environment=environment) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30, server.output())
            yield House(g1, server)


def not_found(answer: Answer, name: str) -> None:
    assert (answer.status, answer.json()) == (404, {"detail": f"Gateway {name} not found"})


@pytest.mark.parametrize("base", ["", "/power"])
@pytest.mark.parametrize("segment", UNKNOWN, ids=lambda segment: segment[:12])
def test_a_path_that_names_nobody(house: House, segment: str, base: str) -> None:
    house.forget()
    server, name, root = house.server, UNKNOWN[segment], f"{base}/api/gateways/{segment}"
    for document in ("site", "checks"):
        not_found(server.get(f"{base}/api/{document}/{segment}"), name)
    with pytest.raises(Refused) as refused:
        Client(server.port or 0, f"{base}/ws/site/{segment}")
    assert (refused.value.status, json.loads(refused.value.body)) == (404, {"detail": f"Gateway {name} not found"})
    for path in ("", "/aggregates", "/control/reserve", "/control/max_backup", "/api/status"):
        not_found(server.get(root + path), name)
        not_found(server.get(root + path, headers=BEARER), name)
    not_found(server.get(f"{root}/control/max_backup?token={quote(SECRET)}"), name)
    for action in ("reserve", "max_backup", "mode"):
        not_found(house.post(f"{root}/control/{action}", {"value": 40}), name)
        not_found(house.form(f"{root}/control/{action}", value=40), name)
    not_found(house.post(f"{root}/api/operation", {"backup_reserve_percent": 40}), name)
    assert house.writes() == []
    with Client(server.port or 0, f"{base}/ws/gateway/{segment}") as client:
        assert client.message() == {"error": "Gateway not found"}, "as the predecessor says it"


@pytest.mark.parametrize("name", sorted({*UNKNOWN.values(), "g%31", "\ud7ff", "default"} - {"x" * 79 + "…"}))
def test_a_query_that_names_nobody(house: House, name: str) -> None:
    asked = quote(name, safe="")
    not_found(house.server.get(f"/api/stream?document=site&gateway={asked}"), name)
    for path in (
        "/api/stream",
        "/api/history",
        "/api/battery/health",
        "/api/solar/strings",
        "/api/timeseries/trend",
        "/api/timeseries/daily",
        "/api/timeseries/samples",
        "/api/timeseries/signals",
        "/api/timeseries/signal_trend",
    ):
        not_found(house.server.get(f"{path}?gateway={asked}"), name)
    for path in ("/csv", "/csv/v2?headers", "/json", "/pw/power", "/api/meters/aggregates", "/api/site", "/api/checks"):
        not_found(house.server.get(f"{path}{'&' if '?' in path else '?'}gateway={asked}"), name)


@pytest.mark.parametrize("spelling", ["gateway=g1", "g%61teway=g%31", "x=1&gateway=g1&y"])
@pytest.mark.parametrize("base", ["", "/power"])
def test_a_query_chooses_whose_document_it_is(house: House, spelling: str, base: str) -> None:
    """Such a client got the figures of the default gateway as those of the one that it named."""
    server = house.server
    for path in ("/api/status", "/pw/status/"):  # the one below /api is another document than that of the gateway
        serial = server.json(f"{base}{path}?{spelling}")["din"]
        assert serial == server.json("/api/gateways/g1/pw/status")["din"] != server.json(f"{base}{path}")["din"]
    assert {server.json(f"{base}/api/{path}?{spelling}")["id"] for path in ("site", "checks")} == {"g1"}
    assert server.get(f"{base}/csv?{spelling}&headers").body.startswith(b"Grid,Home")
    assert {server.json(f"{base}/api/{path}/g%31")["id"] for path in ("site", "checks")} == {"g1"}
    for whole in ("gateway=", "gateway=aggregate"):
        assert len(server.json(f"{base}/api/site?{whole}")["gateways"]) == 2
    assert server.get(f"{base}/json?{spelling}&gateway=plain").status == 400
    assert server.get(f"{base}/metrics?{spelling}").status == 200, "it tells of all gateways"
    for path in (
        "/api/gateways/g1",
        "/api/gateways/g1/csv",
        "/api/gateways/g1/api/status",
        "/api/site/g1",
        "/api/checks/g1",
    ):
        assert server.get(f"{base}{path}?{spelling}").status == 200
        other = server.get(f"{base}{path}?gateway=plain")
        assert other.status == 400
        assert '\'gateway\' is "plain", but the path names "g1"' in other.json()["detail"]


@pytest.mark.parametrize("path", [
    "/x/control/max_backup", "/api/gateways//control/max_backup", "/api/control/max_backup",
    "/api/gateways/control/max_backup", "/gateways/g1/control/max_backup", "/api/gateway/g1/control/max_backup",
    "/api/gateways/x/g1/control/max_backup", "/api/gateways/g1/x/control/max_backup", "/control/control/max_backup",
    "/api/gateways/g1%2Fcontrol%2Fmax_backup", "/power/power/control/max_backup", "/powerful/control/max_backup",
    "/API/gateways/g1/control/max_backup", "/control/max_backup/x",
])  # fmt: skip
def test_paths_that_only_end_like_a_command(house: House, path: str) -> None:
    house.forget()
    for method in ("GET", "POST"):
        answer = house.server.get(path, method, BEARER | {"content-type": "application/json"}, b'{"value":60}')
        assert answer.status in (400, 404, 405), (method, answer)
        assert isinstance(answer.json()["detail"], str)
    assert house.writes() == []


@pytest.mark.parametrize("path", ["//control/max_backup", "/api/gateways/g1/control//max_backup"])
def test_slashes_in_a_row_read_but_never_command(house: House, path: str) -> None:
    house.forget()
    assert house.server.get(path).status == 200
    answer = house.server.get(path, "POST", BEARER | {"content-type": "application/json"}, b'{"value":60}')
    assert answer.status in (404, 405), answer
    assert house.writes() == []


@pytest.mark.parametrize("root", ["g1", "g%31", "%67%31", "%671"])
@pytest.mark.parametrize("base", ["", "/power"])
def test_every_spelling_of_a_name_is_that_gateway(house: House, root: str, base: str) -> None:
    server, gateway = house.server, f"{base}/api/gateways/{root}"
    fresh = server.get(f"{gateway}/control/max_backup", headers=BEARER)
    assert fresh.status == 200, fresh
    assert server.get(f"{gateway}/control/max_backup/", headers=BEARER).json() == fresh.json()
    default = server.get(f"{base}/control/max_backup", headers=BEARER)
    assert default.json() == {"error": "max_backup requires v1r LAN transport"}, "the default gateway's"
    assert server.json(gateway)["gateway"]["id"] == "g1"
    assert server.json(f"{base}/api/site/{root}")["id"] == "g1"
    house.forget()
    assert house.post(f"{gateway}/control/reserve", {"value": 41}).status == 200
    assert len(house.writes()) == 1
    with Client(server.port or 0, f"{base}/ws/gateway/{root}") as client:
        assert client.message()["gateway"]["id"] == "g1"
    assert server.get(f"{base}/api/history?gateway={root}").status == 200
    assert server.get(f"{base}/api/timeseries/samples?gateway={root}").status == 200


def test_a_blank_query_is_none(house: House) -> None:
    for path in ("/api/history", "/api/timeseries/trend", "/api/timeseries/samples"):
        assert house.server.get(f"{path}?gateway=").status == house.server.get(path).status == 200


@given(st.text(), st.sets(st.text(), max_size=4))  # without surrogates: neither ids nor URLs have them
def test_the_look_up_decodes_once_and_never_guesses(name: str, known: set[str]) -> None:
    segment = quote(name, safe="")
    for find, asked in ((find_gateway, name), (find_in_path, segment)):
        if name in known:
            assert find(asked, known) == name
        else:
            with pytest.raises(UnknownGateway) as unknown:
                find(asked, known)
            assert len(str(unknown.value)) < 110
