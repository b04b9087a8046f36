"""Every parameter and every member of every body, with values nobody means: refused by name, and never a fault.

The list of what is asked comes from the API description, so a new parameter is tried as soon as it is described.
"""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.bounds import (
    JSON_DEPTH,
    JSON_DIGITS,
    JSON_TEXT_CHARACTERS,
    NUMBER_CHARACTERS,
    SHOWN_CHARACTERS,
    TARIFF_BYTES,
    shown,
)
from pwserver.simulator import SimulatedGateway
from pwserver.strict_json import NotAnObject, OutOfBounds, read_object
from pwserver.web.api_operations import FORM, ApiOperation
from pwserver.web.openapi import ROUTE_OPERATIONS
from tests.control.houses import SECRET, House, settings_for
from tests.support.server import Answer, Server
from tests.support.waiting import patient, wait_until

JSON = "application/json"
NUMBERS = [
    "1e308", "-1e308", "nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999", "-1e999", "9" * 5000, "-" + "9" * 5000,
    "9" * 25, "-1", "-0.5", "\u0661\u0662", "\uff11\uff12", "1_000", "0x10", "1e", "", " ", "1 2", "1,2", "true",
    "null",
    "[]", "{}", "\x00", "1\x00", "%", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é" * 1000,
    "now-1e9d",
    "0" * 3000 + "5", "+-1", "1e-999999999", "1" + "0" * 400, "4102444801",
]  # fmt: skip
TYPED = ("integer", "number", "boolean")
# A right body for each action, so that only what is tried is wrong.
RIGHT = {
    "reserve": {"value": "20"},
    "mode": {"value": '"backup"'},
    "grid_charging": {"value": "true"},
    "grid_export": {"value": '"never"'},
    "max_backup": {"value": "60"},
    "islanding": {"value": '"off_grid"', "confirm": "true"},
    "dispatch": {"power_watts": "1", "duration_seconds": "60"},
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with SimulatedGateway("v1r", hour=11.5) as gateway:
        environment = settings_for(gateway) | {
            "PW_CONTROL_SECRET": SECRET,
            "PW_CACHE_EXPIRE": "2",
            "PW_CONTROL_ATTEMPTS": "1000",
            "PW_WORKERS": "1",
            "PW_CALLS_PER_MINUTE": "6000",
            "PW_ISLANDING_COOLDOWN": "0",
        }
        with Server(environment=environment) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 1, 20, server.output())
            yield House(gateway, server)


def queries() -> list[tuple[ApiOperation, str, dict[str, Any]]]:
    """(operation, parameter, schema) of every parameter of a query."""
    every = ((one, given) for one in ROUTE_OPERATIONS for given in one.parameters)
    return [(one, given.name, given.schema) for one, given in every if given.place == "query"]


def path_of(operation: ApiOperation) -> str:
    return operation.path.replace("{id}", "default").replace("{path}", "operation")


def body_of(operation: ApiOperation, **members: str) -> bytes:
    """A body of this operation with these members (as JSON texts) in place of the right ones."""
    right = RIGHT.get(operation.path.rpartition("/")[2], {})
    return written("{" + ",".join(f'"{name}":{text}' for name, text in {**right, **members}.items()) + "}")


def ask(server: Server, operation: ApiOperation, query: str) -> Answer:
    target = f"{path_of(operation)}?{query}"
    if operation.method != "post":
        return server.get(target)
    return server.get(target, "POST", token(), body_of(operation))


def means_something(schema: dict[str, Any], value: str) -> bool:
    """Is this a value that the API description allows?"""
    value, kind = value.strip(), schema.get("type")
    if kind in ("integer", "number"):
        digits = r"[+-]?[0-9]{1,18}" if kind == "integer" else r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"
        if not re.fullmatch(digits, value, re.ASCII) or len(value) > NUMBER_CHARACTERS:
            return False
        return schema.get("minimum", -math.inf) <= float(value) <= schema.get("maximum", math.inf)
    if kind == "boolean":
        return value.lower() in ("true", "false", "yes", "no", "1", "0", "on", "off", "t", "f", "y", "n")
    return value in schema["enum"] if "enum" in schema else False


def named(answer: Answer, name: str, given: str = "") -> None:
    """A refusal in JSON that names the parameter, shows the value, shortened, and says what would be allowed."""
    assert 400 <= answer.status < 500, answer
    told = answer.json()
    assert next(iter(told)) in ("detail", "error")
    text = json.dumps(told, ensure_ascii=False)
    assert name in text and given in text, text
    assert len(json.dumps(next(iter(told.values())))) < 1500, text


@pytest.mark.parametrize(
    ("operation", "name", "schema"), queries(), ids=lambda value: getattr(value, "path", None) or str(value)[:12]
)
def test_every_parameter_of_a_query(house: House, operation: ApiOperation, name: str, schema: dict[str, Any]) -> None:
    house.forget()
    said = len(house.server.output())
    judged = name != "style" and (schema.get("type") in TYPED or "enum" in schema or schema.get("format") == "date")
    endless = operation.path == "/api/stream"  # where a blank value is none, the answer has no end
    for value in NUMBERS:
        if ((endless or name == "dry_run") and not value.strip()) or (name == "dry_run" and value == "true"):
            continue
        answer = ask(house.server, operation, urlencode({name: value}, errors="surrogatepass"))
        assert answer.status < 500, (value, answer)
        if judged and not means_something(schema, value):
            named(answer, name)
    for value in ("x" * 5000, "\x00", "a,a", ",".join("ab" * 1000)):
        assert ask(house.server, operation, f"{name}={quote(value)}").status < 500
    for raw in ("%ff%fe", "%ed%a0%80", "%", "%00", "%zz", "%e2%28%a1"):
        assert ask(house.server, operation, f"{name}={raw}").status < 500
    if name != "style":
        twice = ask(house.server, operation, f"{name}=1&{name}=2")
        named(twice, name)
        assert "once" in twice.body.decode()
    assert "Traceback" not in house.server.output()[said:]
    assert house.writes() == []


LIMITED = [
    ("/api/timeseries/trend", "start", "-1e308"), ("/api/timeseries/trend", "end", "1e308"),
    ("/api/timeseries/samples", "start", "-1"), ("/api/timeseries/samples", "end", "nan"),
    ("/api/timeseries/signal_trend", "hours", "87841"), ("/api/timeseries/daily", "days", "\uff17"),
    ("/api/timeseries/trend", "hours", "1_0"), ("/api/timeseries/samples", "limit", "9" * 5000),
    ("/api/history", "points", "10001"), ("/api/history", "step", "101y"), ("/api/history", "step", "nan"),
    ("/api/history", "from", "inf"), ("/api/history", "to", "0001-01-01T00:00:00+23:59"),
    ("/api/history", "from", "\u0661"), ("/api/history", "fields", "x" * 300), ("/api/history", "fields",
    ",".join("ab" * 200)),
    ("/api/timeseries/signal_trend", "metrics", ",".join(["a"] * 300)),
    ("/api/timeseries/signal_trend", "devices", "d" * 200), ("/api/timeseries/daily", "start", "2024-02-30"),
    ("/api/timeseries/daily", "start", "\u0662024-01-01"), ("/api/history", "from", "2024-01-01T00:00:00" + "0" * 99),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name", "value"), LIMITED, ids=lambda text: text[:24])
def test_what_is_out_of_bounds_is_named(house: House, path: str, name: str, value: str) -> None:
    answer = house.server.get(f"{path}?{urlencode({name: value})}")
    assert answer.status == 422
    named(answer, name, value[:8])
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["query", name] and problem["input"] == value[:200]


# --- bodies


def written(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


VALUES = {
    "1e308": "1e308", "-1e308": "-1e308", "NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity",
    "1e999": "1e999", "5,000 digits": "9" * 5000, "25 digits": "9" * 25, "-1": "-1", "0.5": "0.5", "empty text": '""',
    "long text": json.dumps("x" * 2000), "text": '"\u0661\u0662"', "null": "null", "list": "[]", "object": "{}",
    "half a pair": '"\\ud800"', "long list": json.dumps([0] * 1500), "nested": nested(40), "nested far": nested(700),
    "nested lists": "[" * 900 + "]" * 900, "bad escape": '"\\x"', "control character": '"\x01"', "unquoted": "x",
    "hexadecimal": "0x10", "plus": "+1", "leading zero": "01", "comment": "1/**/", "two": "1,2", "nothing": "",
}  # fmt: skip
SYNTAX = {
    "bad escape",
    "control character",
    "unquoted",
    "hexadecimal",
    "plus",
    "leading zero",
    "comment",
    "two",
    "nothing",
}


def bodies() -> list[tuple[ApiOperation, str]]:
    """(operation, member) of every member of every JSON body."""
    found = []
    for one in ROUTE_OPERATIONS:
        for media, schema in one.bodies.items():
            if media == JSON:
                members = schema.get("properties", {}) or {"backup_reserve_percent": {}, "real_mode": {}}
                found += [(one, name) for name in members] or [(one, "anything")]
    return found


@pytest.mark.parametrize(("operation", "name"), bodies(), ids=lambda value: getattr(value, "path", value))
def test_every_member_of_a_body(house: House, operation: ApiOperation, name: str) -> None:
    house.forget()
    said = len(house.server.output())
    for label, value in VALUES.items():
        answer = house.server.get(path_of(operation) + "?dry_run", "POST", token(), body_of(operation, **{name: value}))
        if label in ("0.5", "-1", "1e308") and answer.status == 200:
            assert name in ("power_watts", "backup_reserve_percent") and label != "1e308"
            continue
        assert 400 <= answer.status < 500, (label, answer)
        if label not in SYNTAX and answer.status != 413:
            named(answer, name)
    for label, text in {
        "twice": f'{{"{name}":1,"{name}":1}}',
        "twice, deep": f'{{"x":[{{"{name}":1,"{name}":2}}]}}',
        "list": "[]",
        "text": '"x"',
        "number": "1",
        "nothing": "",
        "null": "null",
        "BOM": '\ufeff{"value":1}',
        "half": f'{{"{name}"',
        "two objects": "{}{}",
        "lone name": f'{{"\\ud800{name}":1}}',
    }.items():
        answer = house.server.get(path_of(operation), "POST", token(), written(text))
        assert 400 <= answer.status < 500, (label, answer)
        if label.startswith("twice"):
            named(answer, name)
            assert answer.status == 422 and answer.json()["detail"][0]["loc"][-1] == name
    for body in (b'{"value":"\xff"}', b"\xff\xfe{\x00}\x00", b"{" * 4000, b"\x00", b'{"x":"' + "é".encode() * 30_000):
        answer = house.server.get(path_of(operation), "POST", token(), body)
        assert 400 <= answer.status < 500, (body[:20], answer)
    assert "Traceback" not in house.server.output()[said:]
    assert house.writes() == []


def token() -> dict[str, str]:
    return {"authorization": f"Bearer {SECRET}", "content-type": JSON}


def test_a_tariff_that_no_utility_has(house: House) -> None:
    path = "/api/tesla/time_of_use_settings"
    for inner, field in (
        (nested(900), "tariff_content_v2"),
        (nested(JSON_DEPTH + 1), "tariff_content_v2"),
        ("[" * 400 + "]" * 400, "nested"),
        (json.dumps({"name": "é" * 31_000}, ensure_ascii=False), "name"),
        (json.dumps({str(number): "é" * 300 for number in range(105)}, ensure_ascii=False), "tou_settings"),
        ('{"price":1e999}', "price"),
        ('{"price":NaN}', "price"),
        ('{"price":' + "9" * 5000 + "}", "price"),
        ('{"a":{"price":1,"price":2}}', "price"),
        (json.dumps([0] * 20_000), "tou_settings"),
        ('"\\udfff"', "tariff"),
    ):
        body = written(f'{{"tou_settings":{{"tariff_content_v2":{inner}}}}}')
        assert len(body) <= TARIFF_BYTES
        answer = house.server.get(path, "POST", token(), body)
        named(answer, field)
    assert house.server.get(path, "POST", token(), b'{"x":"' + b"x" * 65_530 + b'"}').status == 413


def test_forms(house: House) -> None:
    house.forget()
    for action, fields in {
        "reserve": ["value"],
        "mode": ["value", "level"],
        "grid_charging": ["value"],
        "grid_export": ["value"],
        "max_backup": ["value"],
        "dispatch": ["power_watts", "duration_seconds"],
    }.items():
        right = {"mode": {"value": "backup"}, "dispatch": {"power_watts": "1", "duration_seconds": "60"}}
        for field in fields:
            for value in NUMBERS:
                given = right.get(action, {}) | {field: value, "token": SECRET}
                body = urlencode(given, errors="surrogatepass").encode()
                answer = house.server.get(f"/control/{action}?dry_run", "POST", {"content-type": FORM}, body)
                assert answer.status < 500, (action, field, value, answer)
                if value.strip() and "error" in answer.json() and answer.status == 400 and len(body) < 4000:
                    named(answer, field)
    for body in (b"value=%ff", b"value=1&value=1", b"a=1&" * 40, b"value=\xff", b"%", b"=", b"&&&", b"value"):
        answer = house.server.get("/control/reserve?dry_run", "POST", {"content-type": FORM}, body + b"&token=x")
        assert 400 <= answer.status < 500, (body, answer)
    assert house.writes() == []


def test_headers_that_say_numbers(house: House) -> None:
    server = house.server
    for name in ("If-None-Match", "If-Modified-Since", "Range", "Accept", "Accept-Encoding", "Idempotency-Key", "Age",
                 "Sec-WebSocket-Version", "Sec-WebSocket-Key", "X-Forwarded-For", "Content-Type",
                     "Cookie"):  # fmt: skip
        for value in ("q=1e999", "text/html;q=nan", "*;q=-1", "9" * 5000, "bytes=-9999999999999999999999",
            "\xff\xfe", "é",
                      "application/openmetrics-text;version=1.0.0;q=1e999", "W/", '"' * 999, "a=" * 500):  # fmt: skip
            for path in ("/metrics", "/api/history", "/api/timeseries/samples", "/ws/aggregate", "/docs", "/api/site"):
                with socket.create_connection(("127.0.0.1", server.port or 0), patient(10)) as raw:
                    head = f"GET {path} HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n{name}: {value}\r\n\r\n"
                    raw.sendall(head.encode("latin-1"))
                    assert int(raw.makefile("rb").readline().split()[1]) < 500, (path, name, value)


def test_long_request_lines(house: House) -> None:
    """The router recurses for each slash at the end; decoding a query takes time for each parameter."""
    said = len(house.server.output())
    slashes = "/" * 8000
    for path in (slashes, f"/soe{slashes}", "/a" * 4000, "/%2f" * 2000, f"/api/gateways{slashes}", "/." * 4000):
        assert house.server.get(path).status < 500, path[:20]
    for path, name in (
        ("/api/timeseries/trend?" + "&".join(["hours=1"] * 900), "hours"),
        ("/api/history?x=1&" + "&".join(f"a{number}" for number in range(200)), "x"),
        ("/api/stream?gateway=" + "%E2%82" * 1200, "gateway"),
        ("/api/explain?name=" + "%25" * 2500, "name"),
        ("/?style=" + "y" * 5000, "style"),
        ("/control/max_backup?token=" + "x" * 5000, "token"),
    ):
        answer = house.server.get(path)
        assert answer.status == 422
        (problem,) = answer.json()["detail"]
        assert problem["loc"] == ["query", name] and "at most" in problem["msg"] and len(problem["input"]) <= 200
    assert "Traceback" not in house.server.output()[said:]


# --- the reader itself

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def leaves(value: Any) -> Iterator[Any]:
    """All values that hold no others."""
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def is_too_large(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and abs(value) >= 10**JSON_DIGITS


@given(st.dictionaries(st.text(max_size=4), TREES, max_size=3))
def test_what_is_right_is_read_as_it_is(body: dict[str, Any]) -> None:
    text = json.dumps(body)
    if any(is_too_large(value) for value in leaves(body)):
        with pytest.raises(OutOfBounds):
            read_object(text.encode())
    else:
        assert json.dumps(read_object(text.encode())) == text


NEARLY_JSON = st.text(alphabet='{}[]",:0123456789eE+-.ntrueflasNI\\u \ud800', max_size=60)


@given(st.binary(max_size=80) | NEARLY_JSON.map(written))
def test_the_reader_raises_nothing_else(body: bytes) -> None:
    try:
        read_object(body)
    except NotAnObject:
        pass


@given(TREES)
def test_any_value_can_be_shown(value: Any) -> None:
    text = shown(value)
    assert text.isprintable() and len(text) <= 6 * SHOWN_CHARACTERS + 2
    text.encode()


def test_much_that_is_right_is_read() -> None:
    """Near every bound at once, and with brackets and quotation marks in texts, which open and close nothing."""
    body = {"zeros": [0] * 1900, "lists": [[0]] * 990, "texts": ['[{"\\\\' * 90] * 100, '\\"': "\U0001f600" * 300}
    assert read_object(json.dumps(body).encode()) == read_object(json.dumps(body, ensure_ascii=False).encode()) == body
    deepest: Any = 1
    for _ in range(JSON_DEPTH):
        deepest = {"[": deepest}
    assert read_object(json.dumps(deepest).encode()) == deepest
    with pytest.raises(OutOfBounds):
        read_object(json.dumps({"a": deepest}).encode())


def test_bounds_of_text() -> None:
    assert read_object(json.dumps({"a": "x" * JSON_TEXT_CHARACTERS}).encode())
    with pytest.raises(OutOfBounds):
        read_object(json.dumps({"a": "x" * (JSON_TEXT_CHARACTERS + 1)}).encode())
