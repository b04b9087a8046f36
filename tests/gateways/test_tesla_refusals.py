"""Tesla's servers say no, each time for another reason: the cause, Tesla's own words, and what helps."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.causes import CAUSE_BY_ID
from pwserver.gateways import login_store
from pwserver.gateways.answer_limits import own_sentence
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from tests.gateways.conftest import free
from tests.gateways.test_cloud import cloud, fleet, tesla  # noqa: F401
from tests.tesla import Tesla

MODES = ["Cloud", "FleetAPI"]
HTML = b"<html><head><title>Access Denied</title><style>p {}</style></head><body>You have no permission</body></html>"
REFUSALS: list[tuple[int, bytes, str, str, str]] = [
    (401, b'{"error":"token expired (401)"}', "login-refused", "token expired", "--setup"),
    (403, b'{"error":"Unauthorized missing scopes"}', "access-denied", "missing scopes", "account"),
    (403, HTML, "access-denied", "Access Denied", "--setup"),
    (403, b"", "access-denied", "", "--setup"),
    (
        412,
        b'{"response":null,"error":"Account must be registered in the current region","error_description":""}',
        "not-registered",
        "must be registered in the current region",
        "register",
    ),
    (
        421,
        b'{"error":"user out of region, use base URL: https://fleet-api.prd.eu.vn.cloud.tesla.com"}',
        "wrong-region",
        "user out of region",
        "region",
    ),
    (408, b'{"error":"site unavailable: vehicle is offline or asleep"}', "tesla-fault", "offline or asleep", "again"),
    (500, b'{"response":null,"error":"internal"}', "tesla-fault", "internal", "again"),
    (503, b"<h1>Maintenance</h1>", "tesla-fault", "Maintenance", "again"),
    (540, b'{"error":"device unexpected response"}', "tesla-fault", "unexpected response", "again"),
    (418, b'{"error":"teapot"}', "http-error", "teapot", "again"),
    (200, b"<html><title>Sign in to the hotel</title></html>", "garbage", "Sign in to the hotel", "report"),
    (200, b'{"response": []}', "site-missing", "", "PW_SITEID"),
]


def connect(mode: str, server: Tesla, tmp_path: Path) -> GatewayConnection:
    if mode == "Cloud":
        return cloud(server, tmp_path)
    (tmp_path / "tesla" / ".pypowerwall.auth").unlink(missing_ok=True)  # one login: nothing to fail over to
    return fleet(server, tmp_path)


def failure_of(connection: GatewayConnection) -> GatewayFailure:
    with pytest.raises(GatewayFailure) as raised:
        connection.poll()
    return raised.value


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("status", "body", "cause", "words", "remedy"), REFUSALS)
def test_a_refusal_at_the_start_is_told_with_its_reason(
    status: int,
    body: bytes,
    cause: str,
    words: str,
    remedy: str,
    mode: str,
    tesla: Tesla,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tesla.said = {"*": (status, body, {"Content-Type": "text/html" if body[:1] == b"<" else "application/json"})}
    connection = connect(mode, tesla, tmp_path)
    try:
        failure = failure_of(connection)
        assert failure.cause == cause == connection.status().cause
        assert words in failure.message and remedy in CAUSE_BY_ID[cause].advice
        assert status == 200 or f"HTTP {status}" in failure.message
        assert "CANARY" not in failure.message and "https:" not in failure.message and len(failure.message) < 400
        assert connection.status().mode == mode, "never taken for a gateway in the house"
        assert "connected (" not in caplog.text, "nothing is connected before the first answer"
        assert ("could not be understood" in failure.message) is (cause == "garbage")
        tesla.said = {}
        free(connection)
        assert connection.poll().connection_mode == mode
        assert f": connected ({mode})" in caplog.text
    finally:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403, 412, 421])
def test_a_refusal_while_it_worked_is_tried_soon_and_then_rarely(
    status: int,
    mode: str,
    tesla: Tesla,
    tmp_path: Path,
) -> None:
    connection = connect(mode, tesla, tmp_path)
    try:
        connection.poll()
        tesla.said = {"*": (status, b'{"error":"no"}', {})}
        for _ in range(2):
            failure_of(connection)
            assert connection.status().state == "backing-off" and connection.status().backoff_seconds <= 5
            assert connection.status().stale, "the last values stay within their stated age"
            free(connection)
        tesla.said = {}
        assert connection.poll().soe_raw is not None
    finally:
        connection.close()


SECRETS = [
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InF3In0.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJl",
    "owner@example.com",
    "Bearer abcdef",
    "refresh_token=NA_1234",
    "https://auth.tesla.com/?code=1234",
    "1234567890123",
    "5YJ3E1EA7KF317000",
]


SHAPES = ['{{"error":"bad {}"}}', "<title>bad {}</title>", "bad {}", '{{"error":{{"message":"{}"}}}}']


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("secret", SECRETS)
def test_what_tesla_says_loses_its_secrets(secret: str, shape: str) -> None:
    said = own_sentence(shape.format(secret).encode())
    assert secret not in said and (secret.split("=")[-1] not in said)


@given(st.binary(max_size=3000))
def test_any_body_gives_one_short_printable_line(body: bytes) -> None:
    said = own_sentence(body)
    assert len(said) <= 160 and said.isprintable()


# ── logins that end, and files that cannot be used ───────────────────────────────────────────────────────────────────


@pytest.fixture
def renewing(tesla: Tesla, monkeypatch: pytest.MonkeyPatch) -> Tesla:
    """Tesla's servers, whose accounts are renewed here too: FleetAPI knows the address of the real ones only."""
    import pypowerwall.fleetapi.fleetapi as module

    original = module._http2_request

    def here(method: str, url: str, **more: Any) -> Any:
        return original(method, url.replace("https://auth.tesla.com", tesla.url), **more)

    monkeypatch.setattr(module, "_http2_request", here)
    tesla.accepted = "NEWTOKEN"
    tesla.renewed = 200, {"access_token": "NEWTOKEN", "refresh_token": "NEWREFRESH", "expires_in": 28800}
    return tesla


def login_file(mode: str, tmp_path: Path) -> Path:
    return tmp_path / "tesla" / (".pypowerwall.auth" if mode == "Cloud" else ".pypowerwall.fleetapi")


@pytest.mark.parametrize("mode", MODES)
def test_an_expired_login_is_renewed_and_stored(mode: str, renewing: Tesla, tmp_path: Path) -> None:
    connection = connect(mode, renewing, tmp_path)
    try:
        assert connection.poll().soe_raw is not None
        assert renewing.renewals == 1 and "NEWREFRESH" in login_file(mode, tmp_path).read_text()
        assert login_file(mode, tmp_path).stat().st_mode & 0o007 == 0
        assert [path.name for path in (tmp_path / "tesla").glob("*.new")] == []
    finally:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((401, {"error": "login_required", "error_description": "The refresh_token is invalid"}), "login-refused"),
        ((400, {"error": "invalid_grant"}), "login-refused"),
        ((503, {"error": "maintenance"}), "tesla-fault"),
        ((429, {"error": "slow down"}), "rate-limit"),
    ],
)
def test_a_renewal_that_fails_says_why(
    answer: tuple[int, dict[str, str]], cause: str, mode: str, renewing: Tesla, tmp_path: Path
) -> None:
    renewing.renewed = answer
    connection = connect(mode, renewing, tmp_path)
    try:
        assert failure_of(connection).cause == cause
        assert renewing.renewals == 1, "a refused renewal is not repeated at once"
    finally:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("obstacle", ["read-only folder", "full disk"])
def test_a_login_that_cannot_be_stored_is_kept_and_told_once(
    obstacle: str,
    mode: str,
    renewing: Tesla,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    original, broken = login_store._replace, [True]

    def refuse(path: str, text: str) -> None:
        if broken[0]:
            raise OSError(30 if obstacle == "read-only folder" else 28, obstacle)
        original(path, text)

    monkeypatch.setattr(login_store, "_replace", refuse)  # a file system made full would need a mount
    connection = connect(mode, renewing, tmp_path)
    before = login_file(mode, tmp_path).read_bytes()
    try:
        assert connection.poll().soe_raw is not None
        assert login_file(mode, tmp_path).read_bytes() == before, "the old login stays whole"
        renewing.accepted = "THIRDTOKEN"
        renewing.renewed = 200, {"access_token": "THIRDTOKEN", "refresh_token": "THIRD", "expires_in": 28800}
        connection._drop()
        assert connection.poll().soe_raw is not None, "it connects with the login that only memory has"
        assert renewing.tokens_seen[-1] == "NEWREFRESH"
        told = [line for line in caplog.text.splitlines() if "cannot be written" in line]
        assert len(told) == 1 and obstacle in told[0] and "--setup" in told[0] and "NEW" not in told[0]
        broken[0] = False
        connection._drop()
        connection.poll()
        assert "THIRD" in login_file(mode, tmp_path).read_text()
    finally:
        connection.close()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while: it may read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


FAULTS: dict[str, tuple[str, str]] = {
    "unreadable": ("login-unreadable", "mode 0000"),
    "folder closed": ("login-unreadable", "mode 0700"),
    "directory": ("login-unreadable", "a folder, not a file"),
    "fifo": ("login-unreadable", "a FIFO, not a file"),
    "broken": ("login-unreadable", "no JSON"),
    "cut off": ("login-unreadable", "no JSON"),
    "empty": ("login-unreadable", "is empty"),
    "a list": ("login-unreadable", "no login"),
    "no token": ("login-unreadable", "damaged"),
    "dangling link": ("login-unreadable", "link"),
    "nothing": ("login-missing", "no .pypowerwall"),
}


def spoil(path: Path, fault: str) -> None:
    """Make this fault of a login file."""
    content = path.read_text()
    if fault in ("directory", "fifo", "nothing", "dangling link"):
        path.unlink()
    if fault == "directory":
        path.mkdir()
    elif fault == "fifo":
        os.mkfifo(path)
    elif fault == "dangling link":
        path.symlink_to("nowhere")
    elif fault == "unreadable":
        path.chmod(0)
    elif fault == "folder closed":
        path.parent.chmod(0o700)
    texts = {"broken": "{not json", "cut off": content[:40], "empty": " \n", "a list": "[1]"}
    texts["no token"] = '{"owner@example.com": {"sso": {}}}' if "sso" in content else '{"AUDIENCE": 5}'
    if fault in texts:
        path.write_text(texts[fault])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_login_file_that_cannot_be_used_is_named_with_the_remedy(
    fault: str,
    mode: str,
    tesla: Tesla,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = connect(mode, tesla, tmp_path)
    path = login_file(mode, tmp_path)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):  # a run in parallel has one folder more
        folder.chmod(folder.stat().st_mode | 0o055)
    path.chmod(0o644)
    spoil(path, fault)
    try:
        with as_nobody():
            failure = failure_of(connection)
        cause, words = FAULTS[fault]
        assert (failure.cause, words in failure.message) == (cause, True), failure.message
        assert "--setup" in failure.message + CAUSE_BY_ID[cause].advice
        assert ".pypowerwall" in failure.message and str(tmp_path) not in failure.message
        assert str(path) in caplog.text, "the owner's own log has the whole path"
        if "mode" in words:
            assert "uid" in failure.message and "chown" in failure.message
        assert not tesla.asked and "CANARY" not in caplog.text
        assert connection.status().mode == mode
    finally:
        path.parent.chmod(0o755)
        connection.close()


@pytest.mark.parametrize(("fault", "words"), [("fifo", "a FIFO"), ("folder", "a folder"), ("bytes", "no number")])
def test_what_lies_in_the_place_of_the_chosen_site(fault: str, words: str, tesla: Tesla, tmp_path: Path) -> None:
    """Opened by the library, a FIFO would hold the poll for ever; the others were a login that is not usable."""
    path = login_file("Cloud", tmp_path).with_name(".pypowerwall.site")
    if fault == "fifo":
        os.mkfifo(path)
    elif fault == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe1")
    connection = connect("Cloud", tesla, tmp_path)
    try:
        failure = failure_of(connection)
        assert failure.cause == "login-unreadable" and ".pypowerwall.site" in failure.message
        assert words in failure.message
    finally:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_new_login_is_noticed_without_a_restart(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    connection = connect(mode, tesla, tmp_path)
    path = login_file(mode, tmp_path)
    good = path.read_text()
    path.write_text("{")
    try:
        for _ in range(2):
            assert failure_of(connection).cause == "login-unreadable"
            connection.health.next_attempt = 0.0
        assert connection.status().state == "auth-failed"
        assert failure_of(connection).cause == "login-unreadable" and connection.status().total_failures == 2
        path.write_text(good)
        assert connection.poll().soe_raw is not None
    finally:
        connection.close()


def test_a_strange_expiry_in_a_login_file_does_no_harm(tesla: Tesla, tmp_path: Path) -> None:
    path = login_file("Cloud", tmp_path)
    for value in ("null", '"soon"', "1e999", "-1e999", "NaN", "[]", "true", "1e300"):
        login = json.loads(path.read_text())
        login["owner@example.com"]["sso"]["expires_at"] = json.loads(value)
        path.write_text(json.dumps(login))
        connection = cloud(tesla, tmp_path)
        try:
            assert connection.poll().soe_raw is not None, value
        finally:
            connection.close()
