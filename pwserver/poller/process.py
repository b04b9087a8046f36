"""Poll: one event loop owns the time, every gateway has its own thread for what blocks."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pwserver.config import Config
from pwserver.config.history_place import names_folder, own_predecessor
from pwserver.directory import Directory
from pwserver.events.event import Event
from pwserver.poller.brokers import Brokers
from pwserver.poller.command_service import CommandService
from pwserver.poller.event_recording import EventRecording
from pwserver.poller.gateway_task import Freshness, GatewayTask
from pwserver.poller.heartbeat import BEAT_SECONDS, sleep_to_beat
from pwserver.poller.judge_memories import JudgeMemories
from pwserver.poller.recording import Recording
from pwserver.poller.self_metrics import SelfMetrics
from pwserver.poller.snapshot_publisher import SnapshotPublisher
from pwserver.poller.value_recording import ValueRecording
from pwserver.poller.wait_times import WaitTimes
from pwserver.poller.week_watch import WeekWatch
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading
from pwserver.runtime import Runtime
from pwserver.shared import MAIN_GONE_STATUS, POLLER_ROW
from pwserver.state.meter_powers import Corrections
from pwserver.state.view import View

if TYPE_CHECKING:
    from pwserver.gateways.connection import GatewayConnection
    from pwserver.poller.notice_service import NoticeService

log = logging.getLogger("pwserver.poller")

BEATS_PER_SILENCE = 5  # so often within PW_HEARTBEAT_TIMEOUT, after which main replaces the poller
SLACK_SECONDS = 15.0  # a slow but successful poll may take this long before its data count as unattended


class InventedPast(Protocol):
    """Declares what gives the houses of the demo a past."""

    def begin(self, runtime: Runtime) -> None: ...
    async def run(self, recording: Recording) -> None: ...


class Poller:
    """Runs everything in the poller's loop."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.metrics = SelfMetrics(runtime)
        self.publisher = SnapshotPublisher(
            runtime.shared,
            runtime.server,
            runtime.identities,
            runtime.merging,
            self.metrics.gather,
            JudgeMemories(runtime.history.judges),
            corrections_of(runtime.config),
        )
        self.tasks: dict[str, GatewayTask] = {}
        self.connections: dict[str, GatewayConnection] = {}
        self.wait_times = WaitTimes(runtime)
        self.commands = CommandService(runtime, self.tasks)
        self.recording = Recording(runtime.history)
        self.events = EventRecording(runtime.history.events, self.recording.correction_seconds)
        self.events.listeners.append(self._told)
        self.recording.after_move = self.events.put_right
        self.notices = self.commands.notices = self._notices()
        self.commands.before_sending = self.events.commanded
        self.publisher.after_gateway = self._take
        self.publisher.after_site = self.recording.take_sum
        self.values = ValueRecording(runtime.history, runtime.histories)
        self.publisher.value = self.values.figures
        self.publisher.daily = self.recording.findings
        self.publisher.today = self.recording.today
        self.week = WeekWatch(
            self.recording,
            runtime.history.events,
            runtime.identities,
            lambda gateway: self.publisher.memory(gateway).time_zone,
        )
        self.publisher.week = self.week.facts
        self.brokers = Brokers(runtime.config, self.commands, self.publisher.changed)
        for ring in runtime.history.events.values():
            self.brokers.tell(ring.after(ring.head - 1), new=False)
        self.metrics.sources += [self._measured, self.brokers.measured, self.events.measured]
        self._jobs: list[asyncio.Task[None]] = []

    async def run(self, past: InventedPast | None = None) -> None:
        """Start every job, wait for SIGTERM, then store the history and tell the brokers."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        if self.notices is not None:
            self.notices.start()
        self._start(self._beat(), "heartbeat")
        self._start(self.publisher.keep_site(), "site")
        self._start(self.recording.keep_flushed(), "history")
        self._start(self.values.run(), "values")
        self._start(self.week.run(), "week")
        predecessor = own_predecessor(self.runtime.config)
        if predecessor is not None:
            from pwserver.poller.history_import import HistoryImport

            named = self.runtime.config.settings.history.timeseries_path
            taking = HistoryImport(self.recording, Path(predecessor), named is not None and names_folder(named))
            self.metrics.sources.append(taking.measured)
            self._start(taking.run(), "import")
        if past is not None:
            self._start(past.run(self.recording), "past")
        await self.brokers.start()
        self.events.start()  # only now: the broker's publisher takes events from here on
        if self.runtime.directory is not None:
            self._follow(self.runtime.directory)
        else:
            await self._connect()
        self.commands.start()
        await stop.wait()
        for job in self._jobs:
            job.cancel()
        self.recording.stop()  # first: a broker may take its time
        await self.brokers.stop()
        os._exit(0)  # threads may still hang in a gateway's socket

    def _notices(self) -> NoticeService | None:
        """Return what sends notices; None where no address is configured."""
        config, history = self.runtime.config, self.runtime.history
        if not config.settings.notices.addresses:
            return None
        from pwserver.poller.notice_service import NoticeService

        identities = {one.id: one for one in self.runtime.identities}
        folder = Path(history.path or config.state_path)
        service = NoticeService(config.settings.notices, history.events, identities, folder)
        self.events.listeners.append(lambda events: service.wake())
        self.metrics.sources.append(service.measured)
        return service

    def _start(self, job: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(job, name=name)
        task.add_done_callback(_fatal)
        self._jobs.append(task)

    async def _beat(self) -> None:
        parent = os.getppid()
        silence = self.runtime.config.settings.process.heartbeat_timeout_seconds
        pause = min(BEAT_SECONDS, silence / BEATS_PER_SILENCE)
        while True:
            self.runtime.shared.beats.beat(POLLER_ROW)
            if os.getppid() != parent:
                os._exit(MAIN_GONE_STATUS)
            await sleep_to_beat(every_seconds=pause)

    def _freshness(self) -> Freshness:
        settings = self.runtime.config.settings.gateways
        return Freshness(
            float(settings.poll_interval_seconds),
            float(settings.cache_ttl_seconds),
            settings.graceful_degradation,
            SLACK_SECONDS,
        )

    def _follow(self, directory: Directory) -> None:
        """Start a replica's feed: readings come from a broker."""
        from pwserver.poller.replica_feed import ReplicaFeed, replica_settings

        feed = ReplicaFeed(
            replica_settings(self.runtime.config),
            self.runtime.identities,
            self._freshness(),
            directory,
            self._published,
        )
        self.metrics.sources.append(feed.measured)
        self._start(feed.run(), "replica")

    async def _connect(self) -> None:
        """Start one task for each gateway, spread over the interval so that fifty do not answer at once."""
        from pwserver.gateways.cloud_link import SoleLink
        from pwserver.gateways.connection import GatewayConnection

        settings = self.runtime.config.settings.gateways
        if settings.fleetapi_http:
            os.environ["PW_FLEETAPI_HTTP"] = settings.fleetapi_http  # the library looks there
        freshness = self._freshness()
        interval = freshness.interval_seconds
        # Several times what a poll with its connecting and recovering may take; every part of it has its own limit.
        stuck_seconds = 3.0 * (4.0 * settings.timeout_seconds + 40.0)
        count, sole_link = len(self.runtime.config.gateways), SoleLink()
        for number, definition in enumerate(self.runtime.config.gateways):
            connection = GatewayConnection(definition, self.runtime.config.gateway_options(definition), sole_link)
            kept = self.wait_times.recall(definition.id)
            worked = self.wait_times.login_worked(definition.id)
            # After a start of the server, what is remembered of a house shows that it was read before. After a power
            # cut a gateway that starts more slowly than this machine refuses a good login for a while.
            connection.health.login_worked = self.publisher.memory(definition.id).has_read if worked is None else worked
            if kept is not None:
                connection.resume(*kept)
            self.connections[definition.id] = connection
            task = GatewayTask(connection, freshness, self._published, interval * number / count, stuck_seconds)
            self.tasks[definition.id] = task
            self._start(task.run(), f"gateway {definition.id}")
        self._fill_gaps()

    def _fill_gaps(self) -> None:
        """Fill gaps of gateways that are polled over Tesla's servers, unless the owner does not want that."""
        from pwserver.poller.cloud_source import remote_sources
        from pwserver.poller.history_fill import HistoryFill

        interval = self.runtime.config.settings.history.fill_seconds
        if interval > 0:
            HistoryFill(self.recording, remote_sources(self.connections), interval).start()

    def _published(
        self, identity: GatewayIdentity, status: GatewayStatus, reading: Reading | None, expires: float
    ) -> None:
        """Pass on every poll attempt, in the gateway's thread."""
        connection = self.connections.get(identity.id)
        if connection is not None:
            self.wait_times.remember(identity.id, *connection.hold, connection.health.login_worked)
        self.publisher.gateway(identity, status, reading, expires)

    def _take(self, view: View) -> None:
        """Pass on what was published of a gateway, in that gateway's thread."""
        gateway = view.gateway.id
        self.brokers.publish(view)
        self.recording.take(view)
        self.values.take(view)
        self.events.take(view, self.publisher.memory(gateway))  # after the history, which judges the clock
        if self.notices is not None:
            self.notices.take(view, self.recording.findings(gateway))

    def _told(self, events: Sequence[Event]) -> None:
        """Pass on events that are on the disk: to the broker, the streams, and the page of the metrics."""
        self.brokers.tell(events)
        self.runtime.shared.bell.ring()
        self.publisher.changed()

    def _measured(self) -> Mapping[str, Any]:
        """Return the self metrics of the polling itself."""
        return {
            "pwserver_render_duration_seconds": {
                (gateway,): seconds for gateway, seconds in list(self.publisher.render_seconds.items())
            },
            "pwserver_poll_lateness_seconds": {
                (gateway,): task.lateness_seconds for gateway, task in list(self.tasks.items())
            },
            "pwserver_history_write_failures_total": self.recording.failures,
            "history_not_stored": self.recording.not_stored,
        }


def corrections_of(config: Config) -> dict[str, Corrections]:
    """Return what the owner wants corrected in the powers, by gateway id."""
    options = {gateway.id: config.gateway_options(gateway) for gateway in config.gateways}
    return {name: Corrections(each.neg_solar, float(each.site_zero_threshold_watts)) for name, each in options.items()}


def _fatal(task: asyncio.Task[None]) -> None:
    """End the process when a job ends by itself: a fresh process is better than a half-dead one."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s broke", task.get_name(), exc_info=task.exception())
        os._exit(1)
