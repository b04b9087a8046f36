"""This server can be read by any name; what a page could abuse by taking a name on (DNS rebinding) stays closed."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config.server_settings import WebSettings
from pwserver.web.own_names import OwnNames
from pwserver.web.shared_regions import NAMES_BYTES, TOLD_NAMES
from tests.control.houses import SECRET
from tests.support.server import Answer, Server

NAMES = [
    "nas.fritz.box", "pi.home", "pi.tail1234.ts.net:8675", "house.duckdns.org", "pypowerwall.powerwall:8675",
    "evil.example", "EVIL.example.:8675", "power.example.org:443", "10.0.0.5.nip.io", "xn--bcher-kva.example",
]  # fmt: skip
READS = ["/soe", "/json", "/csv?headers", "/version", "/", "/console", "/docs", "/api/history?range=1h", "/nowhere"]
BODY = b'{"value":40}'
TOKEN = {"content-type": "application/json", "authorization": f"Bearer {SECRET}"}
Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """serve(**environment): a server of one demo house with these settings, made when first asked for."""
    made: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(**environment: str) -> Server:
            key = json.dumps(environment, sort_keys=True)
            if key not in made:
                settings = {"PW_CONTROL_SECRET": SECRET, "PW_RATE_LIMIT_ENABLED": "no"} | environment
                made[key] = stack.enter_context(Server(["--demo=v1r"], settings))
                made[key].wait_for_data()
            return made[key]

        yield get


def write(server: Server, host: str, **headers: str) -> Answer:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.get("/control/reserve?dry_run", "POST", TOKEN | {"host": host} | more, BODY)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_may_read(serve: Serve, name: str) -> None:
    server = serve()
    for target in READS:
        plain, named = (server.get(target, headers={"host": host}) for host in ("127.0.0.1", name))
        assert named.status == plain.status and named.status != 421, target
        # What it may read, a page of any other name may read as well.
        assert named.headers["access-control-allow-origin"] == "*", target


@pytest.mark.parametrize("name", NAMES)
def test_a_program_may_write_by_any_name(serve: Serve, name: str) -> None:
    assert write(serve(), name).status == 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_a_page_of_an_unknown_name_may_not_write(serve: Serve, name: str, site: str) -> None:
    more = {"sec_fetch_site": site} if site else {}
    answer = write(serve(), name, origin=f"http://{name}", **more)
    assert answer.status == 421
    assert "PW_ALLOWED_HOSTS" in answer.json()["detail"] and name.partition(":")[0] in answer.json()["detail"]


def test_a_page_of_an_unknown_name_may_not_try_tokens(serve: Serve) -> None:
    server = serve()
    for token in (SECRET, "a guess"):
        for target in ("/control/max_backup", "/api/gateways/default/control/max_backup"):
            answer = server.get(target, headers={"host": "evil.example", "authorization": f"Bearer {token}"})
            assert answer.status == 421, target
            answer = server.get(f"{target}?token={token.replace(' ', '+')}", headers={"host": "evil.example"})
            assert answer.status == 421, target
    for method, target in (("PUT", "/control/reserve"), ("DELETE", "/soe"), ("POST", "/health/reset")):
        answer = server.get(target, method, {"host": "evil.example", "origin": "http://evil.example"})
        assert answer.status == 421, (method, target)
    assert "wrong token" not in server.output()


def test_pages_of_known_names_may_write(serve: Serve) -> None:
    server = serve(PW_ALLOWED_HOSTS="nas.fritz.box, *.ts.net")
    for name in ("nas.fritz.box:8675", "pi.tail.ts.net", "pypowerwall", "pi.local", "192.168.1.5:8675", "[fd00::5]"):
        assert write(server, name, origin=f"http://{name}", sec_fetch_site="same-origin").status == 200, name
    assert write(server, "pi.home", origin="http://pi.home").status == 421


def test_listed_origins_close_unknown_names(serve: Serve) -> None:
    server = serve(CORS_ORIGINS='["https://grafana.example"]', PW_ALLOWED_HOSTS="nas.fritz.box")
    for target in READS:
        for host in NAMES[1:]:
            answer = server.get(target, headers={"host": host})
            assert answer.status == 421
            assert "PW_ALLOWED_HOSTS" in answer.json()["detail"]
        for host in ("nas.fritz.box:8675", f"{socket.gethostname()}:8675", "pi.local", "[::1]:8675"):
            assert server.get(target, headers={"host": host}).status != 421
    assert write(server, "pi.home").status == 421
    assert write(server, "nas.fritz.box", origin="https://grafana.example", sec_fetch_site="cross-site").status == 200


def test_each_refused_name_is_told_once_by_all_workers_together(serve: Serve) -> None:
    server = serve(PW_HOST_CHECK="yes", PW_WORKERS="2")
    for _ in range(20):  # each on a connection of its own, so that both workers get some
        for name in ("one.example", "One.Example:8675", "two.example."):
            assert server.get("/soe", headers={"host": name}).status == 421
    for number in range(3 * TOLD_NAMES):
        assert server.get("/soe", headers={"host": f"n{number}.example"}).status == 421
    lines = [line for line in server.output().splitlines() if "PW_ALLOWED_HOSTS" in line]
    # Where two workers meet, a name may be told twice; the bound holds all the same.
    assert sum("one.example" in line.lower() for line in lines) == 1
    assert sum("two.example" in line for line in lines) == 1
    assert len(lines) <= 2 * TOLD_NAMES


def test_the_check_can_be_strict_or_off(serve: Serve) -> None:
    strict = serve(PW_HOST_CHECK="yes", PW_WORKERS="2")
    off = serve(PW_HOST_CHECK="no", CORS_ORIGINS='["https://grafana.example"]')
    for target in READS:
        refused = strict.get(target, headers={"host": "nas.fritz.box"})
        assert refused.status == 421 and "PW_ALLOWED_HOSTS" in refused.json()["detail"]
        assert strict.get(target, headers={"host": "127.0.0.1"}).status != 421
        assert off.get(target, headers={"host": "nas.fritz.box"}).status != 421
    assert write(strict, "nas.fritz.box").status == 421
    assert write(off, "nas.fritz.box", origin="http://nas.fritz.box", sec_fetch_site="same-origin").status == 200


# One choice each: names that are put together from choices take most of the test's time.
NAME = st.sampled_from(
    ["{}-{}.{}{}".format(*parts) for parts in product(("pi", "PI"), range(60), ("lan", "home.arpa"), ("", ".", ":80"))]
)


@given(st.lists(NAME, max_size=80))
def test_the_names_told_are_bounded(names: list[str]) -> None:
    told = OwnNames(WebSettings(), memoryview(bytearray(NAMES_BYTES)))
    bare = [name.partition(":")[0].lower().rstrip(".") for name in names]
    news = [told._is_news(name.partition(":")[0]) for name in names]
    assert sum(news) == min(TOLD_NAMES, len(set(bare)))
    assert all(
        new == (bare.index(name) == at) for at, (name, new) in enumerate(zip(bare, news, strict=True)) if at < 32
    )
