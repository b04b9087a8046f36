"""Listen for connections, and simulate their faults; one asyncio loop in one thread serves any number of gateways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pwserver.records import record

from .faults import Fault
from .http_messages import MAX_HEAD_BYTES, BadRequest, Request, Response, read_request

T = TypeVar("T")

MAX_CONNECTIONS = 64  # per gateway; a client that leaks connections must fail in a test, not exhaust the machine
_LOG_LENGTH = 5000


@record(frozen=True, slots=True)
class LoggedRequest:
    """Describes one request and its answer."""

    time: float  # monotonic
    method: str
    path: str
    about: str  # ``DeviceAnswer.about``
    status: int  # 0 if no answer was given


class RequestLog:
    """Counts requests by path and by what they were about, and keeps the last few thousand of them."""

    def __init__(self) -> None:
        self.by_path: Counter[str] = Counter()
        self.by_about: Counter[str] = Counter()
        self.recent: deque[LoggedRequest] = deque(maxlen=_LOG_LENGTH)
        self.total = 0
        self.connections = 0
        self.errors: deque[Exception] = deque(maxlen=20)  # bugs of the simulator itself

    def add(self, seen: LoggedRequest) -> None:
        """Count one request, and keep it."""
        self.total += 1
        for counter, key in ((self.by_path, f"{seen.method} {seen.path}"), (self.by_about, seen.about)):
            counter[key if key in counter or len(counter) < 200 else "other"] += 1
        self.recent.append(seen)

    def per_minute(self, seconds: float = 60.0) -> float:
        """Return how many requests per minute came during the last ``seconds``."""
        since = time.monotonic() - seconds
        return sum(1 for seen in list(self.recent) if seen.time >= since) * 60.0 / seconds

    def clear(self) -> None:
        """Forget all requests and errors."""
        self.__init__()  # type: ignore[misc]


class LoopThread:
    """Runs an asyncio loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def call(self, work: Coroutine[Any, Any, T], timeout: float = 30.0) -> T:
        """Run a coroutine on the loop from another thread, and return its result. Raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def stop(self) -> None:
        """End the loop and its thread."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(10.0)


Handler = Callable[[Request, Fault], tuple[Response, str]]


class HttpPort:
    """Serves one port: ``handler`` answers, and ``fault`` spoils the answers. All coroutines run on the loop."""

    def __init__(
        self, handler: Handler, *, context: ssl.SSLContext | None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.handler = handler
        self.context = context
        self.host = host
        self.fault = Fault()
        self.log = RequestLog()
        self._left: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._deaf: socket.socket | None = None
        self._flapping: asyncio.Task[None] | None = None
        # A second socket, bound but never listening, reserves the port while the gateway is unplugged: otherwise
        # another test could get it, and the gateway could not come back.
        if port:
            self._bound(port, shared=False).close()  # raises OSError if another program has the port
        self._reservation = self._bound(port)
        self.port: int = self._reservation.getsockname()[1]

    def _bound(self, port: int, *, shared: bool = True) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            bound.bind((self.host, port))
        except OSError:
            bound.close()
            raise
        return bound

    async def open(self) -> None:
        """Listen, for the first time or again."""
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None
        if self._server is None:
            self._server = await asyncio.start_server(
                self._connection,
                sock=self._bound(self.port),
                ssl=self.context,
                limit=MAX_HEAD_BYTES,
                backlog=128,
                ssl_handshake_timeout=10.0 if self.context else None,
            )

    async def close(self, *, deaf: bool = False) -> None:
        """Stop listening and cut every connection; ``deaf``: the kernel goes on accepting, but nothing answers."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:  # wait, so that a client cannot send its next request on a connection that is about to be cut
            await asyncio.wait(tasks, timeout=1.0)
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None
        if deaf:
            self._deaf = self._bound(self.port)
            self._deaf.listen(128)

    async def shut(self) -> None:
        """Close the port and cut every connection."""
        if self._flapping is not None:
            self._flapping.cancel()
        await self.close()
        self._reservation.close()

    async def set_fault(self, fault: Fault) -> None:
        """Switch a fault on, or all faults off."""
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        if fault.kind == "flapping":
            self._flapping = asyncio.get_running_loop().create_task(self._flap(fault))
        else:
            await self._apply(fault)

    async def _apply(self, fault: Fault) -> None:
        self.fault, self._left = fault, fault.times
        if fault.kind == "unplugged":
            await self.close()
        elif fault.kind == "deaf":
            await self.close(deaf=True)
        else:
            await self.open()

    async def _flap(self, fault: Fault) -> None:
        wrong = Fault.parse(fault.fault)
        while True:
            await self._apply(wrong)
            await asyncio.sleep(fault.down_seconds)
            await self._apply(Fault())
            await asyncio.sleep(fault.up_seconds)

    def _fault_for(self, request: Request) -> Fault:
        fault = self.fault
        if fault.kind == "none" or not request.path.startswith(fault.path):
            return Fault()
        if self._left is not None:
            if self._left <= 0:
                return Fault()
            self._left -= 1
        return fault

    def _handle(self, request: Request, fault: Fault) -> tuple[Response, str]:
        try:
            return self.handler(request, fault)
        except Exception as error:  # a bug of the simulator itself: tests check that ``log.errors`` is empty
            self.log.errors.append(error)
            return Response(500, repr(error).encode(), "text/plain"), "error"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= MAX_CONNECTIONS:
            _reset(writer)
            return
        self._tasks.add(task)
        self.log.connections += 1
        try:
            await self._serve(reader, writer)
        except (BadRequest, ConnectionError, asyncio.CancelledError, TimeoutError, ssl.SSLError):
            _reset(writer)
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            fault = self._fault_for(request)
            kind = fault.kind
            response: Response | None = None
            about = kind
            if kind == "status":
                retry = fault.retry_after_seconds
                headers = [] if retry is None else [("Retry-After", str(retry))]
                response = Response(fault.status, b"", "text/plain", headers)
            elif kind not in ("silent", "reset"):
                response, about = self._handle(request, fault)
                if kind == "follower-gone" and response.status == 0:
                    response = None
            unanswered = kind in ("silent", "mute", "reset") or response is None
            status = 0 if unanswered or response is None else response.status
            self.log.add(LoggedRequest(time.monotonic(), request.method, request.path, about, status))
            if kind == "reset":
                _reset(writer)
                return
            if unanswered or response is None:
                await reader.read(1)  # until the client gives up
                return
            if kind == "slow":
                await asyncio.sleep(fault.seconds)
            content = response.encode(keep_alive=request.keep_alive, head_only=request.method == "HEAD")
            if kind == "drip":
                for position in range(len(content)):
                    writer.write(content[position : position + 1])
                    await writer.drain()
                    await asyncio.sleep(fault.seconds)
            else:
                writer.write(content)
                await writer.drain()
            if not request.keep_alive:
                return


def _reset(writer: asyncio.StreamWriter) -> None:
    """Cut a connection so that the peer sees a reset, not an orderly end."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        # Lingering for 0 s makes the kernel send RST instead of FIN (socket(7)).
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(Exception):
        writer.transport.abort()
