"""Attacks on control: nothing gets through, and every refusal is a clear JSON error."""

from __future__ import annotations

import hmac
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pwserver.config.server_settings import ControlSettings
from tests.control.houses import FORM, JSON, SECRET, House
from tests.support.server import Answer
from tests.support.waiting import wait_until

RIGHT = f"Bearer {SECRET}"
BODY = b'{"value":40}'


def refused(house: House, answer: Answer, *statuses: int) -> None:
    """A clear JSON error, with nothing of the secret in it, and no write."""
    assert answer.status in statuses, answer
    assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    assert isinstance(told, dict) and len(told) == 1 and next(iter(told)) in ("detail", "error", "unauthorized")
    assert next(iter(told.values()))
    assert SECRET.encode() not in answer.body
    assert house.writes() == []


@pytest.fixture
def target(houses: Callable[..., House]) -> House:
    found = houses("v1r", PW_ISLANDING_COOLDOWN="0")
    found.forget()
    return found


# name -> (statuses, method, path, headers, body)
Attack = tuple[tuple[int, ...], str, str, dict[str, str], bytes]
TOKEN = {"authorization": RIGHT, "content-type": JSON}
ATTACKS: dict[str, Attack] = {
    # --- the token
    "no token": ((401,), "POST", "/control/reserve", {"content-type": JSON}, BODY),
    "no token, form": ((401,), "POST", "/control/reserve", {"content-type": FORM}, b"value=40"),
    "wrong token": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": "Bearer wrong"}, BODY),
    "wrong token, form": ((401,), "POST", "/control/reserve", {"content-type": FORM}, b"value=40&token=wrong"),
    "empty token": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": "Bearer "}, BODY),
    "a beginning of the token": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": RIGHT[:-1]}, BODY),
    "more than the token": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": RIGHT + "x"}, BODY),
    "another scheme": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": f"Basic {SECRET}"}, BODY),
    "basic": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": f"basic {SECRET}"}, BODY),
    "token that is no text": ((401,), "POST", "/control/reserve", TOKEN | {"authorization": "Bearer \xff\xfe"}, BODY),
    "token in the URL": ((401,), "POST", f"/control/reserve?token={SECRET.replace(' ', '%20')}",
                         {"content-type": JSON}, BODY),
    "token in a cookie": ((401,), "POST", "/control/reserve",
                          {"content-type": JSON, "cookie": f"token={SECRET}"}, BODY),
    "token in the JSON body": ((401,), "POST", "/control/reserve", {"content-type": JSON},
                               json.dumps({"value": 40, "token": SECRET}).encode()),
    "the cookie of the login": ((401,), "POST", "/control/reserve",
                                {"content-type": JSON, "cookie": "AuthCookie=1234567890"}, BODY),
    "the token of the login": ((401,), "POST", "/control/reserve",
                               TOKEN | {"authorization": "Bearer 1234567890"}, BODY),
    "reset without token": ((401,), "POST", "/health/reset", {}, b""),
    "tariff without token": ((401,), "POST", "/api/tesla/time_of_use_settings", {"content-type": JSON}, b"{}"),
    "raw path without token": ((401,), "POST", "/api/gateways/default/api/operation", {"content-type": JSON}, BODY),
    "a gateway's control without token": ((401,), "POST", "/api/gateways/default/control/reserve",
                                          {"content-type": JSON}, BODY),
    # --- methods
    "PUT": ((405,), "PUT", "/control/reserve", TOKEN, BODY),
    "PATCH": ((405,), "PATCH", "/control/reserve", TOKEN, BODY),
    "DELETE": ((405,), "DELETE", "/control/max_backup", TOKEN, b""),
    "method override": ((405,), "PUT", "/control/reserve", TOKEN | {"x-http-method-override": "POST"}, BODY),
    "POST to a document": ((405,), "POST", "/aggregates", TOKEN, BODY),
    "POST to a gateway's document": ((404, 405), "POST", "/api/gateways/default/vitals", TOKEN, BODY),
    # --- other sites' pages
    "cross-site form": ((403,), "POST", "/control/reserve",
                        {"content-type": FORM, "origin": "http://evil.example", "sec-fetch-site": "cross-site"},
                        f"value=40&token={SECRET.replace(' ', '+')}".encode()),
    "cross-site fetch": ((403,), "POST", "/control/reserve", TOKEN | {"sec-fetch-site": "cross-site"}, BODY),
    "same site, other port": ((403,), "POST", "/control/reserve", TOKEN | {"sec-fetch-site": "same-site"}, BODY),
    "old browser, other origin": ((403,), "POST", "/control/reserve", TOKEN | {"origin": "http://evil.example"}, BODY),
    "sandboxed frame": ((403,), "POST", "/control/reserve", TOKEN | {"origin": "null"}, BODY),
    "origin that only looks like ours": ((403,), "POST", "/control/reserve",
                                         TOKEN | {"origin": "http://localhost.evil.example"}, BODY),
    "text/plain, which needs no preflight": ((422,), "POST", "/control/reserve",
                                             {"content-type": "text/plain", "authorization": RIGHT}, BODY),
    "cross-site reset": ((403,), "POST", "/health/reset", TOKEN | {"sec-fetch-site": "cross-site"}, b""),
    "rebound name": ((400, 403, 421), "POST", "/control/reserve",
                     TOKEN | {"host": "evil.example", "sec-fetch-site": "same-origin"}, BODY),
    "rebound name with its own origin": ((400, 403, 421), "POST", "/control/reserve",
                                         TOKEN | {"host": "evil.example", "origin": "http://evil.example"}, BODY),
    # --- bodies
    "too long": ((413, 400), "POST", "/control/reserve", TOKEN, b'{"value":40,"x":"' + b"x" * 5000 + b'"}'),
    "far too long": ((413,), "POST", "/control/reserve", TOKEN, b"x" * 100_000),
    "too long form": ((400,), "POST", "/control/reserve", {"content-type": FORM}, b"token=x&value=" + b"4" * 5000),
    "an array": ((422,), "POST", "/control/reserve", TOKEN, b"[40]"),
    "no JSON": ((422,), "POST", "/control/reserve", TOKEN, b"{value:40}"),
    "no UTF-8": ((422,), "POST", "/control/reserve", TOKEN, b'{"value":40,"x":"\xff"}'),
    "a name twice": ((422,), "POST", "/control/reserve", TOKEN, b'{"value":40,"value":41}'),
    "NaN": ((422,), "POST", "/control/dispatch", TOKEN, b'{"power_watts":NaN,"duration_seconds":5}'),
    "deeply nested": ((422,), "POST", "/control/reserve", TOKEN, b"[" * 4000),
    "an endless number": ((422, 400), "POST", "/control/reserve", TOKEN, b'{"value":' + b"9" * 4000 + b"}"),
    "a field twice": ((400,), "POST", "/control/reserve", {"content-type": FORM},
                      f"value=40&value=41&token={SECRET.replace(' ', '+')}".encode()),
    "many fields": ((400,), "POST", "/control/reserve", {"content-type": FORM}, b"&".join([b"a=1"] * 500)),
    "multipart": ((422,), "POST", "/control/reserve",
                  {"content-type": "multipart/form-data; boundary=x", "authorization": RIGHT}, b"--x--"),
    "NUL in the action": ((400, 404), "POST", "/control/reserve%00", TOKEN, BODY),
    # --- ways to a gateway's own API
    "unknown action": ((404,), "POST", "/control/sitemaster", TOKEN, b"{}"),
    "a gateway's own path": ((404,), "POST", "/api/gateways/default/api/sitemaster/run", TOKEN, b"{}"),
    "the installer's": ((404,), "POST", "/api/gateways/default/api/installer", TOKEN, b"{}"),
    "islanding of the local API": ((404,), "POST", "/api/gateways/default/api/v2/islanding/mode", TOKEN, b"{}"),
    "dots": ((404, 400), "POST", "/api/gateways/default/api/../api/operation", TOKEN, b"{}"),
    "encoded dots": ((404, 400), "POST", "/api/gateways/default/api/%2e%2e/operation", TOKEN, b"{}"),
    "encoded slash": ((404, 400), "POST", "/api/gateways/default/api/x%2foperation", TOKEN, b"{}"),
    "double slash": ((404, 400), "POST", "/api/gateways/default/api//operation", TOKEN, b"{}"),
    "slash at the end": ((404, 400), "POST", "/api/gateways/default/api/operation/x", TOKEN, b"{}"),
    "a query for the gateway": ((404, 400), "POST", "/api/gateways/default/api/sitemaster?x=/api/operation", TOKEN,
                                b"{}"),
    "unlisted below /api": ((404, 405), "POST", "/api/sitemaster/run", TOKEN, b"{}"),
    "operation itself": ((404, 405), "POST", "/api/operation", TOKEN, BODY),
    "a gateway that is none": ((404,), "POST", "/api/gateways/nope/control/reserve", TOKEN, BODY),
    "a gateway named by dots": ((404, 400), "POST", "/api/gateways/../control/reserve", TOKEN | {"authorization": "x"},
                                BODY),
    "more members than the raw path knows": ((400,), "POST", "/api/gateways/default/api/operation", TOKEN,
                                             b'{"real_mode":"backup","freq_shift_load_shed_soe":0}'),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_refused(target: House, name: str) -> None:
    statuses, method, path, headers, body = ATTACKS[name]
    asked = Counter(target.gateway.requests.by_path)
    refused(target, target.server.get(path, method, headers, body), *statuses)
    new = set(target.gateway.requests.by_path) - set(asked)
    assert not [path for path in new if path not in ("/tedapi/v1r", "/tedapi/din", "/api/login/Basic")], new


VALUES: list[tuple[str, Any]] = [
    *(("reserve", {"value": value}) for value in (-1, 101, 40.0, "40", True, None, [], {}, 10**30)),
    ("reserve", {}),
    ("reserve", {"value": 40, "mode": "off"}),
    ("reserve", {"value": 40, "mode": None}),
    *(("mode", {"value": value}) for value in ("", "BACKUP", "manual", 1, None, ["backup"])),
    ("mode", {"value": "backup", "level": 101}),
    ("mode", {"value": "backup", "level": -1}),
    ("mode", {"value": "backup", "level": "20"}),
    ("mode", {"value": "backup", "level": True}),
    ("reserve_hold", {"value": 1}),
    *(("grid_charging", {"value": value}) for value in ("true", 1, 0, None, "yes")),
    *(("grid_export", {"value": value}) for value in ("always", "BATTERY_OK", True, None, ["never"])),
    *(("max_backup", {"value": value}) for value in (59, 0, -60, 4294967296, "3600", 60.5, True, None, "CANCELLED")),
    *(("dispatch", {"power_watts": watts, "duration_seconds": 60}) for watts in ("1", None, True, [1])),
    *(("dispatch", {"power_watts": 1, "duration_seconds": seconds}) for seconds in (0, 86401, 1.5, "60", True, None)),
    ("resume", {"now": True}),
    *(("islanding", {"value": value, "confirm": True}) for value in ("off", "OFF_GRID", None, 6, ["off_grid"])),
    ("islanding", {"value": "off_grid"}),
    ("islanding", {"value": "off_grid", "confirm": False}),
    ("islanding", {"value": "off_grid", "confirm": "true"}),
    ("islanding", {"value": "off_grid", "confirm": 1}),
    ("islanding", {"value": "on_grid", "confirm": None}),
    ("islanding", {"confirm": True}),
]


@pytest.mark.parametrize("prefix", ["", "/api/gateways/default"])
def test_values_out_of_range_or_of_the_wrong_type(target: House, prefix: str) -> None:
    for action, body in VALUES:
        answer = target.post(f"{prefix}/control/{action}", body)
        refused(target, answer, 400)
        assert re.search(r"must|Invalid|requires", answer.json()["detail"]), (action, body, answer)


FORMS: list[tuple[str, dict[str, str]]] = [
    *(("reserve", {"value": value}) for value in ("-1", "101", "4e1", "40.0", " 40", "٤٠", "+40", "9" * 30)),
    ("mode", {"value": "off"}),
    ("mode", {"value": "backup", "level": "101"}),
    ("reserve", {"value": "40", "mode": "off"}),
    ("grid_charging", {"value": "1"}),
    ("grid_export", {"value": "always"}),
    *(("max_backup", {"value": value}) for value in ("59", "-60", "1e3", "4294967296", "x")),
    *(("dispatch", {"power_watts": watts, "duration_seconds": "60"}) for watts in ("nan", "inf", "-inf", "", "x")),
    ("dispatch", {"power_watts": "1", "duration_seconds": "0"}),
    ("reserve_hold", {"value": "1"}),
    ("foo", {"value": "1"}),
]


def test_forms_out_of_range(target: House) -> None:
    for action, fields in FORMS:
        answer = target.form(f"/control/{action}", **fields)
        refused(target, answer, 400)
        assert "error" in answer.json(), (action, fields)


def test_a_get_never_writes(target: House) -> None:
    query = f"value=40&token={SECRET.replace(' ', '%20')}&confirm=true&power_watts=1&duration_seconds=60"
    actions = ("reserve", "mode", "reserve_hold", "grid_charging", "grid_export", "islanding", "dispatch", "resume")
    for method in ("GET", "HEAD", "OPTIONS"):
        for action in actions:
            for prefix in ("", "/api/gateways/default"):
                target.server.get(f"{prefix}/control/{action}?{query}", method, {"authorization": RIGHT})
    target.server.get(f"/health/reset?{query}", "GET", {"authorization": RIGHT})
    target.server.get(f"/api/tesla/time_of_use_settings?{query}", "GET", {"authorization": RIGHT})
    assert target.writes() == []


def test_a_page_of_ours_may_write(target: House) -> None:
    ours = f"http://127.0.0.1:{target.server.port}"
    assert target.post("/control/resume", {}, origin=ours, sec_fetch_site="same-origin").status == 200
    assert target.post("/control/resume", {}, origin=ours).status == 200


def test_islanding_inside_the_cool_down(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_ISLANDING_COOLDOWN="600")
    assert house.post("/control/islanding", {"value": "on_grid"}).status in (200, 429)
    house.forget()
    for path in ("/control/islanding", "/api/gateways/default/control/islanding"):
        answer = house.post(path, {"value": "off_grid", "confirm": True})
        refused(house, answer, 429)
        assert 0 < int(answer.headers["retry-after"]) <= 600


def test_a_replayed_request_with_a_key_is_refused(target: House) -> None:
    key = f"once-{time.time()}"
    body = {"power_watts": 500, "duration_seconds": 60}
    assert target.post("/control/dispatch", body, idempotency_key=key).status == 200
    target.forget()
    refused(target, target.post("/control/dispatch", body, idempotency_key=key), 409)


def test_control_is_off_without_a_secret(houses: Callable[..., House]) -> None:
    off = houses("v1r", PW_CONTROL_SECRET="")
    refused(off, off.post("/control/reserve", {"value": 40}), 403)
    refused(off, off.post("/control/reserve", {"value": 40}, token=""), 403)
    refused(off, off.post("/health/reset"), 403)
    refused(off, off.form("/control/reserve", value="40"), 400)
    refused(off, off.form("/control/reserve", value="40", token=""), 400)
    refused(off, off.post("/api/gateways/default/api/operation", {"real_mode": "backup"}), 403)
    told = off.server.json("/control/status")
    assert (told["enabled"], told["battery_dispatch"]) == (False, False)
    assert {one["able"] for one in told["abilities"].values()} == {False}
    assert told["help"]["control-off"] == "Set PW_CONTROL_SECRET on the server."
    assert "error" in off.server.json("/control/reserve")


def test_every_attempt_leaves_one_line_without_the_secret(target: House) -> None:
    before = target.server.output().count("pwserver.control")
    target.post("/control/reserve", {"value": 40}, token="not this")
    target.post("/control/reserve", {"value": 400})
    target.post("/control/reserve", {"value": 41})
    lines = [line for line in target.server.output().splitlines() if "pwserver.control" in line][before:]
    assert len(lines) == 3, lines
    target.post("/control/reserve", b"[]")
    target.post("/control/reserve", {"value": 40}, sec_fetch_site="cross-site")
    target.post("/control/whatever\x21", {"value": 40})
    more = [line for line in target.server.output().splitlines() if "pwserver.control" in line][before + 3 :]
    assert len(more) == 3 and "whatever" not in more[2], more
    assert "wrong token" in lines[0] and "127.0.0.1" in lines[0] and "not this" not in lines[0]
    assert "invalid value" in lines[1]
    assert "acknowledged over TEDAPI v1r" in lines[2] and '"level": 41' in lines[2]
    assert SECRET not in target.server.output()


# ── guessing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def guess(port: int, count: int, source: str, statuses: Counter[int]) -> None:
    """Wrong tokens as fast as one connection can, each another one."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as raw:
        stream = raw.makefile("rb")
        for number in range(count):
            head = f"POST /control/reserve HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess-{number}\r\n"
            raw.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 12\r\n\r\n" + BODY)
            status, length = int(stream.readline().split()[1]), 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            told = json.loads(stream.read(length))
            assert isinstance(told["detail"], str)
            statuses[status] += 1


def test_thousands_of_guesses(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_CONTROL_ATTEMPTS="5", PW_CONTROL_LOCKOUT="2", PW_WORKERS="2")
    statuses: Counter[int] = Counter()
    begun = time.monotonic()
    guessers = [threading.Thread(target=guess, args=(house.server.port, 1000, "127.0.0.1", statuses)) for _ in range(4)]
    for guesser in guessers:
        guesser.start()
    wait_until(lambda: statuses[429] > 0, 20, "nobody was told to wait")
    # Meanwhile the right token does not help from there, and works from elsewhere.
    answer = house.post("/control/resume", {})
    assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1
    elsewhere(house)
    for guesser in guessers:
        guesser.join()
    lasted = time.monotonic() - begun
    assert set(statuses) == {401, 429} and sum(statuses.values()) == 4_000
    # Five are free; then one each time the wait is over (here at most 2 s), perhaps one in each worker.
    assert statuses[401] <= 5 + 2 * (lasted / 1.0 + 2)
    assert [kind for kind, _ in house.writes()] == ["resume"]  # the one from elsewhere
    # Each compared guess has its line; of the thousands that were not even compared only some.
    assert house.server.output().count("refused") < 5 * statuses[401] + 40 * (lasted + 2)
    wait_until(lambda: house.post("/control/resume", {}).status == 200, 20, "locked out for ever")
    assert house.post("/control/resume", {}, token="wrong").status == 401, "the slate was wiped"


def elsewhere(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.server.port), 20, ("127.0.0.2", 0)) as raw:
        head = f"POST /control/resume HTTP/1.1\r\nHost: x\r\nAuthorization: {RIGHT}\r\nConnection: close\r\n"
        raw.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        assert raw.makefile("rb").readline().split()[1] == b"200"


def test_a_forged_forwarding_header_does_not_help(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_CONTROL_ATTEMPTS="5", PW_CONTROL_LOCKOUT="3")
    statuses = Counter(
        house.post("/control/reserve", {"value": 1}, token="x", x_forwarded_for=f"10.0.0.{number}").status
        for number in range(40)
    )
    assert statuses[429] >= 20
    assert house.writes() == []


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from pwserver.web import auth
    from pwserver.web.address_table import AddressTable

    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    control = ControlSettings(secret="sécret", attempts=99, lockout_seconds=9.0)
    table = AddressTable(memoryview(bytearray(AddressTable.size(1))), 1)
    authority = auth.Authority(control, (), table)

    class Request:
        """As much of one as is looked at."""

        ip = "192.0.2.1"
        headers: dict[str, str] = {}

        class app:
            class ctx:
                number = 0

    request: Any = Request()
    tokens = [b"", b"s", "sécreT".encode(), b"x" * 10_000, b"\xff\xfe"]
    for token in tokens:
        with pytest.raises(auth.WrongToken):
            authority.check(request, token, "test")
    assert authority.check(request, "sécret".encode(), "test") == "192.0.2.1"
    assert len(compared) == len(tokens) + 1
    assert {len(one) for one, _ in compared} == {len(other) for _, other in compared} == {64}
