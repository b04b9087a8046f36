"""One pwserver's readings for others: a publishing side and a subscribing side over any MQTT broker.

Topics below ``{prefix}/replica/1/{publisher}/``: ``state`` is ``online`` or ``offline`` (the will), ``gateway/{id}``
holds the newest envelope of a gateway (see replica_messages). All retained, so a replica that starts has everything at
once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pwserver.mqtt.broker_connection import (
    Attempts,
    ConnectionLost,
    MqttUnavailable,
    connected,
    keep_connected,
    library,
    refused,
)
from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.replica_messages import VERSION, Envelope, ReplicaMessageError, decode, encode, read_word, sign_word
from pwserver.mqtt.state_topics import safe_in_topic
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading
from pwserver.state.view import View

if TYPE_CHECKING:
    from aiomqtt import Client

log = logging.getLogger("pwserver.replica")

MAX_REASONS = 100
FUTURE_SECONDS = 600.0
SHORTEST_SILENCE_SECONDS = 20.0
STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """A broker, the name of this publisher (its own for each, e.g. the host's), and the shared key, if any."""

    broker: MqttSettings
    name: str = "pwserver"
    prefix: str = "pwserver"
    key: bytes | None = field(default=None, repr=False)
    max_gateways: int = 64  # a reader takes on no more
    max_message_bytes: int = 4 << 20  # longer messages are refused, and not sent either

    @property
    def where(self) -> str:
        """Broker and prefix, for people; no secret."""
        return f"{self.broker.host}:{self.broker.port}/{self.prefix}"

    @property
    def base(self) -> str:
        """The root of all replica topics of this version."""
        return f"{self.prefix}/replica/{VERSION}"


def settings_from_url(url: str, name: str, key: bytes | None = None, **broker: Any) -> ReplicaSettings:
    """Settings from ``mqtt://[user[:password]@]host[:port][/prefix]`` or ``mqtts://…``. Raises ValueError.

    ``broker`` adds members of MqttSettings, e.g. ``tls_ca_cert``. The error never repeats the address: it may hold a
    password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the replica's address cannot be read") from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("the replica's address has to look like mqtt://host[:port][/prefix] or mqtts://…")
    prefix = parts.path.strip("/") or "pwserver"
    if not safe_in_topic(name) or any(not safe_in_topic(level) for level in prefix.split("/")):
        raise ValueError("the replica's name and prefix must not be empty or contain '+', '#' or '/'")
    tls = parts.scheme == "mqtts"
    settings = MqttSettings(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        client_id="",
    )
    return ReplicaSettings(replace(settings, **broker), name, prefix, key)


class ReplicaPublisher:
    """``start()``, then ``publish(view)`` after every poll attempt, ``stop()``. Never blocks, never queues.

    ``order``: gateway ids as the publisher lists them, so that a replica lists them likewise.
    """

    def __init__(self, settings: ReplicaSettings, order: Sequence[str] = ()) -> None:
        self.settings = settings
        self.connected = False
        self.published = 0
        self._order = {gateway_id: position for position, gateway_id in enumerate(order)}
        self._run = time.time_ns()
        self._sequence = 0
        self._views: dict[str, View] = {}
        self._too_long: set[str] = set()
        self._unsent: dict[str, None] = {}  # gateway ids, in the order in which they became news
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin connecting in the background."""
        self._task = _in_background(self.settings, self._session)

    def publish(self, view: View) -> None:
        """Take note of a poll attempt, good or bad."""
        if view.gateway.virtual or not safe_in_topic(view.gateway.id):
            return
        self._views[view.gateway.id] = view
        self._unsent[view.gateway.id] = None
        self._news.set()

    async def stop(self) -> None:
        """Say offline and disconnect."""
        task, self._task = self._task, None
        await _end(task, self.settings)

    async def _session(self, attempts: Attempts) -> None:
        settings, state = self.settings, f"{self.settings.base}/{self.settings.name}/state"
        async with connected(settings.broker, (state, sign_word("offline", state, settings.key))) as client:
            try:
                await client.publish(state, sign_word("online", state, settings.key), qos=1, retain=True)
                self._unsent = dict.fromkeys(self._views)
                self.connected = True
                attempts.success()
                async with asyncio.TaskGroup() as group:
                    group.create_task(_until_lost(client))
                    group.create_task(self._sender(client))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            except asyncio.CancelledError:
                with suppress(Exception):
                    await client.publish(
                        state, sign_word("offline", state, settings.key), qos=1, retain=True, timeout=STOP_SECONDS
                    )  # fmt: skip
                raise
            finally:
                self.connected = False

    async def _sender(self, client: Client) -> None:
        while True:
            while self._unsent:
                gateway_id = next(iter(self._unsent))
                del self._unsent[gateway_id]
                topic = f"{self.settings.base}/{self.settings.name}/gateway/{gateway_id}"
                message = self._message(topic, self._views[gateway_id])
                if len(message) <= self.settings.max_message_bytes:
                    await client.publish(topic, message, qos=1, retain=True)
                    self.published += 1
                elif gateway_id not in self._too_long:
                    self._too_long.add(gateway_id)
                    log.error("replica message of gateway %s is too long: %d bytes", gateway_id, len(message))
            self._news.clear()
            if not self._unsent:
                await self._news.wait()

    def _message(self, topic: str, view: View) -> bytes:
        self._sequence += 1
        waits = max(3 * view.server.poll_interval_seconds, SHORTEST_SILENCE_SECONDS) + view.status.backoff_seconds
        place = self._order.get(view.gateway.id, 0)
        envelope = Envelope(
            view.gateway, view.status, view.reading, time.time(), self._run, self._sequence, waits, place
        )
        return encode(envelope, topic, self.settings.key)


@dataclass(frozen=True, slots=True)
class ReplicaUpdate:
    """What is known now about one gateway of one publisher."""

    publisher: str
    identity: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None
    sent: float | None  # epoch seconds, the publisher's clock
    expect_seconds: float = SHORTEST_SILENCE_SECONDS  # the next one comes within this
    position: int = 0  # of the gateway in its publisher's list


@dataclass(slots=True)
class _Known:
    publisher: str
    envelope: Envelope
    deadline: float  # loop time after which silence counts as a failure
    lost: str | None = None  # why nothing may be expected right now


class ReplicaSubscriber:
    """Follows all publishers below one prefix: ``async for update in subscriber.updates()``.

    A gateway whose publisher went offline, fell silent or cannot be heard comes as a failed poll (``online`` false,
    the last reading kept, so that its age decides how long it is served). Of two publishers with the same gateway
    id the first one heard counts until it is lost, then the other takes over.
    """

    def __init__(self, settings: ReplicaSettings) -> None:
        self.settings = settings
        self.connected = False
        self._remembered = 4 * settings.max_gateways + 1000  # publishers, their gateways, messages not yet read
        self.refused: dict[str, int] = {}  # reason -> messages
        self._known: dict[str, _Known] = {}
        self._offline: set[str] = set()
        self._newest: dict[tuple[str, str], tuple[int, int]] = {}
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin connecting in the background."""
        self._task = _in_background(self.settings, self._session)

    async def stop(self) -> None:
        """Disconnect."""
        task, self._task = self._task, None
        await _end(task, self.settings)

    async def updates(self) -> AsyncIterator[ReplicaUpdate]:
        """The newest state of each gateway that changed, for ever. A slow consumer misses steps, never the last."""
        while True:
            while self._changed:
                gateway_id = next(iter(self._changed))
                del self._changed[gateway_id]
                yield self._update(self._known[gateway_id])
            self._news.clear()
            if not self._changed:
                await self._wait_for_news()

    async def _wait_for_news(self) -> None:
        loop = asyncio.get_running_loop()
        due = [known.deadline for known in self._known.values() if known.lost is None]
        try:
            await asyncio.wait_for(self._news.wait(), max(0.0, min(due) - loop.time()) if due else None)
        except TimeoutError:
            for gateway_id, known in self._known.items():
                if known.lost is None and known.deadline <= loop.time():
                    self._lose(gateway_id, known, "has fallen silent")

    def _update(self, known: _Known) -> ReplicaUpdate:
        envelope, status = known.envelope, known.envelope.status
        if known.lost is not None:
            status = replace(
                status,
                state="backing-off",
                online=False,
                stale=envelope.reading is not None,
                cause="unreachable",
                error=f"publisher {known.publisher} {known.lost}",
                consecutive_failures=status.consecutive_failures + 1,
                total_failures=status.total_failures + 1,
            )
        return ReplicaUpdate(
            known.publisher, envelope.identity, status, envelope.reading, envelope.sent, envelope.expect_seconds,
            envelope.position,
        )  # fmt: skip

    def _tell(self, gateway_id: str) -> None:
        self._changed[gateway_id] = None
        self._news.set()

    def _lose(self, gateway_id: str, known: _Known, why: str) -> None:
        if known.lost is None:
            known.lost = why
            self._tell(gateway_id)

    async def _session(self, attempts: Attempts) -> None:
        base = self.settings.base
        async with connected(self.settings.broker, None, self._remembered) as client:
            try:
                self._offline.clear()  # what still holds is retained and comes again
                granted = await client.subscribe([(f"{base}/+/state", 1), (f"{base}/+/gateway/+", 1)])
                if refused(granted):
                    raise ConnectionLost("the broker refused the subscription")
                self.connected = True
                attempts.success()
                async for message in client.messages:
                    self._hear(str(message.topic), bytes(message.payload or b""), bool(message.retain))
            finally:
                self.connected = False
                for gateway_id, known in self._known.items():
                    self._lose(gateway_id, known, "cannot be heard, the broker is away")

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        parts = topic[len(self.settings.base) + 1 :].split("/")
        publisher = parts[0]
        try:
            if parts[1:] == ["state"]:
                self._hear_state(publisher, read_word(payload, topic, self.settings.key))
            elif len(payload) > self.settings.max_message_bytes:
                raise ReplicaMessageError("message too long")
            elif len(parts) == 3 and payload:
                self._hear_gateway(publisher, parts[2], decode(payload, topic, self.settings.key), retained)
        except ReplicaMessageError as error:
            self._refuse(topic, str(error))

    def _refuse(self, topic: str, reason: str) -> None:
        if reason in self.refused:
            self.refused[reason] += 1
        elif len(self.refused) < MAX_REASONS:
            self.refused[reason] = 1
            log.warning("replica message on %s refused: %s", topic[:200], reason)

    def _hear_state(self, publisher: str, word: str) -> None:
        if word != "offline":
            self._offline.discard(publisher)
            return
        if len(self._offline) < self._remembered:
            self._offline.add(publisher)
        for gateway_id, known in self._known.items():
            if known.publisher == publisher:
                self._lose(gateway_id, known, "is offline")

    def _hear_gateway(self, publisher: str, gateway_id: str, envelope: Envelope, retained: bool) -> None:
        if envelope.identity.id != gateway_id:
            raise ReplicaMessageError("gateway id and topic differ")
        now, loop = time.time(), asyncio.get_running_loop()
        if envelope.sent > now + FUTURE_SECONDS:
            raise ReplicaMessageError("sent in the future; check the clocks")
        order, before = (envelope.run, envelope.sequence), self._newest.get((publisher, gateway_id))
        if before is not None and order < before:
            raise ReplicaMessageError("older than what is known")
        known = self._known.get(gateway_id)
        if known is not None and known.publisher != publisher and known.lost is None:
            raise ReplicaMessageError("two publishers have a gateway of the same id")
        if known is None and len(self._known) >= self.settings.max_gateways:
            raise ReplicaMessageError("more gateways than allowed")
        if before is None and len(self._newest) >= self._remembered:
            raise ReplicaMessageError("too many gateways")
        if order == before and known is not None and known.publisher == publisher and known.lost is None:
            return  # the broker sent its stored copy again
        self._newest[publisher, gateway_id] = order
        lost = None
        if publisher in self._offline:
            lost = "is offline"
        elif retained and now - envelope.sent > envelope.expect_seconds:
            lost = "has fallen silent"
        if lost is not None and known is not None and known.publisher != publisher:
            return
        self._known[gateway_id] = _Known(publisher, envelope, loop.time() + envelope.expect_seconds, lost)
        self._tell(gateway_id)


async def _until_lost(client: Client) -> None:
    """Ends with the library's error as soon as the connection is gone, also while there is nothing to send."""
    async for _ in client.messages:
        pass


def _in_background(settings: ReplicaSettings, session: Any) -> asyncio.Task[None] | None:
    try:
        library()
    except MqttUnavailable as error:
        log.error("%s", error)
        return None
    return asyncio.create_task(keep_connected(settings.broker, session), name="replica")


async def _end(task: asyncio.Task[None] | None, settings: ReplicaSettings) -> None:
    if task is None:
        return
    task.cancel()
    with suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(task, STOP_SECONDS + settings.broker.operation_timeout_seconds)
