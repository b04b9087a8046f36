"""A steady stream of requests: ``python -m benchmarks.steady PORT --rate 2000 --seconds 60`` prints one JSON object.

Requests start on a fixed grid whatever the server does, and their time counts from the grid (a server that stalls does
not get fewer questions, it gets late ones). Runs in a process of its own, so that whoever measures is not in the way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import uvloop

from tests.support.readers import TELEGRAF, percentile

SAMPLES = 200_000  # times kept; afterwards every n-th
FRESH_EVERY = 500  # requests of a connection before it is opened anew


class Client(asyncio.Protocol):
    """One kept-alive connection and the requests waiting on it, answered in order."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.transport: Any = None
        self.waiting: deque[float] = deque()
        self.buffer = b""
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self.waiting.append(due)
        self.asked += 1
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer = data = self.buffer + data if self.buffer else data
        while self.waiting:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            at = data.find(b"Content-Length: ", 0, end)  # as the gate writes it; Sanic writes small letters
            if at < 0:
                at = data.find(b"content-length: ", 0, end)
            whole = end + 4 + (int(data[at + 16 : data.find(b"\r", at)]) if at >= 0 else 0)
            if len(data) < whole:
                return
            self.result.answered(int(data[9:12]), time.monotonic() - self.waiting.popleft())
            self.buffer = data = data[whole:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.result.lost += len(self.waiting)
        self.waiting.clear()


class Result:
    """What came of it all."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.lost = 0  # asked, and never answered
        self.refused = 0  # connections that could not be made
        self.worst = 0.0

    def answered(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.worst = max(self.worst, seconds)
        if len(self.seconds) < SAMPLES:
            self.seconds.append(seconds)
        else:
            self.seconds[sum(self.statuses.values()) % SAMPLES] = seconds

    def as_json(self, elapsed: float) -> dict[str, Any]:
        ordered = sorted(self.seconds)
        answers = sum(self.statuses.values())
        return {
            "answers": answers,
            "per_second": answers / elapsed,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "lost": self.lost,
            "refused": self.refused,
            "p50_ms": percentile(ordered, 0.5) * 1000,
            "p99_ms": percentile(ordered, 0.99) * 1000,
            "p999_ms": percentile(ordered, 0.999) * 1000,
            "worst_ms": self.worst * 1000,
        }


async def connect(loop: asyncio.AbstractEventLoop, port: int, result: Result) -> Client | None:
    """A new connection; None (and counted) when there is none to be had within ten seconds."""
    try:
        _, client = await asyncio.wait_for(loop.create_connection(lambda: Client(result), "127.0.0.1", port), 10)
    except (OSError, TimeoutError):
        result.refused += 1
        return None
    return client


async def stream(
    port: int, rate: float, seconds: float, connections: int, targets: Sequence[str], burst: int = 1
) -> dict[str, Any]:
    """``rate`` requests a second over ``connections``; ``burst`` of them at the same instant."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    result = Result()
    requests = [f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for target in targets]
    # Opened beforehand: recorders keep their connections, and our own making of many at once is not the server's time.
    clients: list[Client | None] = [await connect(loop, port, result) for _ in range(connections)]
    begin = time.monotonic()
    sent = 0
    while not stop.is_set() and time.monotonic() < begin + seconds:
        due = begin + sent / rate
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        for _ in range(burst):
            place = sent % connections
            client = clients[place]
            if client is not None and client.asked >= FRESH_EVERY and not client.waiting and client.transport:
                client.transport.close()
                client = None
            if client is None or client.transport is None:
                client = clients[place] = await connect(loop, port, result)
            if client is not None:
                client.ask(requests[sent % len(requests)], due)
            sent += 1
    deadline = time.monotonic() + 10
    while any(client and client.waiting for client in clients) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    result.lost += sum(len(client.waiting) for client in clients if client)
    return result.as_json(time.monotonic() - begin)


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steady", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=2000, help="requests a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--burst", type=int, default=1, help="requests at the same instant (default %(default)s)")
    parser.add_argument("--target", action="append", help="what to ask for (default: what Telegraf asks for)")
    given = parser.parse_args()
    targets = given.target or TELEGRAF
    found = uvloop.run(stream(given.port, given.rate, given.seconds, given.connections, targets, given.burst))
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
