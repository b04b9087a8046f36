"""Take commands over MQTT: from a message on a control topic to its outcome, one at a time for each gateway."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pwserver.json_types import Json
from pwserver.mqtt import control_topics
from pwserver.mqtt.broker_connection import refused
from pwserver.mqtt.broker_settings import ControlRejected, MqttSettings, SendCommand, effective_controls
from pwserver.state.view import View

if TYPE_CHECKING:
    from aiomqtt import Client

log = logging.getLogger("pwserver.mqtt")

BURST_SECONDS = 0.05  # a slider sends many values; only the last one counts
MAX_PENDING_COMMANDS = 100
ISLANDING_BIT = 16


class Send(Protocol):
    """Declares the function that publishes a message over the present connection; ConnectionLost when there is none."""

    def __call__(self, topic: str, payload: str, *, retain: bool, qos: int) -> Awaitable[None]: ...


class _UnbegunCommands:
    """Holds the commands of one gateway that have not been begun: topic -> payload, the latest last."""

    def __init__(self) -> None:
        self.commands: OrderedDict[str, bytes] = OrderedDict()
        self.arrived = asyncio.Event()


class CommandInbox:
    """Takes messages of the control topics and has ``control`` carry them out; without it controls stay off.

    ``views`` gives the latest view of each gateway by id, ``counters`` counts what was carried out and rejected.
    """

    def __init__(
        self,
        settings: MqttSettings,
        control: SendCommand | None,
        views: Callable[[], Mapping[str, View]],
        counters: dict[str, int],
        send: Send,
    ) -> None:
        self.mask = effective_controls(settings) if control is not None else 0
        self._settings = settings
        self._control = control
        self._views = views
        self._counters = counters
        self._send = send
        self._waiting: dict[str, _UnbegunCommands] = {}
        self._acting: set[asyncio.Future[Any]] = set()

    async def subscribe(self, client: Client) -> None:
        """Subscribe to the control topics, where any control is on."""
        if not self.mask:
            return
        granted = await client.subscribe(control_topics.command_filter(self._settings.topic_prefix), qos=1)
        if refused(granted):
            log.error("MQTT broker refused the subscription to the control topics; controls do not work")
        elif self.mask & ISLANDING_BIT:
            log.warning("MQTT_CONTROLS lets clients of this broker disconnect the house from the grid")

    async def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message; it waits until the commands of its gateway before it are done."""
        if retained:
            # The broker stored it before this server subscribed: it may have been meant for any time in the past.
            log.warning("MQTT command on %s ignored: it was retained", topic[:200])
            await self._clear(topic)
            return
        shape = control_topics.split_topic(self._settings.topic_prefix, topic)
        if shape is None or shape[0] not in self._views():
            self._reject(topic, payload, "unknown gateway")
            await self._clear(topic)
            return
        waiting = self._of(shape[0])
        waiting.commands[topic] = payload
        waiting.commands.move_to_end(topic)
        while len(waiting.commands) > MAX_PENDING_COMMANDS:
            waiting.commands.popitem(last=False)
        waiting.arrived.set()

    async def work(self, gateway_id: str) -> None:
        """Carry out the commands of one gateway one after the other; of a burst only the last of each topic."""
        waiting = self._of(gateway_id)
        waiting.commands.clear()  # from before this connection: too late
        while True:
            await waiting.arrived.wait()
            await asyncio.sleep(BURST_SECONDS)
            waiting.arrived.clear()
            burst = list(waiting.commands.items())
            waiting.commands.clear()
            for topic, payload in burst:
                await self._carry_out(topic, payload)
                await self._clear(topic)

    def _of(self, gateway_id: str) -> _UnbegunCommands:
        return self._waiting.setdefault(gateway_id, _UnbegunCommands())

    async def _carry_out(self, topic: str, payload: bytes) -> None:
        try:
            command = control_topics.parse(self._settings.topic_prefix, topic, payload, self._views(), self.mask)
            connection = await self._attempt(command)
        except ControlRejected as rejected:
            self._reject(topic, payload, str(rejected))
        except TimeoutError:
            self._reject(topic, payload, "no answer in time; it may still take effect")
        except Exception as error:
            self._reject(topic, payload, f"{type(error).__name__}")
        else:
            self._counters["commands"] += 1
            log.info(
                "MQTT command: gateway %s %s %s over %s",
                command.gateway_id,
                command.control,
                command.arguments,
                connection or "its connection",
            )

    async def _attempt(self, command: control_topics.ControlMessage) -> Json:
        """Try a command once. The attempt goes on when the broker is lost meanwhile: it cannot be taken back."""
        if self._control is None:
            raise ControlRejected("controls are off")
        acting = asyncio.ensure_future(self._control(command.gateway_id, command.operation, command.arguments))
        self._acting.add(acting)
        acting.add_done_callback(self._acting.discard)
        # Reading the exception keeps asyncio from logging it as never retrieved, should the wait below be over by then.
        acting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.wait_for(asyncio.shield(acting), self._settings.command_timeout_seconds)

    def _reject(self, topic: str, payload: bytes, reason: str) -> None:
        self._counters["rejected"] += 1
        log.warning("MQTT command on %s rejected: %s (%s)", topic[:200], reason, control_topics.shortened(payload))

    async def _clear(self, topic: str) -> None:
        """Publish an empty retained message, so that no stored command survives."""
        await self._send(topic, "", retain=True, qos=1)
