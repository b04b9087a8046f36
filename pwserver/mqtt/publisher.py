"""Publishes every poll to the broker and hears its commands. Lives in the poller's event loop.

Nothing is ever queued: of each gateway only the latest view is kept, and one sender a gateway works through the
latest topics. A broker that is away, slow or wrong costs a little memory and no time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pwserver.mqtt import control_topics
from pwserver.mqtt.broker_connection import (
    STOP_SECONDS,
    Attempts,
    ConnectionLost,
    connected,
    end_in_background,
    refused,
    start_in_background,
)
from pwserver.mqtt.broker_settings import (
    ControlRejected,
    MqttSettings,
    SendCommand,
    effective_controls,
    missing_for_controls,
    status_body,
)
from pwserver.mqtt.discovery import Announcement, Announcer
from pwserver.mqtt.state_topics import topics
from pwserver.state.view import View

if TYPE_CHECKING:
    from aiomqtt import Client

log = logging.getLogger("pwserver.mqtt")

BATCH = 32  # messages on their way at once; they stay in order
BURST_SECONDS = 0.05
MAX_PENDING_COMMANDS = 100
ISLANDING_BIT = 16


class _GatewayChannel:
    """What is known and under way for one gateway."""

    def __init__(self, settings: MqttSettings, view: View) -> None:
        self.view = view
        self.fresh = asyncio.Event()
        self.fresh.set()
        self.announcer = Announcer(settings)
        self.commands: OrderedDict[str, bytes] = OrderedDict()
        self.commanded = asyncio.Event()


class MqttPublisher:
    """``start()``, then ``publish(view)`` after every poll attempt, ``stop()`` at the end.

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
        self._control = control
        self._changed = changed
        self._mask = effective_controls(settings) if control is not None else 0
        self._channels: dict[str, _GatewayChannel] = {}
        self._new_gateway = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._acting: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Begin connecting in the background. Never waits for the broker."""
        if not self.settings.host or self._task is not None:
            return
        self._task = start_in_background(self.settings, self._session, "mqtt")
        if self._task is None:
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

    def status(self) -> dict[str, Any]:
        """The body of ``GET /api/mqtt/status``."""
        return status_body(self.settings, self.connected)

    async def stop(self) -> None:
        """Drop what is under way, say offline everywhere, disconnect. Takes a few seconds at most."""
        task, self._task = self._task, None
        await end_in_background(task, self.settings)
        self.connected = False

    # one connection

    async def _session(self, attempts: Attempts) -> None:
        prefix = self.settings.topic_prefix
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
        """Everything that lives as long as a connection; the first part to end ends all."""
        running: dict[str, asyncio.Task[None]] = {"inbox": asyncio.create_task(self._inbox(client))}
        self._new_gateway.set()
        try:
            while True:
                if self._new_gateway.is_set():
                    self._new_gateway.clear()
                    for gateway_id, channel in self._channels.items():
                        if f"send {gateway_id}" not in running:
                            running[f"send {gateway_id}"] = asyncio.create_task(self._sender(channel))
                            running[f"do {gateway_id}"] = asyncio.create_task(self._commander(gateway_id, channel))
                waker = asyncio.create_task(self._new_gateway.wait())
                try:
                    done, _ = await asyncio.wait({waker, *running.values()}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waker.cancel()
                for task in done - {waker}:
                    task.result()
                    raise ConnectionLost("a part of the session ended")
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _subscribe(self, client: Client) -> None:
        if self.settings.ha_discovery:
            granted = await client.subscribe(f"{self.settings.ha_prefix}/status", qos=0)
            if refused(granted):
                log.info("MQTT broker does not let us see Home Assistant's status; restarts of it go unnoticed")
        if not self._mask:
            return
        granted = await client.subscribe(control_topics.command_filter(self.settings.topic_prefix), qos=1)
        if refused(granted):
            log.error("MQTT broker refused the subscription to the control topics; controls do not work")
        elif self._mask & ISLANDING_BIT:
            log.warning("MQTT_CONTROLS lets clients of this broker disconnect the house from the grid")

    async def _send(self, topic: str, payload: str, *, retain: bool, qos: int) -> None:
        client = self._client
        if client is None:
            raise ConnectionLost("not connected")
        self.counters["published"] += 1
        await client.publish(topic, payload.encode(), qos=qos, retain=retain)

    async def _say_offline(self) -> None:
        """A clean disconnect suppresses the will, so the truth has to be told before."""
        prefix, settings = self.settings.topic_prefix, self.settings
        with suppress(Exception):
            async with asyncio.timeout(STOP_SECONDS):
                for gateway_id in self._channels:
                    await self._send(
                        f"{prefix}/{gateway_id}/availability", "offline", retain=settings.retain, qos=settings.qos
                    )  # fmt: skip
                await self._send(f"{prefix}/availability", "offline", retain=True, qos=1)

    # sending

    async def _sender(self, channel: _GatewayChannel) -> None:
        while True:
            await channel.fresh.wait()
            await self._round(channel)

    async def _round(self, channel: _GatewayChannel) -> None:
        """One pass over all topics of a gateway, in order, each with the latest value there is when it is its turn."""
        settings = self.settings
        announcement = None
        if settings.ha_discovery:
            announcement = channel.announcer.announce(channel.view, self._mask)
        try:
            if announcement is not None:
                await self._announce(announcement)
            channel.fresh.clear()
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
            channel.announcer.forget()
            raise

    def _values(self, channel: _GatewayChannel) -> dict[str, str]:
        return topics(channel.view, self.settings.topic_prefix, channel.announcer.availabilities())

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

    # hearing

    async def _inbox(self, client: Client) -> None:
        birth_topic = f"{self.settings.ha_prefix}/status"
        async for message in client.messages:
            topic, payload = str(message.topic), bytes(message.payload or b"")
            if topic == birth_topic:
                if payload == b"online" and not message.retain:
                    # Many integrations answer the birth message at once; a little patience spreads the load.
                    delay = random.uniform(0, self.settings.birth_jitter_seconds)
                    asyncio.get_running_loop().call_later(delay, self._say_it_again)
            elif payload and message.retain:
                # It was stored before we subscribed: nobody knows how long ago it was meant.
                log.warning("MQTT command on %s ignored: it was retained", topic[:200])
                await self._clear(topic)
            elif payload:
                await self._receive(topic, payload)

    def _say_it_again(self) -> None:
        for channel in self._channels.values():
            channel.announcer.forget()
            channel.fresh.set()

    async def _receive(self, topic: str, payload: bytes) -> None:
        shape = control_topics.split_topic(self.settings.topic_prefix, topic)
        channel = self._channels.get(shape[0]) if shape is not None else None
        if channel is None:
            self._reject(topic, payload, "unknown gateway")
            await self._clear(topic)
            return
        channel.commands[topic] = payload
        channel.commands.move_to_end(topic)
        while len(channel.commands) > MAX_PENDING_COMMANDS:
            channel.commands.popitem(last=False)
        channel.commanded.set()

    async def _commander(self, gateway_id: str, channel: _GatewayChannel) -> None:
        """Carries out the commands of one gateway, one after the other, of a burst only the last of each topic."""
        channel.commands.clear()  # from before this connection: too late
        while True:
            await channel.commanded.wait()
            await asyncio.sleep(BURST_SECONDS)
            channel.commanded.clear()
            burst = list(channel.commands.items())
            channel.commands.clear()
            for topic, payload in burst:
                await self._carry_out(topic, payload)
                await self._clear(topic)

    async def _carry_out(self, topic: str, payload: bytes) -> None:
        views = {gateway_id: channel.view for gateway_id, channel in self._channels.items()}
        try:
            command = control_topics.parse(self.settings.topic_prefix, topic, payload, views, self._mask)
            connection = await self._attempt(command)
        except ControlRejected as rejected:
            self._reject(topic, payload, str(rejected))
        except TimeoutError:
            self._reject(topic, payload, "no answer in time; it may still take effect")
        except Exception as error:
            self._reject(topic, payload, f"{type(error).__name__}")
        else:
            self.counters["commands"] += 1
            log.info(
                "MQTT command: gateway %s %s %s over %s",
                command.gateway_id, command.control, command.arguments, connection or "its connection",
            )  # fmt: skip

    async def _attempt(self, command: control_topics.ControlMessage) -> Any:
        """One attempt. It goes on when the broker is lost meanwhile: half a command helps nobody."""
        if self._control is None:
            raise ControlRejected("controls are off")
        acting = asyncio.ensure_future(self._control(command.gateway_id, command.operation, command.arguments))
        self._acting.add(acting)
        acting.add_done_callback(self._acting.discard)
        acting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.wait_for(asyncio.shield(acting), self.settings.command_timeout_seconds)

    def _reject(self, topic: str, payload: bytes, reason: str) -> None:
        self.counters["rejected"] += 1
        log.warning("MQTT command on %s rejected: %s (%s)", topic[:200], reason, control_topics.shortened(payload))

    async def _clear(self, topic: str) -> None:
        """An empty retained message, so that no stored command survives."""
        await self._send(topic, "", retain=True, qos=1)
