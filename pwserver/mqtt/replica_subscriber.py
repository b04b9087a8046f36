"""Subscribe as a replica: follow what all publishers below one prefix say of their gateways."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from pwserver.mqtt.broker_connection import (
    Attempts,
    ConnectionLost,
    connected,
    end_in_background,
    refused,
    start_in_background,
)
from pwserver.mqtt.replica_messages import Envelope, ReplicaMessageError, decode, read_word
from pwserver.mqtt.replica_settings import SHORTEST_SILENCE_SECONDS, ReplicaSettings
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading
from pwserver.records import record

log = logging.getLogger("pwserver.replica")

MAX_REASONS = 100  # kinds of refusal that are counted; the reasons are this program's own, so there are fewer
FUTURE_SECONDS = 600.0  # clocks of two machines may differ so far; more would keep old data fresh for hours


@record(frozen=True, slots=True)
class ReplicaUpdate:
    """Holds what is known now about one gateway of one publisher."""

    publisher: str
    identity: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None
    sent: float | None  # epoch seconds, the publisher's clock
    expect_seconds: float = SHORTEST_SILENCE_SECONDS  # the next one comes within this
    position: int = 0  # of the gateway in its publisher's list


@record(slots=True)
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
        self._task = start_in_background(self.settings.broker, self._session, "replica")

    async def stop(self) -> None:
        """Disconnect from the broker."""
        task, self._task = self._task, None
        await end_in_background(task, self.settings.broker)

    async def updates(self) -> AsyncIterator[ReplicaUpdate]:
        """Yield each gateway that changed, for ever. A slow consumer misses steps, never the last one."""
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
            known.publisher,
            envelope.identity,
            status,
            envelope.reading,
            envelope.sent,
            envelope.expect_seconds,
            envelope.position,
        )

    def _tell(self, gateway_id: str) -> None:
        # A dict for a set that keeps its order: of a gateway that changes often only the latest state is handed on.
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
        now = time.time()
        # Its age would be negative, and it would count as fresh until this machine's clock has come there.
        if envelope.sent > now + FUTURE_SECONDS:
            raise ReplicaMessageError("sent in the future; check the clocks")
        self._check_place(publisher, gateway_id, envelope)
        known = self._known.get(gateway_id)
        ours = known is not None and known.publisher == publisher
        order = (envelope.run, envelope.sequence)
        if ours and known is not None and known.lost is None and self._newest.get((publisher, gateway_id)) == order:
            return  # the broker sent its stored copy again
        self._newest[publisher, gateway_id] = order
        lost = None
        if publisher in self._offline:
            lost = "is offline"
        elif retained and now - envelope.sent > envelope.expect_seconds:
            lost = "has fallen silent"
        # A publisher that is gone must not take a gateway over from one that still publishes it.
        if lost is not None and known is not None and not ours:
            return
        deadline = asyncio.get_running_loop().time() + envelope.expect_seconds
        self._known[gateway_id] = _Known(publisher, envelope, deadline, lost)
        self._tell(gateway_id)

    def _check_place(self, publisher: str, gateway_id: str, envelope: Envelope) -> None:
        """Refuse an envelope that is older than the last, belongs to another publisher, or is one too many."""
        before = self._newest.get((publisher, gateway_id))
        # Also guards against replay: a signed message is valid for ever, but it has its number.
        if before is not None and (envelope.run, envelope.sequence) < before:
            raise ReplicaMessageError("older than what is known")
        known = self._known.get(gateway_id)
        if known is not None and known.publisher != publisher and known.lost is None:
            raise ReplicaMessageError("two publishers have a gateway of the same id")
        if known is None and len(self._known) >= self.settings.max_gateways:
            raise ReplicaMessageError("more gateways than allowed")
        if before is None and len(self._newest) >= self._remembered:
            raise ReplicaMessageError("too many gateways")
