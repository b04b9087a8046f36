"""Publish for replicas: every poll attempt of every gateway as one retained message."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pwserver.mqtt.broker_connection import STOP_SECONDS, Attempts, connected, end_in_background, start_in_background
from pwserver.mqtt.replica_messages import Envelope, encode, sign_word
from pwserver.mqtt.replica_settings import SHORTEST_SILENCE_SECONDS, ReplicaSettings
from pwserver.mqtt.state_topics import safe_in_topic
from pwserver.state.view import View

if TYPE_CHECKING:
    from aiomqtt import Client

log = logging.getLogger("pwserver.replica")


class ReplicaPublisher:
    """Publishes views: call ``start()``, then ``publish(view)`` after every poll attempt, ``stop()`` at the end.

    It never blocks and never queues.

    ``order``: gateway ids as the publisher lists them, so that a replica lists them likewise.
    """

    def __init__(self, settings: ReplicaSettings, order: Sequence[str] = ()) -> None:
        self.settings = settings
        self.connected = False
        self.published = 0
        self._order = {gateway_id: position for position, gateway_id in enumerate(order)}
        self._run = time.time_ns()  # grows from one start to the next without anything having to be stored
        self._sequence = 0
        self._views: dict[str, View] = {}
        self._too_long: set[str] = set()
        self._unsent: dict[str, None] = {}  # gateway ids, in the order in which they became news
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin connecting in the background."""
        self._task = start_in_background(self.settings.broker, self._session, "replica")

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
        await end_in_background(task, self.settings.broker)

    async def _session(self, attempts: Attempts) -> None:
        settings, state = self.settings, f"{self.settings.base}/{self.settings.name}/state"
        async with connected(settings.broker, (state, sign_word("offline", state, settings.key))) as client:
            try:
                await client.publish(state, sign_word("online", state, settings.key), qos=1, retain=True)
                # The broker may have lost everything retained, or this server's views may have changed meanwhile.
                self._unsent = dict.fromkeys(self._views)
                self.connected = True
                attempts.success()
                async with asyncio.TaskGroup() as group:
                    group.create_task(_until_lost(client))
                    group.create_task(self._sender(client))
            except BaseExceptionGroup as errors:
                # A task group wraps what its tasks raise; the callers know the library's errors, not the wrapping.
                raise errors.exceptions[0] from None
            except asyncio.CancelledError:
                with suppress(Exception):
                    await client.publish(
                        state, sign_word("offline", state, settings.key), qos=1, retain=True, timeout=STOP_SECONDS
                    )
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


async def _until_lost(client: Client) -> None:
    """Wait until the connection is lost, also while there is nothing to send; raises the library's error."""
    async for _ in client.messages:
        pass
