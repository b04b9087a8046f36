"""Behind trusted proxies one rule says who asks: for the gate, the limits, the streams and the log."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwserver.web.client_address import (
    HOPS_MAX,
    TrustedProxies,
    client_address,
    forwarded_address,
    forwarded_of,
    networks,
)
from pwserver_ext.http_recogniser import Recogniser
from tests.control.houses import SECRET
from tests.gate.conftest import Answer, Wire
from tests.support.server import Server
from tests.support.waiting import wait_until

OWNER, GUESSER, PROXY = "192.0.2.7", "198.51.100.66", "10.1.0.2"
TRUSTED = ("127.0.0.1", "10.1.0.0/16", "2001:db8:ffff::/48")


@pytest.mark.parametrize(
    ("forwarded", "who"),
    [
        (f"{OWNER}:51234", OWNER), (f"[{OWNER}]", OWNER), ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"), ('"[2001:db8::7]:443"', "2001:db8::7"), ("::ffff:192.0.2.7", OWNER),
        ("[::ffff:192.0.2.7]:80", OWNER), ("fe80::1%eth0", "fe80::1"), ("unknown", "127.0.0.1"), ("", "127.0.0.1"),
        (f"{GUESSER}, {OWNER},, ,", OWNER), (f"{GUESSER},{OWNER}, {PROXY}", OWNER),
        (f"{GUESSER}, nonsense", "127.0.0.1"), (f"nonsense, {OWNER}", OWNER),
        (f"{OWNER}, nonsense, {PROXY}", PROXY), ("192.0.2.7:x", "127.0.0.1"),
        ("192.0.2.07", "127.0.0.1"), ("\u0661.0.0.1", "127.0.0.1"), (f"{OWNER}\xa0", "127.0.0.1"),
        (f"{OWNER}, 2001:db8:ffff::1, {PROXY}", OWNER), (",".join([OWNER, *[PROXY] * HOPS_MAX]), PROXY),
        (",".join([GUESSER] * 5000 + [OWNER]), OWNER), ("," * 16000, "127.0.0.1"),
    ],
)  # fmt: skip
def test_who_asks(forwarded: str, who: str) -> None:
    assert client_address("127.0.0.1", forwarded, networks(TRUSTED)) == who
    assert client_address(GUESSER, forwarded, networks(TRUSTED)) == GUESSER, "nobody else's header is believed"
    assert client_address("127.0.0.1", forwarded, ()) == "127.0.0.1"


@given(st.lists(st.text(max_size=40), max_size=6), st.ip_addresses())
def test_what_a_client_writes_never_counts(spoofed: list[str], real: ipaddress.IPv4Address) -> None:
    """A proxy appends the real address; whatever stands before it was the client's own idea."""
    proxies = TrustedProxies(TRUSTED)
    seen = proxies.address("127.0.0.1", str(real))
    assert proxies.address("127.0.0.1", ",".join([*spoofed, str(real)])) == seen or str(real) in proxies
    assert forwarded_address(str(real)) is not None


LINES = st.lists(
    st.tuples(
        st.sampled_from(["X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X-Forwarded-Fo", "Forwarded"]),
        st.one_of(
            st.sampled_from([OWNER, GUESSER, PROXY, f"{GUESSER}, {OWNER}", f"[::1]:80, {PROXY}", "", ",", "unknown",
                             f"{OWNER}:1", "for=192.0.2.9", f"{PROXY},{PROXY}", "2001:db8::7"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12),
        ),
    ),
    max_size=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def logged() -> Iterator[Server]:
    environment = {"PW_TRUSTED_PROXIES": ",".join(TRUSTED), "PW_DEBUG": "yes", "PW_WORKERS": "1"}
    with Server(["--demo"], environment | {"PW_CACHE_EXPIRE": "3600"}) as server:
        server.wait_for_data()
        yield server


@given(LINES)
def test_the_compiled_and_the_python_reading_agree(lines: list[tuple[str, str]]) -> None:
    head = "GET /soe HTTP/1.1\r\nHost: pi\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    seen = Recogniser().look(head.encode("latin-1")).forwarded
    values = [value for name, value in lines if name.lower() == "x-forwarded-for"]
    proxies = TrustedProxies(TRUSTED)
    assert proxies.address("127.0.0.1", seen) == proxies.address("127.0.0.1", ",".join(values))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_the_log_names_the_same_client_whoever_answers(logged: Server, lines: list[tuple[str, str]]) -> None:
    """The gate answers the first, Sanic the second, as its target is in the absolute form."""
    fields = "".join(f"{name}: {value.strip()}\r\n" for name, value in lines)
    said = len(logged.output())
    with Wire(logged.port or 0) as wire:
        for target in ("/soe", "http://pi/soe"):
            wire.send(f"GET {target} HTTP/1.1\r\nHost: pi\r\n{fields}\r\n".encode("latin-1"))
            assert wire.answer().status == 200
    pattern = re.compile(r'pwserver\.access: (\S+) "GET (?:http://pi)?/soe')
    wait_until(lambda: len(pattern.findall(logged.output()[said:])) == 2, 10)
    gates, sanics = pattern.findall(logged.output()[said:])
    values = {"x-forwarded-for": ",".join(v.strip() for name, v in lines if name.lower() == "x-forwarded-for")}
    assert gates == sanics == TrustedProxies(TRUSTED).address("127.0.0.1", forwarded_of(values))


def ask(server: Server, head: str, *forwarded: str, token: str = "", source: str = "127.0.0.1") -> Answer:
    """One request as HAProxy passes it on: the client's own lines first, then a line of the proxy."""
    with Wire(server.port or 0) as wire:
        lines = [f"{head} HTTP/1.1", "Host: localhost", *(f"X-Forwarded-For: {item}" for item in forwarded)]
        if head.startswith("POST"):
            lines += ["Content-Type: application/json", "Content-Length: 2", f"Authorization: Bearer {token}"]
        wire.send("\r\n".join([*lines, "", "{}" if head.startswith("POST") else ""]).encode())
        return wire.answer()


def test_a_spoofed_line_frees_no_guesser_and_locks_no_owner_out() -> None:
    environment = {
        "PW_TRUSTED_PROXIES": "127.0.0.1",
        "PW_CONTROL_SECRET": SECRET,
        "PW_CONTROL_ATTEMPTS": "5",
        "PW_CONTROL_LOCKOUT": "3600",
        "PW_WORKERS": "1",
    }
    with Server(["--demo"], environment) as server:
        server.wait_for_data()
        head = "POST /control/resume?dry_run"
        for spoofed in ([OWNER], [OWNER, OWNER], [f"{OWNER}, {OWNER}"], ["nonsense"], [""]):
            for _ in range(5):
                ask(server, head, *spoofed, GUESSER, token="guess")
        assert ask(server, head, "192.0.2.99", GUESSER, token="guess").status == 429
        assert ask(server, head, OWNER, token=SECRET).status not in (401, 429)
        assert ask(server, head, "spoofed, nonsense", OWNER, token=SECRET).status not in (401, 429)


def test_the_rate_limit_and_the_streams_count_the_same_client() -> None:
    environment = {
        "PW_TRUSTED_PROXIES": "127.0.0.1",
        "PW_RATE_LIMIT_ENABLED": "yes",
        "PW_WORKERS": "1",
        "PW_RATE_LIMIT_MAX_REQUESTS": "10",
        "PW_RATE_LIMIT_WINDOW_SECONDS": "3600",
        "PW_MAX_STREAMS_PER_ADDRESS": "1",
    }
    with Server(["--demo"], environment) as server:
        for number in range(11):
            last = ask(server, "GET /livez" if number % 2 else "GET /soe", f"203.0.113.{number}", GUESSER)
        assert last.status == 429
        assert ask(server, "GET /livez", GUESSER, OWNER).status == 200
        with Wire(server.port or 0) as first, Wire(server.port or 0) as second, Wire(server.port or 0) as third:
            for wire, lines, status in (
                (first, (OWNER, "192.0.2.50"), b"200"),
                (second, ("192.0.2.51", "192.0.2.50"), b"503"),
                (third, ("192.0.2.50", "192.0.2.51"), b"200"),
            ):
                fields = "".join(f"X-Forwarded-For: {line}\r\n" for line in lines)
                wire.send(f"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())
                assert wire.receive().split(b" ", 2)[1] == status
