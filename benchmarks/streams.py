"""A thousand screens: WebSocket clients of one worker, next to pypowerwall-server for the same; slow and dead readers.

Alone: ``python -m benchmarks.streams [clients]``. The predecessor is found as the other benchmarks find it.
"""

from __future__ import annotations

import base64
import http.client
import multiprocessing
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.peers import predecessor_folder
from benchmarks.table import Table
from tests.support.programs import (
    ROOT,
    children,
    clean_environment,
    free_port,
    get,
    process,
    pss_kb,
    pwserver,
    simulator,
    wait_for,
)

CLIENTS = 1000
SECONDS = 20.0
STALLED = 100
SECTION = "streams"
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


@dataclass(slots=True)
class Client:
    """One WebSocket client that only counts: whole messages, and when each began to arrive."""

    socket: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    left: int = 0  # bytes of the present message still to come
    messages: int = 0
    heads: list[tuple[float, bytes]] = field(default_factory=list)  # (when complete, first bytes of the payload)
    head: bytes = b""

    def read(self, now: float) -> bool:
        """Take what is there; False when the server has closed."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        at = 0
        while at < len(data) or self.buffer:
            if self.left:
                take = min(self.left, len(data) - at)
                if not take:
                    break
                if len(self.head) < 64:
                    self.head += data[at : at + min(take, 64 - len(self.head))]
                at += take
                self.left -= take
                if not self.left:
                    self.messages += 1
                    self.heads.append((now, self.head))
                continue
            self.buffer += data[at : at + 10 - len(self.buffer)]
            at = min(len(data), at + 10)
            size = frame_size(self.buffer)
            if size is None:
                break
            length, used = size
            rest = bytes(self.buffer[used:])
            self.buffer.clear()
            data, at = rest + data[at:], 0
            self.left, self.head = length, b""
        return True


def frame_size(head: bytearray) -> tuple[int, int] | None:
    """(payload, head) bytes of the frame that begins here, None when more is needed."""
    if len(head) < 2:
        return None
    size = head[1] & 127
    if size < 126:
        return size, 2
    need = 4 if size == 126 else 10
    if len(head) < need:
        return None
    return int.from_bytes(head[2:need], "big"), need


def connect(port: int, path: str, more: str = "", receive_buffer: int = 0) -> socket.socket:
    """A WebSocket connection, handshake done. Raises ConnectionError."""
    raw = socket.socket()
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(20)
    raw.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(HANDSHAKE.format(path=path, port=port, key=key, more=more).encode())
    head = b""
    while b"\r\n\r\n" not in head:  # byte by byte: what follows belongs to the stream
        part = raw.recv(1)
        if not part:
            raise ConnectionError(head)
        head += part
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(head)
    raw.setblocking(False)
    return raw


def crowd(port: int, path: str, count: int, more: str, pipe: Connection) -> None:
    """A process full of clients: connects, says so, then reads until told to stop and tells what came."""
    poller = select.epoll()
    clients: dict[int, Client] = {}
    for _ in range(count):
        client = Client(connect(port, path, more))
        clients[client.socket.fileno()] = client
        poller.register(client.socket, select.EPOLLIN)
    pipe.send(len(clients))
    poller.register(pipe, select.EPOLLIN)
    begun = 0.0
    while True:
        for number, _ in poller.poll(1.0):
            now = time.monotonic()
            if number == pipe.fileno():
                order = pipe.recv()
                if order == "begin":
                    begun = now
                    for client in clients.values():
                        client.messages = 0
                        client.heads.clear()
                else:
                    heads = [client.heads for client in clients.values()]
                    pipe.send((now - begun, [client.messages for client in clients.values()], heads))
                    return
            elif not clients[number].read(now):
                poller.unregister(number)


class Crowd:
    """That process, from outside."""

    def __init__(self, port: int, path: str, count: int, more: str = "") -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=crowd, args=(port, path, count, more, theirs), daemon=True)
        self.process.start()
        self.connected: int = self.pipe.recv()

    def begin(self) -> None:
        """Count from now on."""
        self.pipe.send("begin")

    def end(self) -> tuple[float, list[int], list[list[tuple[float, bytes]]]]:
        """Seconds, messages of each client, and (when, first bytes) of each message."""
        self.pipe.send("end")
        found: Any = self.pipe.recv()
        self.process.join()
        return found  # type: ignore[no-any-return]


def cpu_seconds(pid: int) -> float:
    """Time all threads of a process have run, to the nanosecond: ticks are too coarse for one percent."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def kernel_seconds(pid: int) -> float:
    """The part of that time spent in the kernel, in clock ticks."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[12]) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Reader:
    """One ordinary client that asks for /soe a hundred times a second, and times the answers."""

    def __init__(self, port: int) -> None:
        self.seconds: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()

    def _run(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not self._stop.wait(0.01):
            begun = time.monotonic()
            connection.request("GET", "/soe")
            connection.getresponse().read()
            self.seconds.append(time.monotonic() - begun)

    def end(self) -> float:
        """p99 in milliseconds."""
        self._stop.set()
        self._thread.join()
        return 1000 * percentile(self.seconds, 0.99)


@contextmanager
def ours(address: str, password: str) -> Iterator[tuple[int, int]]:
    """Our server with one worker: (port, pid of the worker)."""
    port = free_port()
    settings = {"PW_HOST": address, "PW_GW_PWD": password, "PW_WORKERS": "1"}
    with pwserver(port, PW_MAX_STREAMS="3000", PW_MAX_STREAMS_PER_ADDRESS="3000", **settings) as started:
        wait_for(lambda: b'"percentage":null' not in get(port, "/soe")[1] and get(port, "/soe")[0] == 200)
        yield port, children(started.pid)["worker-0"]


@contextmanager
def theirs(address: str, password: str, peer: Path) -> Iterator[tuple[int, int]]:
    """pypowerwall-server, which is one process."""
    port = free_port()
    environment = clean_environment(
        PW_HOST=address,
        PW_GW_PWD=password,
        PW_PORT=str(port),
        PW_BIND_ADDRESS="127.0.0.1",
        PW_TIMESERIES_RETENTION="-1",
    )
    environment.pop("PYTHONPATH")
    with process([str(peer / "bin" / "pypowerwall-server")], environment, f"/tmp/peer-{port}.log") as started:
        wait_for(lambda: b"percentage" in get(port, "/soe")[1] and b"null" not in get(port, "/soe")[1], 60)
        yield port, started.pid


@dataclass(frozen=True, slots=True)
class Load:
    """What one server did for a crowd."""

    cpu_percent: float
    per_client_second: float
    kb_per_client: float
    read_ms: float
    message_us: float  # CPU a message
    kernel_us: float  # of it in the kernel, in steps of the kernel's clock


def measure(port: int, pid: int, clients: int, more: str, seconds: float = SECONDS) -> Load:
    """CPU of ``pid`` while ``clients`` listen, and what one client costs."""
    path = "/ws/gateway/default"
    get(port, path)  # warm
    Crowd(port, path, 5, more).end()
    time.sleep(1)
    before = pss_kb(pid)
    all_ = Crowd(port, path, clients, more)
    time.sleep(2)
    after = pss_kb(pid)
    all_.begin()
    begun, cpu, kernel = time.monotonic(), cpu_seconds(pid), kernel_seconds(pid)
    time.sleep(seconds)
    used, kernel = cpu_seconds(pid) - cpu, kernel_seconds(pid) - kernel
    lasted = time.monotonic() - begun
    reader = Reader(port)  # afterwards: what its requests cost is not what streams cost
    time.sleep(seconds / 2)
    p99 = reader.end()
    took, messages, _ = all_.end()
    rate = sum(messages) / len(messages) / took
    return Load(
        100 * used / lasted,
        rate,
        (after - before) / clients,
        p99,
        1e6 * used / lasted / (rate * clients),
        1e6 * kernel / lasted / (rate * clients),
    )


def run(table: Table, clients: int = CLIENTS) -> None:
    """Side by side, then delays, then clients that stop reading."""
    peer = predecessor_folder()
    password = "gatewaypass"
    with simulator("powerwall2", 1, "--password", password) as (address,):
        with ours(address, password) as (port, pid):
            quiet = Reader(port)
            time.sleep(5)
            alone = quiet.end()
            mine = measure(port, pid, clients, DEFLATE)
            stalled(table, port, pid)
        details = {"us a message": mine.message_us, "in the kernel": mine.kernel_us}
        table.add(SECTION, f"CPU of one worker, {clients} clients", mine.cpu_percent, "%", details=details)
        table.add(SECTION, "messages a client gets", mine.per_client_second, "1/s", aim=">= 1")
        table.add(SECTION, "memory a client costs", mine.kb_per_client, "kB", aim="<= 32")
        table.add(SECTION, "GET /soe p99, no streams", alone, "ms")
        table.add(SECTION, "GET /soe p99, meanwhile", mine.read_ms, "ms", mine.read_ms / alone, "no streams")
        if peer is not None:
            for words, more in (("clients that offer compression, as browsers do", DEFLATE), ("plain clients", "")):
                with theirs(address, password, peer) as (port, pid):
                    other = measure(port, pid, clients, more)
                details = {"us a message": other.message_us, "in the kernel": other.kernel_us}
                table.add(
                    SECTION,
                    f"CPU of pypowerwall-server, {words}",
                    other.cpu_percent,
                    "%",
                    other.message_us / mine.message_us,
                    "pwserver, a message",
                    ">= 10",
                    details,
                )
                table.add(SECTION, "  messages a client gets there", other.per_client_second, "1/s")
                table.add(SECTION, "  memory a client costs there", other.kb_per_client, "kB")
                table.add(SECTION, "  GET /soe p99 meanwhile there", other.read_ms, "ms")
    delays(table, clients)


def stalled(table: Table, port: int, pid: int) -> None:
    """Clients that stop reading right after the handshake, next to some that go on."""
    before = pss_kb(pid)
    dead = [connect(port, "/ws/gateway/default", receive_buffer=4096) for _ in range(STALLED)]
    alive = Crowd(port, "/ws/gateway/default", 50)
    time.sleep(5)
    early = pss_kb(pid)
    alive.begin()
    time.sleep(15)
    late = pss_kb(pid)
    took, messages, _ = alive.end()
    for raw in dead:
        raw.close()
    table.add(SECTION, f"memory, {STALLED} clients that stopped reading (5 s)", (early - before) / STALLED, "kB each")
    table.add(SECTION, "growth in the 15 s after that", late - early, "kB", aim="0")
    table.add(SECTION, "messages of the slowest other client", min(messages) / took, "1/s", aim=">= 1")


def delays(table: Table, clients: int) -> None:
    """From publishing to the last client, with a publisher of our own that writes the time into the document."""
    from benchmarks.streams_publisher import publishing

    with publishing() as (port, pid):
        all_ = Crowd(port, "/ws/gateway/default", clients)
        time.sleep(2)
        all_.begin()
        cpu, begun = cpu_seconds(pid), time.monotonic()
        time.sleep(SECONDS)
        used = (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)
        _, _, heads = all_.end()
    last: dict[bytes, float] = {}
    every: list[float] = []
    for client in heads:
        for when, head in client:
            stamp = head[6:30]  # {"t":"…
            delay = when - struct.unpack("!d", bytes.fromhex(stamp[:16].decode()))[0]
            if delay < 0.9:  # later ones are the beat's repetitions of the same document
                every.append(delay)
                last[stamp[:16]] = max(last.get(stamp[:16], 0.0), delay)
    table.add(SECTION, f"publish to a client, {clients} clients, p50", 1000 * percentile(every, 0.5), "ms")
    table.add(SECTION, "publish to a client, p99", 1000 * percentile(every, 0.99), "ms", aim="<= 50")
    slowest = [*last.values()]
    table.add(SECTION, "publish to the last client, median", 1000 * percentile(slowest, 0.5), "ms")
    table.add(SECTION, "publish to the last client, p99", 1000 * percentile(slowest, 0.99), "ms", aim="<= 50")
    table.add(SECTION, "CPU of that worker", 100 * used, "%")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    results = Table()
    run(results, int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS)
