"""Connect the poller to MQTT brokers: settings, publishers fed by the gateways' threads, commands from the broker.

What speaks MQTT is imported only where there is a broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pwserver import __version__
from pwserver.commands import ACKNOWLEDGED
from pwserver.config import Config
from pwserver.events.event import Event
from pwserver.json_types import JsonObject
from pwserver.poller.command_service import CommandService
from pwserver.state.view import View

if TYPE_CHECKING:
    from pwserver.mqtt.broker_settings import MqttSettings
    from pwserver.mqtt.publisher import MqttPublisher
    from pwserver.mqtt.replica_publisher import ReplicaPublisher
    from pwserver.mqtt.replica_settings import ReplicaSettings

log = logging.getLogger("pwserver.mqtt")

# From a command's start to its end; it has half as long to get started. Both together stay within the ten seconds that
# the publisher waits for an outcome.
COMMAND_SECONDS = 6.5
GOOD_BYE_SHARE = 0.6  # share of PW_STOP_TIMEOUT for saying offline: main kills the poller at three quarters of it,
GOOD_BYE_SECONDS = 1.2  # and after 1.5 s in a reload


def mqtt_settings(config: Config) -> MqttSettings:
    """Return the broker of MQTT_HOST."""
    from pwserver.mqtt.broker_settings import MqttSettings

    return MqttSettings.of(
        config.settings.mqtt,
        control_enabled=config.control_enabled,
        version=__version__,
    )


def publishing_settings(config: Config) -> ReplicaSettings | None:
    """Return where snapshots for replicas go, None when they are off. A replica never passes on what it reads."""
    sharing, mqtt = config.settings.sharing, config.settings.mqtt
    if not sharing.publish or not mqtt.host or sharing.source_url:
        return None
    from pwserver.mqtt.replica_settings import ReplicaSettings
    from pwserver.mqtt.state_topics import UNSAFE_IN_TOPIC

    return ReplicaSettings(
        broker=mqtt_settings(config).with_client_id(f"{mqtt.client_id}-snapshots"),
        name=UNSAFE_IN_TOPIC.sub("_", mqtt.client_id),
        prefix=sharing.prefix,
        key=sharing.key.encode() if sharing.key else None,
        max_message_bytes=sharing.max_message_bytes,
    )


class Brokers:
    """Runs the publishers to brokers. ``publish`` may be called from any thread, the rest from the loop.

    ``changed`` is told when a connection was made or lost, so that /api/mqtt/status need not wait for a poll.
    """

    def __init__(self, config: Config, commands: CommandService, changed: Callable[[], None]) -> None:
        self._commands = commands
        self._patience = min(config.settings.process.stop_timeout_seconds * GOOD_BYE_SHARE, GOOD_BYE_SECONDS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mqtt: MqttPublisher | None = None
        self._snapshots: ReplicaPublisher | None = None
        if config.settings.mqtt.host:
            from pwserver.mqtt.publisher import MqttPublisher

            self._mqtt = MqttPublisher(mqtt_settings(config), self._control, changed)
        if config.settings.sharing.publish and config.settings.sharing.source_url:
            log.warning("PW_REPLICA_PUBLISH has no effect here: a replica does not pass on what it reads")
        snapshots = publishing_settings(config)
        if snapshots is not None:
            from pwserver.mqtt.replica_publisher import ReplicaPublisher

            self._snapshots = ReplicaPublisher(snapshots, [gateway.id for gateway in config.gateways])

    async def start(self) -> None:
        """Begin connecting; returns at once."""
        self._loop = asyncio.get_running_loop()
        for publisher in (self._snapshots, self._mqtt):
            if publisher is not None:
                await publisher.start()

    def publish(self, view: View) -> None:
        """Take note of a poll attempt, good or bad."""
        if self._loop is not None:
            for publisher in (self._snapshots, self._mqtt):
                if publisher is not None:
                    self._loop.call_soon_threadsafe(publisher.publish, view)

    def tell(self, events: Sequence[Event], new: bool = True) -> None:
        """Pass on events that are on the disk. From any thread; before the start only for what is not new."""
        if self._mqtt is None:
            return
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._mqtt.tell, events, new)
        elif not new:
            self._mqtt.tell(events, new)

    async def stop(self) -> None:
        """Say offline and disconnect; where the broker does not listen any more, it publishes the will instead."""
        leaving = [publisher.stop() for publisher in (self._snapshots, self._mqtt) if publisher is not None]
        if leaving:
            try:
                await asyncio.wait_for(asyncio.gather(*leaving, return_exceptions=True), self._patience)
            except TimeoutError:
                log.warning("the MQTT broker did not take the message that this server is offline in time")

    def measured(self) -> Mapping[str, Any]:
        """Return the self metrics of the publishers."""
        found: dict[str, Any] = {}
        if self._mqtt is not None:
            counters = self._mqtt.counters
            found["pwserver_mqtt_connected"] = int(self._mqtt.connected)
            found["mqtt_why_not_connected"] = self._mqtt.why_not_connected  # words are no metric: for /api/mqtt/status
            found["pwserver_mqtt_connects_total"] = counters["connects"]
            found["pwserver_mqtt_published_total"] = counters["published"]
            found["pwserver_mqtt_commands_total"] = {
                ("done",): counters["commands"],
                ("rejected",): counters["rejected"],
            }
        if self._snapshots is not None:
            found["pwserver_replica_connected"] = int(self._snapshots.connected)
            found["pwserver_replica_published_total"] = self._snapshots.published
        return found

    async def _control(self, gateway_id: str, operation: str, arguments: JsonObject) -> str:
        """Carry out a valid command; returns the connection that was used."""
        from pwserver.mqtt.broker_settings import ControlRejected

        outcome = await self._commands.control(gateway_id, operation, arguments, "MQTT", COMMAND_SECONDS)
        if outcome.kind != ACKNOWLEDGED:
            raise ControlRejected(f"{outcome.kind}: {outcome.message}" if outcome.message else outcome.kind)
        return outcome.via
