"""Live streams of the real server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import time
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.streams.client import Client, Refused
from tests.streams.conftest import Serve
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

GATEWAY = "/ws/gateway/default"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (GATEWAY, "/api/gateways/default"),
        ("/ws/aggregate", "/api/aggregate/"),
        ("/ws/gateway/aggregate", "/api/gateways/aggregate"),
    ],
)
def test_a_message_is_the_document(server: Server, path: str, target: str) -> None:
    with Client(server.port, path) as client:

        def same() -> bool:
            first, payload = client.frame()
            return first == 0x81 and payload == server.get(target).body

        wait_until(same, 20, "the stream never equals the document")


def test_a_message_each_second_and_at_once_after_a_poll(server: Server) -> None:
    with Client(server.port, GATEWAY) as client:
        stamps, begun = [], time.monotonic()
        while len(set(stamps)) < 4:
            stamps.append(client.message()["data"]["timestamp"])
        lasted = time.monotonic() - begun
    # Polls are two seconds apart: between two publications there is a beat. All of them came, none out of order.
    assert stamps == sorted(stamps) and len(stamps) > len(set(stamps))
    assert len(stamps) <= lasted + len(set(stamps)) + 2, "not more than the beat and the publications"


def test_an_unknown_gateway_is_told_so_again_and_again(server: Server) -> None:
    with Client(server.port, "/ws/gateway/nope") as client:
        assert [client.message() for _ in range(2)] == [{"error": "Gateway not found"}] * 2
    names = [f"/ws/gateway/x{number}" for number in range(50)]
    clients = [Client(server.port, name) for name in names]
    for client in clients:
        assert client.message() == {"error": "Gateway not found"}
        client.__exit__()


def test_pings_and_goodbyes(server: Server) -> None:
    with Client(server.port, GATEWAY) as client:
        client.send(9, b"are you there")
        assert client.until(10) == b"are you there"
        client.send(1, b"nobody reads this")
        client.send(2, b"nor this", final=False)
        client.send(9, b"in between")
        client.send(0, b"and its end")
        assert client.until(10) == b"in between"
        client.send(8, struct.pack("!H", 1000) + b"bye")
        assert client.closed_with() == 1000
        with pytest.raises(EOFError):
            client.frame()


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        (1002, [{"opcode": 1, "payload": b"x", "masked": False}]),
        (1002, [{"opcode": 3, "payload": b"x"}]),
        (1002, [{"opcode": 11}]),
        (1002, [{"opcode": 1, "payload": b"x", "reserved": 0x40}]),
        (1002, [{"opcode": 9, "payload": b"x" * 126}]),
        (1002, [{"opcode": 9, "payload": b"x", "final": False}]),
        (1002, [{"opcode": 0, "payload": b"x"}]),
        (1002, [{"opcode": 1, "final": False}, {"opcode": 1}]),
        (1002, [{"opcode": 8, "payload": struct.pack("!H", 1005)}]),
        (1002, [{"opcode": 8, "payload": b"x"}]),
        (1002, [{"opcode": 8, "payload": struct.pack("!H", 1000) + b"\xff"}]),
        (1009, [{"opcode": 1, "payload": b"x" * 4097}]),
        (1009, [{"opcode": 1, "payload": b"x" * 4096, "final": False}, {"opcode": 0, "payload": b"x"}]),
        (1008, [{"opcode": 1, "payload": b"x"}] * 200),
    ],
)
def test_bad_manners(server: Server, code: int, frames: list[dict[str, object]]) -> None:
    with Client(server.port, GATEWAY) as client, Client(server.port, GATEWAY) as other:
        client.socket.sendall(b"".join(Client.bytes_of(**frame) for frame in frames))  # type: ignore[arg-type]
        assert client.closed_with() == code
        assert other.message()["gateway"]["id"] == "default"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (426, {"Upgrade": ""}),
        (426, {"Connection": "keep-alive"}),
        (426, {"Sec_WebSocket_Version": "8"}),
        (400, {"Sec_WebSocket_Key": "short"}),
        (400, {"Sec_WebSocket_Key": "x" * 24}),
    ],
)
def test_a_handshake_that_is_none(server: Server, status: int, headers: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        Client(server.port, GATEWAY, **headers)
    assert refused.value.status == status and isinstance(json.loads(refused.value.body)["detail"], str)


def test_origins(serve: Serve) -> None:
    server = serve(CORS_ORIGINS='["https://grafana.example"]', PROXY_BASE_URL="/power")
    ours = f"http://127.0.0.1:{server.port}"
    for origin in ("https://grafana.example", ours, ""):
        with Client(server.port, "/power" + GATEWAY, Origin=origin) as client:
            assert client.message()["online"]
    for origin in ("https://evil.example", "http://127.0.0.1:1", "null", "https://grafana.example.evil.example"):
        with pytest.raises(Refused) as refused:
            Client(server.port, GATEWAY, Origin=origin)
        assert refused.value.status == 403
        answer = server.get("/api/stream", headers={"origin": origin})
        assert answer.status == 403 and "detail" in answer.json()
    with pytest.raises(Refused) as refused:
        Client(server.port, GATEWAY, Host="evil.example")
    assert refused.value.status in (400, 403, 421)


def test_below_a_prefix(serve: Serve) -> None:
    server = serve(CORS_ORIGINS='["https://grafana.example"]', PROXY_BASE_URL="/power")
    for path in (GATEWAY, "/power" + GATEWAY, "/ws/aggregate", "/power/ws/aggregate"):
        with Client(server.port, path) as client:
            assert client.message()
    assert events(server, "/power/api/stream?gateway=default", 1)


def events(server: Server, target: str, count: int) -> list[dict[str, object]]:
    """The first events of a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patient(20))
    connection.request("GET", target)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    found: list[dict[str, object]] = []
    while len(found) < count:
        line = answer.readline()
        assert line, "the stream ended"
        if line.startswith(b"data: "):
            found.append(json.loads(line[6:]))
            assert answer.readline() == b"\n"
    answer.close()
    connection.close()
    return found


def test_server_sent_events(server: Server) -> None:
    one, two = events(server, "/api/stream?gateway=default", 2)
    assert one.keys() == two.keys() == server.json("/api/gateways/default").keys()
    (whole,) = events(server, "/api/stream", 1)
    assert whole.keys() == server.json("/api/aggregate/").keys()
    assert server.get("/api/stream?gateway=nope").status == 404
    assert server.get("/api/stream", "POST").status == 405


def test_compressed_messages_are_the_same_for_all(serve: Serve) -> None:
    server = serve(PW_WEBSOCKET_DEFLATE="yes")
    offer = "permessage-deflate; client_max_window_bits"
    with Client(server.port, GATEWAY, Sec_WebSocket_Extensions=offer) as client:
        assert client.headers["sec-websocket-extensions"] == "permessage-deflate; server_no_context_takeover"
        for _ in range(2):
            first, payload = client.frame()
            assert first == 0xC1
            unpacked = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
            assert json.loads(unpacked)["gateway"]["id"] == "default" and len(payload) < len(unpacked) / 2
        client.send(1, b"\x00", reserved=0x40)
        client.send(9, b"fine")
        assert client.until(10) == b"fine"
    for declined in ("permessage-deflate; server_max_window_bits=9", "x-webkit-deflate-frame", ""):
        with Client(server.port, GATEWAY, Sec_WebSocket_Extensions=declined) as client:
            assert "sec-websocket-extensions" not in client.headers and client.frame()[0] == 0x81


def test_compression_is_off_unless_asked_for(server: Server) -> None:
    with Client(server.port, GATEWAY, Sec_WebSocket_Extensions="permessage-deflate") as client:
        assert "sec-websocket-extensions" not in client.headers and client.frame()[0] == 0x81


def test_caps(serve: Serve) -> None:
    server = serve(PW_MAX_STREAMS="6", PW_MAX_STREAMS_PER_ADDRESS="4", PW_WORKERS="2")
    mine = [Client(server.port, GATEWAY) for _ in range(4)]
    with pytest.raises(Refused) as refused:
        Client(server.port, GATEWAY)
    assert refused.value.status == 503 and "retry-after" in refused.value.headers
    assert server.get("/api/stream").status == 503
    others = [Client(server.port, GATEWAY, source="127.0.0.2") for _ in range(2)]
    with pytest.raises(Refused):
        Client(server.port, GATEWAY, source="127.0.0.3")
    for client in (*mine, *others):
        assert client.message()
        client.__exit__()

    def room() -> bool:
        try:
            with Client(server.port, GATEWAY) as client:
                return bool(client.message())
        except Refused:
            return False

    wait_until(room, 10, "leaving makes no room")


def test_a_killed_worker_leaves_no_count_behind(serve: Serve) -> None:
    server = serve(PW_MAX_STREAMS="3", PW_MAX_STREAMS_PER_ADDRESS="3")
    clients = [Client(server.port, GATEWAY) for _ in range(3)]
    os.kill(server.children()["worker-0"], signal.SIGKILL)
    for client in clients:
        with pytest.raises((EOFError, OSError)):
            while True:
                client.frame()
        client.__exit__()

    def back() -> bool:
        try:
            with Client(server.port, GATEWAY) as client:
                return bool(client.message())
        except (OSError, Refused):
            return False

    wait_until(back, 15, "no room after the worker was replaced")


def resident_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


def unsent_bytes(port: int) -> int:
    """What the kernel holds for all clients of a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[0], 16) for row in rows if int(row[1].split(":")[1], 16) == port)


def test_clients_that_stop_reading_cost_nothing_and_disturb_nobody(serve: Serve) -> None:
    server = serve(PW_WRITE_TIMEOUT="600")
    worker = server.children()["worker-0"]
    with ExitStack() as stack:
        lively = stack.enter_context(Client(server.port, GATEWAY))
        deaf = [stack.enter_context(Client(server.port, GATEWAY, receive_buffer=2048)) for _ in range(60)]
        for _ in range(5):
            stack.enter_context(http_stream(server.port))
        stamps = [lively.message()["data"]["timestamp"] for _ in range(2)]
        before = resident_kb(worker)
        waiting = [-3, -2, -1]
        while len(set(waiting[-3:])) > 1:  # until the kernel takes no more for any of them, and then some
            stamps.append(lively.message()["data"]["timestamp"])
            waiting.append(unsent_bytes(server.port))
        stamps += [lively.message()["data"]["timestamp"] for _ in range(8)]
        # A copy of one frame for each of them would be 1.4 MB.
        assert resident_kb(worker) - before < 1024, "memory grows with what nobody reads"
        assert len(set(stamps)) >= 3
        # Whoever reads again gets what was on its way, and then the present, not all that was missed.
        late = deaf[0]
        current = lively.message()["data"]["timestamp"]
        seen = []
        while not seen or seen[-1] < current:
            seen.append(late.message()["data"]["timestamp"])
        assert len(seen) < len(stamps)
    with Client(server.port, GATEWAY) as lively:
        assert lively.message()


def http_stream(port: int) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", port), patient(10))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.sendall(b"GET /api/stream?gateway=default HTTP/1.1\r\nHost: x\r\n\r\n")
    return raw


def test_who_takes_nothing_for_long_is_dropped(serve: Serve) -> None:
    server = serve(PW_WRITE_TIMEOUT="1")
    deaf = Client(server.port, GATEWAY, receive_buffer=2048)
    wait_until(lambda: streams_open(server) == 1, 10)
    wait_until(lambda: streams_open(server) == 0, 30, "still there")
    deaf.__exit__()


def streams_open(server: Server) -> int:
    processes = server.json("/stats")["processes"]
    return sum(process.get("counters", {}).get("websockets", 0) for process in processes)


def test_the_server_says_goodbye() -> None:
    with Server(["--demo"], {"PW_WORKERS": "1"}) as server:
        client = Client(server.port, GATEWAY)
        assert client.message()
        server.process.send_signal(signal.SIGTERM)
        assert client.closed_with() == 1001
        client.__exit__()
        server.process.wait(patient(10))
