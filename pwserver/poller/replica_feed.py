"""Feed a replica: instead of polling gateways it follows what other pwservers publish on a broker.

Tables and slots are made before the first fork, for the gateways known then. So the poller only serves those; of
others it tells main, through the directory, and main replaces all processes by ones that know them, as a reload does.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pwserver.config import Config, ConfigError
from pwserver.directory import Directory
from pwserver.mqtt.replica_settings import ReplicaSettings, settings_from_url
from pwserver.mqtt.replica_subscriber import ReplicaSubscriber, ReplicaUpdate
from pwserver.poller.gateway_task import Freshness, Publish
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, Ways
from pwserver.records import record
from pwserver.shared import AGGREGATE

log = logging.getLogger("pwserver.replica")

KEEPALIVE_SECONDS = 15  # a replica only listens, so nothing else shows that the broker is gone
QUIET_SECONDS = 0.4  # new gateways come in bursts: all retained messages of a publisher at once
LONGEST_BURST_SECONDS = 3.0
SILENCE_SECONDS = 1.0  # after being connected for this long, what the broker has kept has come
PATIENCE_SECONDS = 5.0  # after this time a gateway without any message counts as tried, connected or not
LONGEST_SILENCE_SECONDS = 4 * 3600.0  # more than the longest poll interval and its back-off
LOOK_SECONDS = 0.25
UNHEARD = "nothing has been heard of it on the broker yet"


def replica_settings(config: Config) -> ReplicaSettings:
    """Return broker and topics of PW_REPLICA. The ConfigError of a bad address never repeats that."""
    sharing, mqtt = config.settings.sharing, config.settings.mqtt
    url = sharing.source_url or ""
    try:
        settings = settings_from_url(
            url,
            "replica",
            sharing.key.encode() if sharing.key else None,
            tls_ca_cert=mqtt.tls_ca_cert,
            tls_insecure=mqtt.tls_insecure,
            keepalive_seconds=KEEPALIVE_SECONDS,
        )
    except ValueError as problem:
        raise ConfigError([f"PW_REPLICA: {problem}"]) from None
    return replace(
        settings,
        prefix=settings.prefix if urlsplit(url).path.strip("/") else sharing.prefix,
        max_gateways=sharing.max_gateways,
        max_message_bytes=sharing.max_message_bytes,
    )


@record(slots=True)
class _Followed:
    """Holds what is known of one gateway with a slot."""

    identity: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None = None
    read_at: float = 0.0  # monotonic
    ends: float = math.inf  # when the reading may no longer be served, monotonic
    expect_seconds: float = 0.0


class ReplicaFeed:
    """Follows the broker and publishes like a gateway's task. ``publish`` is called in a thread of its own."""

    def __init__(
        self,
        settings: ReplicaSettings,
        identities: Sequence[GatewayIdentity],
        freshness: Freshness,
        directory: Directory,
        publish: Publish,
    ) -> None:
        self.freshness = freshness
        self.directory = directory
        self.publish = publish
        self._subscriber = ReplicaSubscriber(settings)
        now = time.time()
        waiting = GatewayStatus(state_since=now, error=UNHEARD, ways=Ways(relayed=True))
        self._followed = {identity.id: _Followed(identity, waiting) for identity in identities}
        self._unheard = set(self._followed)
        self._places: dict[str, tuple[int, GatewayIdentity]] = {}  # everything heard of, with or without a slot
        self._newcomer = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="replica")

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._subscriber.start()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._follow())
            parts.create_task(self._watch())
            parts.create_task(self._announce())

    def measured(self) -> Mapping[str, Any]:
        """Return the self metrics of the subscription."""
        return {
            "pwserver_replica_connected": int(self._subscriber.connected),
            "pwserver_replica_refused_total": sum(self._subscriber.refused.values()),
        }

    async def _follow(self) -> None:
        async for update in self._subscriber.updates():
            gateway = update.identity.id
            if gateway == AGGREGATE or gateway.startswith("#"):
                continue  # reserved for the sum of all gateways and for the documents about all of them
            new = gateway not in self._places
            self._places[gateway] = (update.position, update.identity)
            followed = self._followed.get(gateway)
            if followed is None and new:
                self._newcomer.set()
            elif followed is not None:
                self._unheard.discard(gateway)
                self._take(followed, update)
                await self._show(followed)

    def _take(self, followed: _Followed, update: ReplicaUpdate) -> None:
        followed.identity, followed.status, followed.reading = update.identity, update.status, update.reading
        followed.expect_seconds = min(update.expect_seconds, LONGEST_SILENCE_SECONDS)
        followed.ends = math.inf
        if update.reading is not None:
            now = time.monotonic()
            # The publisher's clock against ours; a reading from the future counts as new.
            followed.read_at = now - max(0.0, time.time() - update.reading.timestamp)
            followed.ends = followed.read_at + self._limit(followed)
            if followed.ends <= now:
                followed.reading = None

    def _limit(self, followed: _Followed) -> float:
        """Return how long a reading is served: as a local one, but by the publisher's interval."""
        if not followed.status.online:
            return self.freshness.after_failure_seconds
        return self._unattended(followed)

    def _unattended(self, followed: _Followed) -> float:
        return max(self.freshness.unattended_seconds, followed.expect_seconds)

    async def _show(self, followed: _Followed) -> None:
        reading = followed.reading
        status = replace(
            followed.status,
            stale=reading is not None and not followed.status.online,
            ways=replace(followed.status.ways or Ways(reading.reach if reading is not None else None), relayed=True),
        )
        expires = followed.read_at + self._unattended(followed) if reading is not None else 0.0
        async with self._one_at_a_time:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self.publish, followed.identity, status, reading, expires
            )

    async def _watch(self) -> None:
        """End readings whose time is over, and count gateways without any message as tried."""
        patient_until = time.monotonic() + PATIENCE_SECONDS
        connected = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self._subscriber.connected and not connected:
                connected, patient_until = True, min(patient_until, now + SILENCE_SECONDS)
            for followed in self._followed.values():
                if followed.reading is not None and followed.ends <= now:
                    followed.reading = None
                    await self._show(followed)
            if self._unheard and now > patient_until:
                for gateway in sorted(self._unheard):
                    await self._show(self._followed[gateway])
                self._unheard.clear()

    async def _announce(self) -> None:
        """Tell main of gateways without a slot, a burst at a time."""
        while True:
            await self._newcomer.wait()
            known, deadline = -1, time.monotonic() + LONGEST_BURST_SECONDS
            while known != len(self._places) and time.monotonic() < deadline:
                known = len(self._places)
                await asyncio.sleep(QUIET_SECONDS)
            self._newcomer.clear()
            # By place, then by name: all replicas of a fleet list them alike, in whichever order they heard of them.
            places = sorted(self._places.values(), key=lambda place: (place[0], place[1].id))
            self.directory.write(identity for _, identity in places)
