"""Every limit of the settings table is in force, and nothing a stranger sends can make the server grow."""

from __future__ import annotations

import ast
import http.client
import re
import socket
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pwserver.config.settings import SETTINGS
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

ROOT = Path(__file__).parents[2]
NO_EFFECT = {"PW_FAIL_FAST", "PW_HEALTH_CHECK"}  # accepted for the predecessors' sake; the table says so
# Collections that grow with what is put in, and the argument that bounds them.
BOUNDED_BY = {"deque": "maxlen", "Queue": "maxsize", "LifoQueue": "maxsize", "PriorityQueue": "maxsize"}
NEVER_BOUNDED = {"SimpleQueue"}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the server proper; the simulator is a tool for tests and demos."""
    for path in sorted((ROOT / "pwserver").rglob("*.py")):
        if "simulator" not in path.parts:
            yield path, ast.parse(path.read_text("utf-8"))


def test_every_setting_is_used_somewhere() -> None:
    words: set[str] = set()
    for path, _ in sources():
        if path.name != "settings.py":
            words |= set(re.findall(r"\w+", path.read_text("utf-8")))
    # Some rooms name settings by what follows the prefix.
    unused = {s.name for s in SETTINGS if not {s.name, s.name.removeprefix("PW_"), mqtt_word(s.name)} & words}
    assert unused <= NO_EFFECT


def mqtt_word(name: str) -> str:
    """The MQTT settings are read as MQTT_{name}."""
    return name.removeprefix("MQTT_").lower() if name.startswith("MQTT_") else name


def test_queues_and_caches_of_the_code_have_a_bound() -> None:
    unbounded = []
    for path, module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                given = {keyword.arg for keyword in node.keywords}
                if name in NEVER_BOUNDED or (name in BOUNDED_BY and BOUNDED_BY[name] not in given):
                    unbounded.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for decorator in node.decorator_list:
                    text = ast.unparse(decorator)
                    endless = text.endswith("lru_cache(maxsize=None)") or text in ("cache", "functools.cache")
                    # Without arguments there is one value to keep.
                    if endless and (node.args.args or node.args.vararg or node.args.kwonlyargs):
                        unbounded.append(f"{path.relative_to(ROOT)}:{node.lineno}: @{text}")
    assert unbounded == []


def say(port: int | None, text: bytes, seconds: float = 10.0) -> bytes:
    """Everything the server says to these bytes, until it closes or is silent."""
    with socket.create_connection(("127.0.0.1", port or 0), seconds) as connection:
        connection.sendall(text)
        said = b""
        try:
            while part := connection.recv(65536):
                said += part
        except OSError:
            pass
        return said


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET /soe HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""]).encode()


def test_limits_of_a_request(serve: Callable[..., Server]) -> None:
    server = serve(
        PW_MAX_REQUEST_LINE="300",
        PW_MAX_HEAD="2000",
        PW_MAX_FIELDS="12",
        PW_MAX_CONTROL_BODY="300",
        PW_CONTROL_SECRET="a-secret-of-tests",
    )
    port = server.port
    assert say(port, head()).startswith(b"HTTP/1.1 200 ")
    assert say(port, b"GET /" + b"a" * 400 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 414 ")
    assert say(port, head(*(f"X-{letter}: {'v' * 200}" for letter in "abcdefghi"), "X-j: " + "v" * 400)).startswith(
        b"HTTP/1.1 431 "
    )
    assert say(port, head(*(f"X-{letter}: v" for letter in string.ascii_lowercase))).startswith(b"HTTP/1.1 431 ")
    token = {"Authorization": "Bearer a-secret-of-tests", "Content-Type": "application/json"}
    long = server.get("/control/reserve", "POST", token, b'{"value": 20, "x": "' + b"a" * 400 + b'"}')
    assert long.status == 413


def test_limits_of_time(serve: Callable[..., Server]) -> None:
    server = serve(PW_HEAD_TIMEOUT="0.5", PW_IDLE_TIMEOUT="0.5")
    for unfinished in (b"", b"GET /soe HTTP/1.1\r\nHost:"):
        with socket.create_connection(("127.0.0.1", server.port or 0), 30) as connection:
            connection.sendall(unfinished)
            said = connection.recv(1000)  # the end of the connection, or the word that it took too long
            assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


def test_limits_of_connections(serve: Callable[..., Server]) -> None:
    server = serve(PW_MAX_CONNECTIONS="40", PW_MAX_CONNECTIONS_PER_ADDRESS="20", PW_WORKERS="2")
    with ExitStack() as stack:
        kept = []
        for _ in range(60):
            connection = http.client.HTTPConnection("127.0.0.1", server.port or 0, timeout=patient(10))
            stack.callback(connection.close)
            try:
                connection.request("GET", "/soe")
                if connection.getresponse().read():
                    kept.append(connection)
            except (OSError, http.client.HTTPException):
                continue
        answered = 0
        for connection in kept:
            try:
                connection.request("GET", "/soe")
                answered += connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                continue
        assert 10 <= answered <= 20, answered
    wait_until(lambda: attempt(lambda: server.get("/soe").status == 200), 20, "there is room again")


def attempt(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OSError, http.client.HTTPException):
        return False


def test_a_reader_that_does_not_read_makes_nobody_grow(serve: Callable[..., Server]) -> None:
    """Pipelined requests for the largest pages, never a byte taken: the server stops answering, and lets go."""
    server = serve(PW_WRITE_TIMEOUT="1", PW_MAX_WRITE_BUFFER="32768", PW_WORKERS="1")
    worker = server.children()["worker-0"]
    before = resident_kb(worker)
    request = b"GET /api/gateways/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        greedy = []
        for _ in range(50):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port or 0))
            connection.setblocking(False)
            greedy.append(connection)
        for _ in range(20):
            for connection in greedy:
                try:
                    connection.send(request * 50)
                except (BlockingIOError, ConnectionError):
                    continue
            assert server.get("/soe").status == 200  # others are served meanwhile
        grown = resident_kb(worker) - before
        assert grown < 50 * (32 + 256) + 8192, f"{grown} kB for 50 connections"
        wait_until(lambda: all(map(dropped, greedy)), 30, "they are dropped")


def test_one_client_with_a_full_pipe_does_not_keep_others_from_their_turn(serve: Callable[..., Server]) -> None:
    """Nor the worker's own heartbeat: it would be taken for hung."""
    server = serve(PW_HEARTBEAT_TIMEOUT="4", PW_WORKERS="1")
    before = server.children()["worker-0"]
    count, target = 500, b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port or 0), 60) as pipe:
        sender = threading.Thread(target=pipe.sendall, args=(target * count,), daemon=True)
        sender.start()
        answers = between = 0
        while answers < count:
            said = pipe.recv(1 << 20)
            assert said, f"closed after {answers} answers"
            answers += said.count(b"HTTP/1.1 200 ")
            if answers < count and server.get("/soe").status == 200:
                between += 1
        sender.join(patient(10))
    assert between >= 3
    assert server.children()["worker-0"] == before


def dropped(connection: socket.socket) -> bool:
    try:
        connection.send(b"G")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def test_what_strangers_ask_for_is_not_remembered(serve: Callable[..., Server]) -> None:
    """Thousands of paths, queries, hosts, agents and gateways that do not exist."""
    server = serve(PW_RATE_LIMIT_ENABLED="yes", PW_RATE_LIMIT_MAX_REQUESTS="1000000", PW_WORKERS="1")
    worker = server.children()["worker-0"]

    def strange(count: int, start: int) -> None:
        requests = []
        for number in range(start, start + count):
            target = ("/no/{}", "/soe?x={}", "/api/gateways/g{}", "/static/{}.js")[number % 4].format(number)
            last = "Connection: close\r\n" if number == start + count - 1 else ""
            requests.append(
                f"GET {target} HTTP/1.1\r\nHost: h{number}.local\r\nUser-Agent: agent {number}\r\n"
                f'If-None-Match: "{number}"\r\n{last}\r\n'
            )
        said = say(server.port, "".join(requests).encode(), 60)
        assert said.count(b"HTTP/1.1 ") == count

    strange(1000, 0)
    before = resident_kb(worker)
    strange(4000, 1000)
    assert resident_kb(worker) - before < 2048
    assert len(server.json("/stats")["uri"]) <= 100
    lines = server.output().splitlines()
    assert len(lines) < 20, lines[-5:]


def test_a_gateway_that_tells_too_much_does_not_fill_the_memory(serve: Callable[..., Server], gateway: Any) -> None:
    """Documents beyond their limit are refused one by one, the others stay, and it is said once."""
    server = serve(PW_DOCUMENT_MAX_BYTES="16384", PW_SNAPSHOT_BYTES="262144")
    gateway.device.config["site_info"]["extra"] = "x" * 40_000

    def said() -> list[str]:
        return [line for line in server.output().splitlines() if "too large for the snapshot" in line]

    wait_until(said, 30, "it is said")
    lines = said()
    server.wait_for_data(newer_than=server.timestamp() + 2)
    assert said() == lines and len(lines) <= 3
    assert server.json("/aggregates")["site"]["instant_power"] is not None
