"""pypowerwall is imported late, in one place, and is still the one we know how to tame."""

from __future__ import annotations

import email.utils
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways import library
from pwserver.gateways.answer_limits import retry_after_seconds
from pwserver.gateways.failure import (
    LONGEST_WAIT_IN_THE_HOUSE_SECONDS,
    LONGEST_WAIT_OF_TESLA_SECONDS,
    GatewayFailure,
)
from pwserver.gateways.gateway_adapter import GatewayAdapter
from pwserver.gateways.http_sessions import LocalSession
from pwserver.gateways.request_limiter import RequestLimiter

ROOT = Path(__file__).parents[2]


def test_the_room_can_be_entered_without_the_library() -> None:
    program = (
        "import sys; import pwserver.gateways.connection;"
        "print([name for name in ('pypowerwall', 'requests', 'httpx', 'google.protobuf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_that_cannot_be_written_is_named_by_its_setting(tmp_path: Path) -> None:
    definition = GatewayDefinition("home", "Home", host="127.0.0.1:9", gw_pwd="x" * 10)
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file" / "below")
    options = GatewayOptions(authpath=folder, cachefile=f"{folder}/.powerwall")
    limiter = RequestLimiter(60)
    with limiter.session(5.0), pytest.raises(GatewayFailure, match=r"PW_CACHE_FILE.*cannot be written") as caught:
        library.open_connection(definition, options, limiter)
    assert str(tmp_path) not in caught.value.message


def test_local_sessions_trust_nothing_and_keep_their_adapter() -> None:
    with LocalSession() as session:
        adapter = session.get_adapter("https://192.168.91.1/")
        session.mount("https://", object())
        assert session.get_adapter("https://192.168.91.1/") is adapter
        assert session.trust_env is False and session.verify is False
        assert isinstance(adapter, HTTPAdapter) and adapter.max_retries.total == 0


def test_a_request_that_is_prepared_once_is_the_one_that_requests_makes() -> None:
    """Whatever changes in the session meanwhile is in the next request."""
    url = "https://192.168.91.1/tedapi/v1"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("GET", {}), ("POST", {"data": b"one"}), ("POST", {"data": b""}), ("POST", {"data": "w\u00f6rd"}),
        ("POST", {"data": {"a": "b"}}), ("POST", {"json": {"a": 1}}), ("GET", {"params": {"a": 1}}),
        ("GET", {"headers": {"X-One": "1"}}), ("GET", {"auth": ("other", "login")}), ("GET", {"cookies": {"a": "b"}}),
    ]  # fmt: skip
    changes: list[Callable[[requests.Session], object]] = [
        lambda session: None,
        lambda session: None,
        lambda session: setattr(session, "auth", ("Tesla_Energy_Device", "ABCDEFGHIJ")),
        lambda session: session.headers.update({"Content-type": "application/octet-string"}),
        lambda session: session.cookies.set("AuthCookie", "first"),
        lambda session: session.cookies.set("AuthCookie", "second"),
        lambda session: session.cookies.clear(),
        lambda session: setattr(session, "auth", None),
    ]
    with LocalSession() as ours, requests.Session() as plain:
        plain.trust_env = False
        for change in changes:
            change(ours)
            change(plain)
            for method, more in asked:
                made, right = (
                    session.prepare_request(requests.Request(method, url, **more)) for session in (ours, plain)
                )
                assert (made.method, made.url, made.body) == (right.method, right.url, right.body)
                assert dict(made.headers) == dict(right.headers), (method, more)


def test_an_address_keeps_its_connections_until_the_session_is_closed() -> None:
    with LocalSession() as session:
        adapter = session.get_adapter("https://192.168.91.1/")
        assert isinstance(adapter, GatewayAdapter)

        def pool(url: str) -> object:
            request = session.prepare_request(requests.Request("GET", url))
            return adapter.get_connection_with_tls_context(request, False)

        first = pool("https://192.168.91.1/api/status")
        assert pool("https://192.168.91.1/tedapi/v1") is first
        others = [pool(f"https://192.168.91.{number}/") for number in range(2, 9)] + [
            pool("https://192.168.91.1:8443/")
        ]
        assert first not in others and len(set(others)) == len(others)
        again = pool("https://192.168.91.1/")
        session.close()
        assert pool("https://192.168.91.1/") is not again


SENSELESS = [
    None, "", " ", "soon", "nan", "inf", "-inf", "1e999", "1e9", "-5", "-0", "0", "0.0", "0x10", "1_000", "+5", "5,0",
    "1;2", "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 32 Foo 9999 99:99:99 GMT", "Fri, 31 Dec 99999 23:59:59 GMT",
    "1" * 5000,    "\u0661\u0662", "30 seconds", "2026-01-01T00:00:00Z", "\x00", "Fri, 31 Dec 9999",
]  # fmt: skip
LONG = ["86400", "9" * 30, "301.5", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 2100 23:59:59 +0000"]


@pytest.mark.parametrize("text", SENSELESS)
def test_a_waiting_time_that_makes_no_sense_is_none(text: str | None) -> None:
    assert retry_after_seconds(text) is None and retry_after_seconds(text, 3600.0) is None


@pytest.mark.parametrize("text", LONG)
def test_a_waiting_time_is_bounded_by_who_names_it(text: str) -> None:
    assert retry_after_seconds(text) == LONGEST_WAIT_IN_THE_HOUSE_SECONDS == 300.0
    assert retry_after_seconds(text, LONGEST_WAIT_OF_TESLA_SECONDS) in (3600.0, 301.5)


def test_a_sensible_waiting_time_is_kept() -> None:
    assert retry_after_seconds("30") == 30.0 and retry_after_seconds(" 2.5 ") == 2.5
    soon = email.utils.formatdate(time.time() + 90, usegmt=True)
    assert 80 <= (retry_after_seconds(soon) or 0) <= 90


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_any_waiting_time_is_none_or_within_its_bounds(text: str) -> None:
    found = retry_after_seconds(text, 3600.0)
    assert found is None or 0 < found <= 3600.0
