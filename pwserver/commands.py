"""Carry commands from a worker to the poller, and the answers back. There is no other way from workers to gateways.

Main makes one pair of connected sockets per worker before it forks anything, so that workers, the poller and their
replacements inherit them: without a name or a file, no other program can speak here. A message is one JSON object in
one packet.

Why nothing is sent to a gateway twice, or after its sender has given up:

* a command names the poller process it is meant for; another one drops it unread;
* the poller says "started" before it starts, and looks at the deadline once more after saying so. A worker that has
  heard nothing when the deadline is over may therefore say "never started"; one that has heard it may not;
* the worker sends each command once. The outcome of one that started and then fell silent is unknown, and told so.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, field
from typing import Any, Protocol

from pwserver.json_types import Json, JsonObject
from pwserver.records import record

MESSAGE_BYTES = 96 * 1024  # the longest message either way
PENDING_MAX = 64  # commands one worker waits for at a time
LOOK_SECONDS = 0.1  # how often a waiting worker looks whether the poller still lives

# What became of a command.
ACKNOWLEDGED = "acknowledged"  # the gateway said yes
DRY_RUN = "dry run"  # everything was checked, nothing was sent
NOT_SENT = "not sent"  # nothing reached the gateway
REFUSED = "refused"  # the gateway, or the library for it, said no
UNKNOWN = "unknown"  # it was sent, or may have been, and no answer came
BUSY = "busy"  # another command of this gateway is under way
COOLING = "cooling down"  # too soon after the last islanding command
REPEATED = "repeated"  # this idempotency key has been used
NO_GATEWAY = "no gateway"  # there is no gateway of this name


@record(frozen=True, slots=True)
class Command:
    """Describes one command on its way to the poller.

    ``deadline``: monotonic seconds after which it must not start any more.
    """

    number: int
    worker: int  # pid of the sender
    poller: int  # pid of the poller it is meant for
    gateway: str
    action: str
    arguments: JsonObject
    deadline: float
    limit_seconds: float  # from its start to its end
    who: str
    dry_run: bool = False
    key: str = ""  # idempotency key, empty for none


@record(frozen=True, slots=True)
class Outcome:
    """Says what became of a command. ``result``: the gateway's own answer; ``message``: for people, without secrets."""

    kind: str
    message: str = ""
    result: Json = None
    via: str = ""  # the connection that was used
    retry_after_seconds: float = 0.0
    pending: list[str] = field(default_factory=list)  # settings to be confirmed by the next polls


class Heart(Protocol):
    """Declares what is needed here of the heartbeat table."""

    def pid(self, row: int) -> int: ...


class Channel:
    """Holds the sockets, made by main before any fork: ``workers[n]`` for worker n, ``poller[n]`` its other end."""

    def __init__(self, workers: int) -> None:
        # Both kinds keep the bounds of messages. SOCK_SEQPACKET also tells when the other end is closed.
        kind = socket.SOCK_SEQPACKET if _has_seqpacket() else socket.SOCK_DGRAM
        self.workers: list[socket.socket] = []
        self.poller: list[socket.socket] = []
        for _ in range(workers):
            near, far = socket.socketpair(socket.AF_UNIX, kind)
            for end in (near, far):
                end.setblocking(False)
                # A packet that is larger than the send buffer fails at once (EMSGSIZE), so one must fit with room.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE_BYTES)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * MESSAGE_BYTES)
            self.workers.append(near)
            self.poller.append(far)

    def close(self) -> None:
        """Let go of all ends."""
        for end in (*self.workers, *self.poller):
            end.close()


def _has_seqpacket() -> bool:
    try:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except (AttributeError, OSError):  # macOS has none for local sockets
        return False
    for end in pair:
        end.close()
    return True


def send(end: socket.socket, message: JsonObject) -> bool:
    """Send one message at once; False when it is too long, or the other side does not read."""
    data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(data) > MESSAGE_BYTES:
        return False
    try:
        return end.send(data) == len(data)
    except OSError:
        return False


def receive(end: socket.socket) -> JsonObject | None:
    """Receive the next waiting message, None when there is none. What is no JSON object is an empty one."""
    try:
        data = end.recv(MESSAGE_BYTES + 1)
    except OSError:
        return None
    if not data:
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@record(slots=True)
class _SentCommand:
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    started: float = 0.0  # monotonic; 0: not yet
    outcome: Outcome | None = None


class CommandClient:
    """Sends commands from a worker. Made in the worker, after the fork, by its event loop."""

    def __init__(self, end: socket.socket, heart: Heart, poller_row: int, worker: int) -> None:
        self._end = end
        self._heart = heart
        self._row = poller_row
        self._worker = worker
        self._number = 0
        self._waiting: dict[int, _SentCommand] = {}
        asyncio.get_running_loop().add_reader(end.fileno(), self._read)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._end.fileno())

    async def carry_out(
        self,
        gateway: str,
        action: str,
        arguments: JsonObject,
        *,
        who: str,
        start_seconds: float,
        limit_seconds: float,
        dry_run: bool = False,
        key: str = "",
    ) -> Outcome:
        """Have a command carried out, and return its outcome.

        It starts within ``start_seconds`` or never. ``limit_seconds`` after its start it is over, or its outcome is
        unknown.
        """
        poller = self._heart.pid(self._row)
        if not poller:
            return Outcome(NOT_SENT, "the poller is not running")
        if len(self._waiting) >= PENDING_MAX:
            return Outcome(NOT_SENT, "too many commands are waiting")
        self._number += 1
        deadline = time.monotonic() + start_seconds
        command = Command(
            self._number, self._worker, poller, gateway, action, arguments, deadline, limit_seconds, who, dry_run, key
        )
        waiting = self._waiting[command.number] = _SentCommand()
        try:
            if not send(self._end, asdict(command)):
                return Outcome(NOT_SENT, "the command could not be handed to the poller")
            return await self._outcome(waiting, command)
        finally:
            del self._waiting[command.number]

    async def _outcome(self, waiting: _SentCommand, command: Command) -> Outcome:
        while True:
            try:
                await asyncio.wait_for(waiting.ready.wait(), LOOK_SECONDS)
            except TimeoutError:
                pass
            waiting.ready.clear()
            # In this order: what the poller said before it died, or before the deadline, has been read by then.
            gone = self._heart.pid(self._row) != command.poller
            now = time.monotonic()
            self._read()
            if waiting.outcome is not None:
                return waiting.outcome
            if gone and waiting.started:
                return Outcome(UNKNOWN, "outcome unknown: the poller was restarted meanwhile")
            if gone:
                return Outcome(NOT_SENT, "the poller was restarted; nothing was sent")
            if not waiting.started and now > command.deadline:
                return Outcome(NOT_SENT, "the gateway was busy for too long; nothing was sent")
            if waiting.started and now > waiting.started + command.limit_seconds:
                return Outcome(UNKNOWN, "outcome unknown: no answer in time; look before you try again")

    def _read(self) -> None:
        while (message := receive(self._end)) is not None:
            if message.get("worker") != self._worker:
                continue  # for the worker that was here before
            waiting = self._waiting.get(message.get("number", 0))
            if waiting is None:
                continue
            if message.get("stage") == "started":
                waiting.started = time.monotonic()
            else:
                waiting.outcome = _outcome_of(message)
                waiting.ready.set()


def _outcome_of(message: JsonObject) -> Outcome:
    names = Outcome.__dataclass_fields__
    return Outcome(**{"kind": UNKNOWN} | {name: message[name] for name in names if name in message})


class CommandServer:
    """Hands each command to ``accept(command, started)`` in the poller, and sends its outcome back.

    ``accept`` returns the outcome; before it touches a gateway it must call ``started()`` and stop when that is False.
    """

    def __init__(
        self,
        channel: Channel,
        poller: int,
        accept: Callable[[Command, Callable[[], bool]], Any],
        alive: Callable[[int], bool] = lambda pid: True,
    ) -> None:
        self._channel = channel
        self._poller = poller
        self._accept = accept
        self._alive = alive
        self._jobs: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen from now on, in the running loop."""
        loop = asyncio.get_running_loop()
        for end in self._channel.poller:
            loop.add_reader(end.fileno(), self._read, end)

    def _read(self, end: socket.socket) -> None:
        while (message := receive(end)) is not None:
            try:
                command = Command(**message)
            except TypeError:
                continue
            # Meant for the poller before this one, or from a worker that has died: no one waits for its outcome.
            if command.poller != self._poller or not self._alive(command.worker):
                continue
            job = asyncio.create_task(self._answer(end, command))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    async def _answer(self, end: socket.socket, command: Command) -> None:
        address = {"number": command.number, "worker": command.worker}

        def started() -> bool:
            # Told first, looked at the clock after: see the top of this module. False also when it could not be told.
            return send(end, {**address, "stage": "started"}) and time.monotonic() <= command.deadline

        try:
            outcome = await self._accept(command, started)
        except Exception as fault:
            outcome = Outcome(UNKNOWN, f"outcome unknown: {type(fault).__name__} in the poller")
        if not send(end, {**address, "stage": "done", **asdict(outcome)}):
            send(end, {**address, "stage": "done", **asdict(Outcome(outcome.kind, "the answer is too long"))})
