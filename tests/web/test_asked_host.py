"""Behind a trusted proxy a page is this server's by the name that its browser asked for, and by nobody else's word."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config.server_settings import WebSettings
from pwserver.web.client_address import HOPS_MAX
from pwserver.web.own_names import OwnNames
from pwserver.web.shared_regions import NAMES_BYTES
from tests.control.houses import SECRET
from tests.support.server import Server
from tests.support.waiting import patient

PROXY, SECOND_PROXY, STRANGER = "127.0.0.2", "10.1.0.2", "127.0.0.3"
TRUSTED = (PROXY, "10.1.0.0/16")
HOME, OTHER = "home.example.org:8443", "evil.example:8443"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that pages of one other origin may read, behind proxies that are believed."""
    settings = {
        "PW_WORKERS": "1",
        "PW_CONTROL_SECRET": SECRET,
        "CORS_ORIGINS": '["https://grafana.example"]',
        "PW_ALLOWED_HOSTS": "home.example.org",
        "PW_TRUSTED_PROXIES": ",".join(TRUSTED),
    }
    with Server(["--demo=v1r"], settings) as made:
        made.wait_for_data()
        yield made


def status(server: Server, source: str, method: str, path: str, headers: dict[str, str | list[str]]) -> int:
    """The status that a client at this address gets; a header may have several lines."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, patient(10), source_address=(source, 0))
    body = json.dumps({"value": 40}).encode() if method == "POST" else b""
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        for line in [value] if isinstance(value, str) else value:
            connection.putheader(name, line)
    if body:
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Authorization", f"Bearer {SECRET}")
    connection.endheaders(body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def written(server: Server, source: str, headers: dict[str, str | list[str]]) -> int:
    """The status of a command with the right token; names of ``headers`` have _ for -."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return status(server, source, "POST", "/control/reserve?dry_run", sent)


def write(server: Server, source: str, **headers: str | list[str]) -> bool:
    """Whether a page may write."""
    found = written(server, source, headers)
    assert found in (HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)
    return found == HTTPStatus.OK


def listen(server: Server, source: str, **headers: str | list[str]) -> bool:
    """Whether a page may open a WebSocket and an event stream, which must be one answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    handshake: dict[str, str | list[str]] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    answers = {
        status(server, source, "GET", "/ws/aggregate", handshake | sent) == HTTPStatus.SWITCHING_PROTOCOLS,
        status(server, source, "GET", "/api/stream", sent) == HTTPStatus.OK,
    }
    assert len(answers) == 1
    return answers.pop()


@pytest.mark.parametrize(
    ("source", "origin", "headers", "may"),
    [
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": HOME}, True),
        (PROXY, f"http://{HOME}", {"X_Forwarded_Host": HOME.upper()}, True),
        (PROXY, "https://home.example.org", {"X_Forwarded_Host": "home.example.org:443"}, True),
        (PROXY, "https://home.example.org", {"X_Forwarded_Host": "home.example.org"}, True),
        (PROXY, f"https://{HOME}", {"Host": HOME, "X_Forwarded_Host": "home.example.org"}, True),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": f"{OTHER}, {HOME}"}, True),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": [OTHER, HOME]}, True),
        (PROXY, f"https://{HOME}", {"X_Forwarded_For": f"192.0.2.7, {SECOND_PROXY}",
                                    "X_Forwarded_Host": f"{HOME}, 10.1.0.2:80"}, True),
        (PROXY, "http://[2001:db8::7]:8443", {"X_Forwarded_Host": "[2001:db8::7]:8443"}, True),
        # Of nobody else, and nothing that a client may have written before the proxies did.
        (STRANGER, f"https://{HOME}", {"X_Forwarded_Host": HOME}, False),
        (STRANGER, f"https://{HOME}", {"X_Forwarded_Host": HOME, "X_Forwarded_For": PROXY}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": f"{HOME}, 127.0.0.1"}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": [HOME, "127.0.0.1"]}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_For": f"192.0.2.7, {SECOND_PROXY}",
                                    "X_Forwarded_Host": f"{HOME}, a, b"}, False),
        # Another port is another program; another name is not ours, whoever says so.
        (PROXY, "https://home.example.org", {"X_Forwarded_Host": HOME}, False),
        (PROXY, f"https://{OTHER}", {"X_Forwarded_Host": OTHER}, False),
        (PROXY, f"https://{OTHER}", {"X_Forwarded_Host": HOME}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": ""}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": ",,,"}, False),
        (PROXY, f"https://{HOME}", {"X_Forwarded_Host": f"https://{HOME}"}, False),
        (PROXY, "https://[", {"X_Forwarded_Host": "["}, False),
    ],
)  # fmt: skip
def test_whose_page_it_is_behind_a_proxy(
    server: Server, source: str, origin: str, headers: dict[str, str | list[str]], may: bool
) -> None:
    assert write(server, source, Origin=origin, **headers) is may
    assert listen(server, source, Origin=origin, **headers) is may


def test_what_the_browser_says_still_counts(server: Server) -> None:
    own = {"Origin": f"https://{HOME}", "X_Forwarded_Host": HOME}
    assert write(server, PROXY, **own, Sec_Fetch_Site="same-origin")
    assert not write(server, PROXY, **own, Sec_Fetch_Site="same-site")
    assert not write(server, PROXY, **own, Sec_Fetch_Site="cross-site")


# What a rebound page's browser says behind a proxy that writes a name of its own into Host.
REBOUND = {"Origin": f"https://{OTHER}", "Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1"}


@pytest.mark.parametrize(
    ("source", "headers", "found"),
    [
        (PROXY, {"X-Forwarded-Host": OTHER}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"X-Forwarded-Host": OTHER.upper()}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"X-Forwarded-Host": f"{HOME}, {OTHER}"}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"X-Forwarded-Host": [HOME, OTHER]}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"Host": HOME, "X-Forwarded-Host": OTHER}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"Sec-Fetch-Site": "none", "X-Forwarded-Host": OTHER}, HTTPStatus.MISDIRECTED_REQUEST),
        # Both proxies' words count, and the first one's is that of the browser.
        (PROXY, {"X-Forwarded-For": f"192.0.2.7, {SECOND_PROXY}", "X-Forwarded-Host": f"{OTHER}, {HOME}"},
         HTTPStatus.MISDIRECTED_REQUEST),
        # What is no name at all is no name of this server.
        (PROXY, {"X-Forwarded-Host": f"https://{OTHER}"}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"X-Forwarded-Host": "power\xe9 \"<"}, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, {"X-Forwarded-Host": ":8443"}, HTTPStatus.MISDIRECTED_REQUEST),
        # Nothing is said here, or by somebody who is not believed, or of a page that may write by any name.
        (PROXY, {"X-Forwarded-Host": " ,, "}, HTTPStatus.OK),
        (PROXY, {"X-Forwarded-Host": f"{OTHER}, {HOME}"}, HTTPStatus.OK),
        (STRANGER, {"X-Forwarded-Host": OTHER}, HTTPStatus.OK),
        (PROXY, {"Origin": "https://grafana.example", "X-Forwarded-Host": HOME}, HTTPStatus.OK),
    ],
)  # fmt: skip
def test_a_rebound_page_may_not_write_through_a_proxy(
    server: Server, source: str, headers: dict[str, str | list[str]], found: HTTPStatus
) -> None:
    assert written(server, source, {**REBOUND, **headers}) == found


# Documents of the gate, an answer of Sanic, a page, an event stream.
READ = ["/soe", "/csv?headers", "/version", "/api/history?range=1h", "/", "/api/stream"]


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize(
    ("source", "forwarded", "found"),
    [
        (PROXY, OTHER, HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, f"{HOME}, {OTHER}", HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, [HOME, OTHER], HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, "https://[", HTTPStatus.MISDIRECTED_REQUEST),
        (PROXY, HOME, HTTPStatus.OK),
        (PROXY, f"{OTHER}, {HOME}", HTTPStatus.OK),
        (PROXY, "", HTTPStatus.OK),
        (STRANGER, OTHER, HTTPStatus.OK),
    ],
)
def test_who_may_not_read_by_a_name_may_not_through_a_proxy(
    server: Server, source: str, path: str, forwarded: str | list[str], found: HTTPStatus
) -> None:
    assert status(server, source, "GET", path, {"Host": "127.0.0.1", "X-Forwarded-Host": forwarded}) == found


def test_who_may_read_by_any_name_may_through_a_proxy() -> None:
    with Server(["--demo"], {"PW_WORKERS": "1", "PW_TRUSTED_PROXIES": PROXY}) as open_to_all:
        open_to_all.wait_for_data()
        for path in READ:
            assert status(open_to_all, PROXY, "GET", path, {"X-Forwarded-Host": OTHER}) == HTTPStatus.OK


def test_programs_are_judged_by_the_name_too_where_names_are_restricted(server: Server) -> None:
    for name, found in ((OTHER, HTTPStatus.MISDIRECTED_REQUEST), (HOME, HTTPStatus.OK)):
        assert written(server, PROXY, {"Host": "127.0.0.1", "X-Forwarded-Host": name}) == found


def test_no_page_may_try_tokens_through_a_proxy(server: Server) -> None:
    """A browser does not say of a GET which page sent it, so the name alone decides."""
    for name, found in ((OTHER, HTTPStatus.MISDIRECTED_REQUEST), (HOME, HTTPStatus.OK)):
        sent: dict[str, str | list[str]] = {"Host": "127.0.0.1", "X-Forwarded-Host": name}
        sent["Authorization"] = f"Bearer {SECRET}"
        assert status(server, PROXY, "GET", "/control/max_backup", sent) == found


def test_the_refusal_names_what_helps(server: Server) -> None:
    headers = {"Origin": "https://new.example", "Host": "127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    for said in ("new.example:8443", "https://new.example"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, patient(10), source_address=(PROXY, 0))
        connection.request("POST", "/control/reserve", b"", headers | {"X-Forwarded-Host": said})
        told = json.loads(connection.getresponse().read())["detail"]
        connection.close()
        assert ("PW_ALLOWED_HOSTS" if said.startswith("new") else "X-Forwarded-Host") in told
    lines = [line for line in server.output().splitlines() if "PW_ALLOWED_HOSTS=new.example" in line]
    assert len(lines) == 1 and "https://" not in lines[0]


def test_the_refusal_of_a_silent_browser_names_what_helps_where_anybody_may_read() -> None:
    """Over plain HTTP no browser says whose page it is; to list its origin would keep all other pages from reading."""
    settings = {"PW_WORKERS": "1", "PW_TRUSTED_PROXIES": PROXY, "PW_CONTROL_SECRET": SECRET}
    with Server(["--demo"], settings) as open_to_all:
        for origin, setting in (("http://new.example:8443", "PW_ALLOWED_HOSTS"), ("http://b.example", "CORS_ORIGINS")):
            connection = http.client.HTTPConnection(
                "127.0.0.1", open_to_all.port, patient(10), source_address=(PROXY, 0)
            )
            headers = {"Origin": origin, "Host": "127.0.0.1", "X-Forwarded-Host": "new.example:8443"}
            connection.request("POST", "/control/reserve", b"", headers)
            assert setting in json.loads(connection.getresponse().read())["detail"]
            connection.close()


@pytest.mark.parametrize("wanted", ["X-Forwarded-Host", "authorization,x-forwarded-host, X-FORWARDED-FOR ,x-a"])
def test_no_page_may_speak_for_a_proxy(server: Server, wanted: str) -> None:
    """A proxy may pass on what a page writes there; a browser asks first, and only of what is allowed does it send."""
    asking = {"Origin": f"https://{OTHER}", "Access-Control-Request-Method": "POST"}
    answer = server.get("/control/reserve", "OPTIONS", asking | {"Access-Control-Request-Headers": wanted})
    allowed = answer.headers.get("access-control-allow-headers", "")
    assert allowed == ("" if wanted == "X-Forwarded-Host" else "authorization, x-a")


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)


def knowing(**given: object) -> OwnNames:
    return OwnNames(WebSettings(**given), memoryview(bytearray(NAMES_BYTES)))  # type: ignore[arg-type]


@given(st.lists(TEXTS, max_size=4), st.lists(st.sampled_from([*TRUSTED[:1], SECOND_PROXY, "192.0.2.7"]), max_size=3))
def test_no_line_raises_and_the_last_one_counts(written: list[str], forwarded: list[str]) -> None:
    names = knowing(trusted_proxies=TRUSTED, allowed_hosts=("home.example.org",))
    headers = {"host": "pi", "x-forwarded-for": ",".join(forwarded)}
    lines = headers | {"x-forwarded-host": ",".join([*written, HOME])}
    assert names.of(PROXY, lines)[0] == "pi" and HOME in names.of(PROXY, lines)
    assert len(names.of(PROXY, lines)) <= 1 + HOPS_MAX
    assert names.of(STRANGER, lines) == knowing().of(PROXY, lines) == ("pi",)
    assert names.unknown_of(STRANGER, lines) is None
    told = headers | {"x-forwarded-host": ",".join(written)}
    for name in names.of(PROXY, told)[1:]:
        assert not name.startswith("evil") and "/" not in name and "@" not in name
    unknown = names.unknown_of(PROXY, told)
    assert unknown is None or unknown not in names.of(PROXY, told)
    assert knowing(trusted_proxies=TRUSTED, host_check="no").unknown_of(PROXY, told) is None
    assert len(names.explain(unknown or "x.example")) < 400
