"""Clients that keep asking while something is done to the server: what they got, and what they did not get.

Ordinary HTTP/1.1 clients: kept-alive connections, and fresh ones in between. A kept connection that the server closed
before the first byte of an answer is opened again and the request repeated, as RFC 9110 (9.2.2) has every client do for
a GET; that is counted (``reopened``) and is no failure.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What Powerwall-Dashboard's Telegraf asks for, all at once, every five seconds.
TELEGRAF = ("/aggregates", "/soe", "/strings", "/temps/pw", "/freq", "/pod", "/fans/pw", "/alerts/pw")
KEPT = 20_000  # latencies kept per client
EVENTS = 1000  # events kept per client, of either kind
LONGEST_SECONDS = 20.0  # what a client waits for an answer before it calls it missing


@dataclass(frozen=True, slots=True)
class Event:
    """A request without a proper answer, or a kept connection that was found closed. ``owner``: pid that held the
    connection, None where that is not known."""

    target: str
    what: str
    owner: int | None
    moment: float  # monotonic


@dataclass(slots=True)
class Tally:
    """What one client saw."""

    answers: int = 0
    reopened: list[Event] = field(default_factory=list)
    failures: list[Event] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


class Readers:
    """``count`` clients in threads, each asking the targets in an order of its own, from ``with`` to its end.

    ``pause_seconds`` lies between two requests of a client. Every ``fresh_every``-th request uses a new connection.
    ``allowed`` tells which statuses are right for a target (200 without it). ``owners``: find out which of these
    processes holds a connection, so that the failures of a killed one can be told from all others (Linux).
    """

    def __init__(
        self,
        port: int | Callable[[], int],
        targets: Sequence[str] = TELEGRAF,
        *,
        count: int = 4,
        pause_seconds: float = 0.02,
        fresh_every: int = 10,
        allowed: Mapping[str, frozenset[int]] | None = None,
        owners: Callable[[], Sequence[int]] | None = None,
    ) -> None:
        self.port = port if callable(port) else lambda: port
        self.targets = tuple(targets)
        self.pause_seconds = pause_seconds
        self.fresh_every = fresh_every
        self.allowed = allowed or {}
        self.owners = owners
        self.tallies = [Tally() for _ in range(count)]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(number, tally), name=f"reader-{number}", daemon=True)
            for number, tally in enumerate(self.tallies)
        ]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(LONGEST_SECONDS + 5)

    @property
    def answers(self) -> int:
        return sum(tally.answers for tally in self.tallies)

    @property
    def reopened(self) -> list[Event]:
        """Kept connections that were closed by the server before an answer began."""
        return [event for tally in self.tallies for event in tally.reopened]

    @property
    def failures(self) -> list[Event]:
        return [event for tally in self.tallies for event in tally.failures]

    @property
    def seconds(self) -> list[float]:
        """Seconds of every answer kept, sorted."""
        return sorted(value for tally in self.tallies for value in tally.seconds)

    def _live(self, number: int, tally: Tally) -> None:
        chance = random.Random(number)
        connection = Kept(self.port(), self.owners)
        done = 0
        while not self._stop.is_set():
            target = chance.choice(self.targets)
            done += 1
            if done % self.fresh_every == 0:
                connection.close()
            if connection.port != self.port():
                connection.close()
                connection = Kept(self.port(), self.owners)
            begin = time.monotonic()
            try:
                status, closed = connection.get(target)
            except (OSError, http.client.HTTPException) as problem:
                if not self._stop.is_set():
                    _note(tally.failures, target, repr(problem), connection.owner)
                connection.close()
                continue
            if len(tally.seconds) < KEPT:
                tally.seconds.append(time.monotonic() - begin)
            if closed is not None:
                _note(tally.reopened, target, "closed", closed)
            tally.answers += 1
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if status not in self.allowed.get(target, frozenset({200})):
                _note(tally.failures, target, f"status {status}", connection.owner)
            self._stop.wait(self.pause_seconds)
        connection.close()


def _note(events: list[Event], target: str, what: str, owner: int | None) -> None:
    if len(events) < EVENTS:
        events.append(Event(target, what, owner or None, time.monotonic()))


class Kept:
    """One kept-alive connection, opened when needed."""

    def __init__(self, port: int, owners: Callable[[], Sequence[int]] | None = None) -> None:
        self.port = port
        self.owners = owners
        self.owner: int | None = None
        self._open: http.client.HTTPConnection | None = None

    def get(self, target: str) -> tuple[int, int | None]:
        """Status; and, when the kept connection had been closed meanwhile, the pid that held it (0 when not known).
        OSError or HTTPException: no answer."""
        used = self._open is not None
        try:
            return self._ask(target), None
        except (ConnectionError, http.client.BadStatusLine):
            # A reset in the middle of an answer is an IncompleteRead: not caught here.
            closed = self.owner or 0
            self.close()
            if not used:
                raise
        return self._ask(target), closed

    def _ask(self, target: str) -> int:
        if self._open is None:
            self._open = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_SECONDS)
            self._open.connect()
            self.owner = None
        self._open.request("GET", target)
        answer = self._open.getresponse()
        try:
            answer.read()
        except ConnectionError as problem:
            raise http.client.IncompleteRead(b"") from problem
        if self.owner is None and self.owners is not None and self._open.sock is not None:
            self.owner = holder(self._open.sock.getsockname()[1], self.port, self.owners())
        if answer.will_close:
            self.close()
        return answer.status

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def holder(client_port: int, server_port: int, pids: Sequence[int]) -> int | None:
    """Which of ``pids`` holds the server's end of the connection from ``client_port`` on loopback; None: none of them.

    Linux only: the kernel's tables are read.
    """
    wanted = (f"0100007F:{server_port:04X}", f"0100007F:{client_port:04X}")
    inode = None
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (fields[1], fields[2]) == wanted:
            inode = fields[9]
    if inode is None:
        return None
    for pid in pids:
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{number}") == f"socket:[{inode}]":
                    return pid
        except OSError:
            continue
    return None


def json_of(port: int, target: str) -> Any:
    """The JSON body of one GET. OSError when nobody answers, ValueError when the answer is no JSON."""
    return json.loads(_once(port, target)[1])


def timestamp(port: int, target: str = "/aggregates") -> float:
    """When the data of a document were read from the gateway (epoch seconds); 0 without data or without an answer."""
    try:
        return float(_once(port, target)[0].getheader("x-powerwall-timestamp") or 0)
    except (OSError, http.client.HTTPException):
        return 0.0


def _once(port: int, target: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0…1) of the sorted values lie; 0 without any."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
