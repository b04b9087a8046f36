"""Keep a connection to an MQTT broker; only this module imports the client library.

aiomqtt was chosen over bare paho-mqtt: it runs paho's sockets in our event loop (no thread, no second queue), its
publish returns when the broker has confirmed, and leaving its context always ends in a defined state. Both are kept
by their projects, and paho underneath is the reference client.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiomqtt import Client

    from pwserver.mqtt.broker_settings import MqttSettings

log = logging.getLogger("pwserver.mqtt")
NOT_INSTALLED = "MQTT needs the Python package aiomqtt, which is not installed: pip install aiomqtt"
NOT_TRIED = "an attempt to connect is under way"
# Who listens there may be no broker, or expect TLS: it closes or keeps silent, and the library tells of neither.
NO_ANSWER = (
    "no MQTT answer within {:g} s; check MQTT_HOST and MQTT_PORT, and whether the broker expects TLS there (MQTT_TLS)"
)
_TIMED_OUT = "Operation timed out"  # as the library puts it
REASON_CHARACTERS = 300  # of a failure's text, which may hold what the other side sent
MAX_INBOUND = 100
STOP_SECONDS = 3.0  # for the last messages of a connection that ends
CANCEL_AGAIN_SECONDS = 0.1
REPEAT_SECONDS = 300.0  # how often the log repeats that the same failure goes on


class MqttUnavailable(Exception):
    """Says that the client library is not installed."""


class ConnectionLost(Exception):
    """Says that the broker is away, refused the connection or stopped answering."""


def library() -> Any:
    """Import the client library, or raise MqttUnavailable where it was left out of the installation."""
    try:
        import aiomqtt
    except ImportError as error:
        raise MqttUnavailable(NOT_INSTALLED) from error
    return aiomqtt


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """Make the TLS context, None for a plain connection. Raises OSError for an unreadable CA file."""
    if not settings.tls:
        return None
    context = ssl.create_default_context(cafile=settings.tls_ca_cert or None)
    if settings.tls_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class LatestQueue(asyncio.Queue[Any]):
    """Holds a bounded number of messages and drops the oldest, never the newest, because the last word counts."""

    def put_nowait(self, item: Any) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


@asynccontextmanager
async def connected(
    settings: MqttSettings, will: tuple[str, bytes] | None, inbound: int = MAX_INBOUND
) -> AsyncIterator[Client]:
    """Open one connection, with a retained will if there is one. The library's errors become ConnectionLost."""
    aiomqtt, established = library(), False
    quiet = logging.getLogger("pwserver.mqtt.client")
    quiet.setLevel(logging.CRITICAL)  # its warnings and errors repeat, at every attempt, what ``Attempts`` logs
    try:
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username or None,
            password=settings.password or None,
            identifier=settings.client_id or None,
            will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1, retain=True),
            # No session is kept: commands that came while this server was away must not be carried out later.
            clean_session=True if settings.client_id else None,
            keepalive=settings.keepalive_seconds,
            timeout=settings.operation_timeout_seconds,
            tls_context=await asyncio.to_thread(tls_context, settings),
            queue_type=LatestQueue,
            max_queued_incoming_messages=inbound,
            max_inflight_messages=1000,
            logger=quiet,
        )
        client.pending_calls_threshold = 1000
        async with client:
            established = True
            yield client
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        if not established and str(error) == _TIMED_OUT:
            raise ConnectionLost(NO_ANSWER.format(settings.operation_timeout_seconds)) from None
        raise ConnectionLost(str(error) or type(error).__name__) from None


def refused(granted: Any) -> bool:
    """Return whether a broker's answer to a subscription holds a refusal."""
    # Return codes from 0x80 on are failures (MQTT 3.1.1 §3.9.3, MQTT 5 §3.9.3).
    return any(int(getattr(code, "value", code)) >= 128 for code in granted)


class Attempts:
    """Counts attempts at a broker: gives the pauses between them, and writes the log.

    The pauses are 2, 4, 8 … 60 seconds, and 2 again after a success. What is new is logged at once, what repeats every
    five minutes with a count: two servers with one client id throw each other out every two seconds for days.
    """

    def __init__(self, settings: MqttSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.why_not_connected: str | None = NOT_TRIED
        self._where = f"{settings.host}:{settings.port}"
        self._first, self._longest = settings.backoff_first_seconds, settings.backoff_last_seconds
        self._next = self._first
        self._clock = clock
        self._connected: bool | None = None  # as the log has it
        self._reason: str | None = None
        self._repeat_at = 0.0
        self._untold = 0

    def success(self) -> None:
        """Note that the connection is established."""
        self._next, self.why_not_connected = self._first, None
        if not self._connected:
            self._connected = True
            log.info("MQTT connected to %s", self._where)

    def lost(self, reason: str, fault: Exception | None = None) -> float:
        """Note that the connection failed or ended; returns the seconds to wait.

        ``fault``: the exception, where this program itself is to blame.
        """
        seconds, self._next = self._next, min(self._longest, self._next * 2)
        self.why_not_connected = reason[:REASON_CHARACTERS]
        now = self._clock()
        if reason == self._reason and now < self._repeat_at:
            self._untold += 1
        else:
            again = f" ({self._untold} more times before)" if self._untold and reason == self._reason else ""
            text = "MQTT broker %s: %s%s; next attempt in %g s"
            log.warning(text, self._where, reason, again, seconds, exc_info=fault)
            self._connected, self._reason, self._untold = False, reason, 0
            self._repeat_at = now + REPEAT_SECONDS
        return seconds


async def keep_connected(settings: MqttSettings, session: Callable[[Attempts], Awaitable[None]]) -> None:
    """Run ``session`` again and again until cancelled; it ends by ConnectionLost."""
    attempts = Attempts(settings)
    while True:
        fault: Exception | None = None
        try:
            await session(attempts)
            reason = "session ended"
        except ConnectionLost as error:
            reason = str(error)
        except MqttUnavailable as error:
            log.error("%s", error)
            return
        except Exception as error:  # a fault in this program must not end publishing for good
            fault, reason = error, type(error).__name__
        await asyncio.sleep(attempts.lost(reason, fault))


def start_in_background(
    settings: MqttSettings, session: Callable[[Attempts], Awaitable[None]], name: str
) -> asyncio.Task[None] | None:
    """Start ``keep_connected`` as a task of that name; None, and a line of the log, without the client library."""
    try:
        library()
    except MqttUnavailable as error:
        log.error("%s", error)
        return None
    return asyncio.create_task(keep_connected(settings, session), name=name)


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until all have ended; what they raise is dropped.

    Once is not enough: before Python 3.12, ``asyncio.wait_for`` swallows a cancellation that comes at the moment at
    which what it waits for is done, here the broker's confirmation. Such a task would go on for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # asyncio complains in the log of what nobody has looked at


async def end_in_background(task: asyncio.Task[None] | None, settings: MqttSettings) -> None:
    """Cancel what ``start_in_background`` started, and wait while it sends its last messages."""
    if task is None:
        return
    task.cancel()
    with suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(task, STOP_SECONDS + settings.operation_timeout_seconds)
