"""Publish every poll to the broker, and take commands from there. Runs in the poller's event loop.

Nothing is ever queued: of each gateway only the latest view is kept, and one sender per gateway works through the
latest topics. A broker that is away, slow or wrong costs a little memory and no time.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pwserver.events.event import Event
from pwserver.mqtt.broker_connection import (
    NOT_INSTALLED,
    NOT_TRIED,
    STOP_SECONDS,
    Attempts,
    ConnectionLost,
    connected,
    end_all,
    end_in_background,
    refused,
    start_in_background,
)
from pwserver.mqtt.broker_settings import (
    MqttSettings,
    SendCommand,
    missing_for_controls,
)
from pwserver.mqtt.command_inbox import CommandInbox
from pwserver.mqtt.discovery import Announcement, Announcer
from pwserver.mqtt.entities import EVENT_TOPIC
from pwserver.mqtt.event_messages import EventOutbox
from pwserver.mqtt.state_topics import topics
from pwserver.state.view import View

if TYPE_CHECKING:
    from aiomqtt import Client

log = logging.getLogger("pwserver.mqtt")

# Messages on their way at once; they stay in order. One by one, a distant broker would take seconds for a gateway's
# hundred topics; all at once, newer values could not replace those that wait.
BATCH = 32


class _GatewayChannel:
    """Holds what is known and under way for one gateway."""

    def __init__(self, settings: MqttSettings, view: View) -> None:
        self.view = view
        self.fresh = asyncio.Event()
        self.fresh.set()
        self.announcer = Announcer(settings)


class MqttPublisher:
    """Publishes views: call ``start()``, then ``publish(view)`` after every poll attempt, ``stop()`` at the end.

    ``control`` carries out commands (see broker_settings.SendCommand); without it controls stay off. ``changed`` is
    called when ``connected`` has changed.
    """

    def __init__(
        self,
        settings: MqttSettings,
        control: SendCommand | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.connected = False
        self.counters = {"published": 0, "connects": 0, "commands": 0, "rejected": 0}
        self._changed = changed
        self._channels: dict[str, _GatewayChannel] = {}
        self._outboxes: dict[str, EventOutbox] = {}
        self._new_gateway = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._attempts: Attempts | None = None
        self._installed = True
        self._commands = CommandInbox(settings, control, self._views, self.counters, self._send)

    async def start(self) -> None:
        """Begin connecting in the background. Never waits for the broker."""
        if not self.settings.host or self._task is not None:
            return
        self._task = start_in_background(self.settings, self._session, "mqtt")
        if self._task is None:
            self._installed = False
            return
        missing = missing_for_controls(self.settings)
        if missing:
            log.warning("MQTT controls stay off: %s not set", " and ".join(missing))

    def publish(self, view: View) -> None:
        """Take note of a poll attempt, good or bad. Returns at once; a newer view replaces an older one."""
        if not self.settings.host or view.gateway.virtual:
            return
        channel = self._channels.get(view.gateway.id)
        if channel is None:
            self._channels[view.gateway.id] = _GatewayChannel(self.settings, view)
            self._new_gateway.set()
            return
        channel.view = view
        channel.fresh.set()

    def tell(self, events: Sequence[Event], new: bool = True) -> None:
        """Send events that are on the disk; those that are not ``new`` are only shown as the last ones."""
        for event in events:
            outbox = self._outboxes.setdefault(event.gateway, EventOutbox())
            if new:
                outbox.put(event, time.monotonic())
            else:
                outbox.last = event
            if event.gateway in self._channels:
                self._channels[event.gateway].fresh.set()

    @property
    def why_not_connected(self) -> str | None:
        """Say why there is no connection; None while there is one."""
        if self.connected:
            return None
        if not self._installed:
            return NOT_INSTALLED
        return (self._attempts.why_not_connected if self._attempts is not None else None) or NOT_TRIED

    async def stop(self) -> None:
        """Drop what is under way, publish offline everywhere, disconnect. Takes a few seconds at most."""
        task, self._task = self._task, None
        await end_in_background(task, self.settings)
        self.connected = False

    def _views(self) -> Mapping[str, View]:
        return {gateway_id: channel.view for gateway_id, channel in self._channels.items()}

    # --- one connection ---------------------------------------------------------------------------------------------

    async def _session(self, attempts: Attempts) -> None:
        prefix = self.settings.topic_prefix
        self._attempts = attempts
        async with connected(self.settings, (f"{prefix}/availability", b"offline")) as client:
            self._client = client
            try:
                await self._send(f"{prefix}/availability", "online", retain=True, qos=1)
                await self._subscribe(client)
                self._say_it_again()
                self.connected = True
                self.counters["connects"] += 1
                self._changed()
                attempts.success()
                await self._run(client)
            except asyncio.CancelledError:
                if self.connected:
                    await self._say_offline()
                raise
            finally:
                self.connected = False
                self._client = None
                self._changed()

    async def _run(self, client: Client) -> None:
        """Run everything that lives as long as a connection; the first part that ends, ends all."""
        running: dict[str, asyncio.Task[None]] = {"inbox": asyncio.create_task(self._inbox(client))}
        self._new_gateway.set()
        try:
            while True:
                if self._new_gateway.is_set():
                    self._new_gateway.clear()
                    for gateway_id, channel in self._channels.items():
                        if f"send {gateway_id}" not in running:
                            running[f"send {gateway_id}"] = asyncio.create_task(self._sender(channel))
                            running[f"do {gateway_id}"] = asyncio.create_task(self._commands.work(gateway_id))
                waker = asyncio.create_task(self._new_gateway.wait())
                try:
                    done, _ = await asyncio.wait({waker, *running.values()}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waker.cancel()
                for task in done - {waker}:
                    task.result()
                    raise ConnectionLost("a part of the session ended")
        finally:
            await end_all(running.values())

    async def _subscribe(self, client: Client) -> None:
        if self.settings.ha_discovery:
            granted = await client.subscribe(f"{self.settings.ha_prefix}/status", qos=0)
            if refused(granted):
                log.info("MQTT broker refuses Home Assistant's status topic; restarts of Home Assistant go unnoticed")
        await self._commands.subscribe(client)

    async def _send(self, topic: str, payload: str, *, retain: bool, qos: int) -> None:
        client = self._client
        if client is None:
            raise ConnectionLost("not connected")
        self.counters["published"] += 1
        # Half of a surrogate pair, which a gateway's JSON may hold, is no UTF-8: it would end the connection for all.
        await client.publish(topic, payload.encode(errors="replace"), qos=qos, retain=retain)

    async def _say_offline(self) -> None:
        """Publish offline everywhere: a clean disconnect keeps the broker from sending the will."""
        prefix, settings = self.settings.topic_prefix, self.settings
        with suppress(Exception):
            async with asyncio.timeout(STOP_SECONDS):
                for gateway_id in self._channels:
                    await self._send(
                        f"{prefix}/{gateway_id}/availability", "offline", retain=settings.retain, qos=settings.qos
                    )
                await self._send(f"{prefix}/availability", "offline", retain=True, qos=1)

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _sender(self, channel: _GatewayChannel) -> None:
        while True:
            await channel.fresh.wait()
            await self._round(channel)

    async def _round(self, channel: _GatewayChannel) -> None:
        """Send all topics of a gateway once, in order, each with the latest value when its turn comes."""
        settings = self.settings
        announcement = None
        if settings.ha_discovery:
            announcement = channel.announcer.announce(channel.view, self._commands.mask)
        try:
            if announcement is not None:
                await self._announce(announcement)
            channel.fresh.clear()
            await self._send_events(channel.view.gateway.id)
            view, values = channel.view, self._values(channel)
            left = list(values)
            while left:
                if channel.view is not view:  # newer values for what is left; a whole round follows
                    view, values = channel.view, self._values(channel)
                batch, left = left[:BATCH], left[BATCH:]
                await self._send_all({topic: values[topic] for topic in batch if topic in values}, settings.retain)
            if announcement is not None and announcement.last:
                await asyncio.sleep(settings.handshake_pause_seconds)
                await self._send_all(announcement.last, retain=True)
            if announcement is not None and announcement.removed:
                await self._send_all(announcement.removed, retain=True)
        except BaseException:
            # A part of it may not have arrived, so all of it is announced anew after the next connection.
            channel.announcer.forget()
            raise

    async def _send_events(self, gateway_id: str) -> None:
        """Send the events that wait, one after the other: their order matters, and none is ever retained."""
        outbox = self._outboxes.get(gateway_id)
        topic = f"{self.settings.topic_prefix}/{gateway_id}/{EVENT_TOPIC}"
        while outbox is not None and (message := outbox.take(time.monotonic())) is not None:
            await self._send(topic, message, retain=False, qos=self.settings.qos)

    def _values(self, channel: _GatewayChannel) -> dict[str, str]:
        prefix, gateway_id = self.settings.topic_prefix, channel.view.gateway.id
        outbox = self._outboxes.get(gateway_id)
        last = outbox.topics(f"{prefix}/{gateway_id}/") if outbox is not None else {}
        return last | topics(channel.view, prefix, channel.announcer.availabilities())

    async def _announce(self, announcement: Announcement) -> None:
        if announcement.first:
            await self._send_all(announcement.first, retain=True)
            await asyncio.sleep(self.settings.handshake_pause_seconds)
        await self._send_all(announcement.then, retain=True)

    async def _send_all(self, messages: Mapping[str, str], retain: bool) -> None:
        pairs = list(messages.items())
        for start in range(0, len(pairs), BATCH):
            batch = pairs[start : start + BATCH]
            await asyncio.gather(*(self._send(t, p, retain=retain, qos=self.settings.qos) for t, p in batch))

    # --- receiving --------------------------------------------------------------------------------------------------

    async def _inbox(self, client: Client) -> None:
        birth_topic = f"{self.settings.ha_prefix}/status"
        async for message in client.messages:
            topic, payload = str(message.topic), bytes(message.payload or b"")
            if topic == birth_topic:
                if payload == b"online" and not message.retain:
                    # Many integrations answer Home Assistant's birth message at once; a random delay spreads the load.
                    delay = random.uniform(0, self.settings.birth_jitter_seconds)
                    asyncio.get_running_loop().call_later(delay, self._say_it_again)
            elif payload:
                await self._commands.receive(topic, payload, bool(message.retain))

    def _say_it_again(self) -> None:
        for channel in self._channels.values():
            channel.announcer.forget()
            channel.fresh.set()
