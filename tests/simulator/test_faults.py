"""Each fault does on the wire what its name says, and goes away again."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from pwserver.simulator import FAULTS, Fault, SimulatedGateway

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls(gw: SimulatedGateway, timeout: float = 5.0) -> ssl.SSLSocket:
    plain = socket.create_connection((gw.host, gw.port), timeout=timeout)
    try:
        return trusting().wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_well_again_after_every_fault(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    for kind in FAULTS:
        gw.fault(kind)
        gw.fault("none")
        assert ask(gw, "/").status == 200, kind


def test_unplugged_refuses_and_cuts_and_comes_back_on_the_same_port(
    gateway: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    gw = gateway()
    port = gw.port
    with tls(gw) as open_connection:
        open_connection.sendall(GET)
        assert open_connection.recv(1000)
        gw.fault("unplugged")
        with pytest.raises(ConnectionRefusedError):
            tls(gw)
        try:
            open_connection.sendall(GET)
            while open_connection.recv(1000):
                pass
        except OSError:
            pass  # cut one way or the other
    gw.fault("none")
    assert gw.port == port
    assert ask(gw, "/").status == 200


def test_deaf_accepts_but_does_not_speak_tls(gateway: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("deaf")
    with socket.create_connection((gw.host, gw.port), timeout=5.0):
        pass
    with pytest.raises(TimeoutError):
        tls(gw, timeout=0.3)


def test_silent_reads_and_never_answers(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("silent")
    with pytest.raises(TimeoutError):
        ask(gw, "/", timeout=0.3)
    assert gw.requests.by_about["silent"] == 1
    assert gw.requests.recent[-1].status == 0


def test_slow_answers_right_but_late(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("slow", seconds=0.25)
    start = time.monotonic()
    assert ask(gw, "/").status == 200
    assert time.monotonic() - start >= 0.25


def test_drip_answers_byte_by_byte(gateway: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("drip", seconds=0.002)
    pieces = []
    with tls(gw) as connection:
        connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        while piece := connection.recv(4096):
            pieces.append(piece)
    answer = b"".join(pieces)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"</html>")
    assert len(pieces) > len(answer) / 4


def test_reset(gateway: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("reset")
    # Python's TLS socket reports a reset as an end of file, so TLS runs in memory here and the socket is a plain one.
    context = trusting()
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(coming, going)
    with socket.create_connection((gw.host, gw.port), timeout=5.0) as plain:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(going.read())
                coming.write(plain.recv(65536))
        client.write(GET)
        plain.sendall(going.read())
        with pytest.raises(ConnectionResetError):
            while plain.recv(65536):
                pass


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_status(status: int, gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("status", status=status, retry_after_seconds=17 if status == 429 else None)
    answer = ask(gw, "/tedapi/din")
    assert answer.status == status
    assert answer.getheader("Retry-After") == ("17" if status == 429 else None)
    gw.fault(str(status))  # the short form
    assert ask(gw, "/").status == status


def test_garbage_does_not_parse(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway()
    powerwall = connect(gw)
    gw.fault("garbage-protobuf")
    assert powerwall.tedapi.get_status(force=True) is None
    gw.fault("garbage-json")
    assert powerwall.tedapi.get_status(force=True) == {}
    gw.fault("none")
    assert powerwall.tedapi.get_status(force=True)["control"]


def test_garbage_of_the_web_api(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("local")
    powerwall = connect(gw)
    gw.fault("garbage-json")
    assert powerwall.poll("/api/meters/aggregates") is None
    gw.fault("garbage-protobuf")
    with pytest.raises(Exception, match="Error parsing message"):
        powerwall.vitals()


def test_absent_and_null_fields(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway(frozen=True)  # the load would change between the answer and the look at the truth
    powerwall = connect(gw)
    gw.fault("absent")
    status = powerwall.tedapi.get_status(force=True)
    assert "systemStatus" not in status["control"]
    assert "ISLANDER" not in status["esCan"]["bus"]
    assert powerwall.level() is None
    assert powerwall.power()["load"] == gw.truth()["load"]
    gw.fault("null", fields=["control.meterAggregates"])
    assert powerwall.tedapi.get_status(force=True)["control"]["meterAggregates"] is None
    gw.fault("null-strings")
    logging = powerwall.tedapi.get_device_controller(force=True)["esCan"]["bus"]["PVAC"][0]["PVAC_Logging"]
    assert logging["PVAC_PVMeasuredVoltage_A"] is None
    assert logging["PVAC_VL1Ground"] is not None


@pytest.mark.parametrize("status", [404, 0])
def test_a_follower_goes_and_returns(status: int, gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("powerwall3")
    powerwall = connect(gw, timeout=0.5, poolmaxsize=0)
    _, first, second = (unit["din"] for unit in gw.truth()["units"])
    gw.fault("follower-gone", unit=1, status=status)
    vitals = powerwall.vitals()
    assert f"TEPOD--{first}" not in vitals
    assert f"TEPOD--{second}" in vitals
    gw.fault("none")
    assert f"TEPOD--{first}" in powerwall.vitals()


def test_flapping_does_both(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    seen: set[Any] = set()
    gw.fault("flapping", up_seconds=0.2, down_seconds=0.2, fault={"kind": "status", "status": 500})
    end = time.monotonic() + 20.0
    while len(seen) < 2 and time.monotonic() < end:
        seen.add(ask(gw, "/").status)
    assert seen == {200, 500}
    gw.fault("flapping", up_seconds=0.2, down_seconds=0.2, fault={"kind": "unplugged"})
    outcomes = set()
    end = time.monotonic() + 20.0
    while len(outcomes) < 2 and time.monotonic() < end:
        try:
            outcomes.add(ask(gw, "/").status)
        except (OSError, http.client.HTTPException):
            outcomes.add("down")
    assert outcomes == {200, "down"}
    gw.fault("none")
    assert [ask(gw, "/").status for _ in range(5)] == [200] * 5


def test_limited_to_a_path_and_a_number_of_times(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("status", status=503, path="/tedapi/", times=2)
    assert ask(gw, "/").status == 200
    assert [ask(gw, "/tedapi/din").status for _ in range(3)] == [503, 503, 403]


def test_unknown_faults_are_refused(gateway: Callable[..., Any]) -> None:
    gw = gateway()
    with pytest.raises(ValueError, match="unknown fault 'haunted'"):
        gw.fault("haunted")
    with pytest.raises(ValueError, match="unknown fault option volume"):
        gw.fault({"kind": "slow", "volume": 11})
    assert Fault.parse("503") == Fault("status", status=503)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_bad_requests_end_the_connection_only(
    request_bytes: bytes, gateway: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    gw = gateway()
    with tls(gw) as connection:
        try:
            connection.sendall(request_bytes)
            assert connection.recv(1000) == b""
        except OSError:
            pass
    assert ask(gw, "/").status == 200


def test_bad_messages_are_refused(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    import base64

    gw = gateway()
    login = base64.b64encode(f"Tesla_Energy_Device:{gw.password}".encode()).decode()
    for body in (b"", b"\xff\xff\xff", b"\x0a\x05abc", b"\x0a\x00"):
        assert ask(gw, "/tedapi/v1", "POST", body, Authorization=f"Basic {login}").status == 400
    assert ask(gw, "/api/login/Basic", "POST", b"{").status == 400


def test_more_connections_than_allowed_are_cut(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    gw = gateway()
    gw.fault("silent")
    held = []
    try:
        for _ in range(64):
            connection = tls(gw)
            connection.sendall(GET)
            held.append(connection)
        extra = tls(gw)
        held.append(extra)
        try:
            extra.sendall(GET)
            assert extra.recv(10) == b""
        except (ConnectionError, ssl.SSLEOFError):
            pass  # cut while sending
    finally:
        for connection in held:
            connection.close()
    gw.fault("none")
    assert ask(gw, "/").status == 200


def test_state_is_json(gateway: Callable[..., Any]) -> None:
    for name in ("powerwall2", "powerwall3", "solar-only", "recorded"):
        assert json.loads(json.dumps(gateway(name).truth()))
