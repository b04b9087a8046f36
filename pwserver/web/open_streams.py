"""Open the streams of a worker: how many there may be, who may open one, and what each sends."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from sanic import Request

from pwserver.documents.catalogue import gateway_prefix
from pwserver.gateway_lookup import find_gateway
from pwserver.history.event_route import events
from pwserver.runtime import Runtime
from pwserver.web.address_table import STREAMS, AddressTable, Note
from pwserver.web.client_address import TrustedProxies
from pwserver.web.document_routes import SITE, site_gateways, site_target
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import Refusal
from pwserver.web.own_names import OwnNames
from pwserver.web.sanic_internals import take_over
from pwserver.web.stream_connection import StreamConnection
from pwserver.web.stream_hub import Hub
from pwserver.web.stream_topics import Listener, Topic
from pwserver.web_origins import judge_origin, may_listen

AGGREGATE_TARGET = "/api/aggregate/"
# One house: what a phone on a slow line takes without noticing. All houses: quick for few, bounded for hundreds.
HOUSE_BYTES_PER_SECOND = 1500.0  # with what the console asks besides, a page stays below 2 kB
OVERVIEW_BYTES_PER_SECOND = 50_000.0


STREAMED_EVENTS = 20  # the newest ones; who has missed more asks /api/events
EVENTS_BYTES_PER_SECOND = 8 * 1024.0


class OpenStreams:
    """Admits new streams of this worker, counts them for all workers, and chooses their topics."""

    def __init__(self, runtime: Runtime, table: DocumentTable, names: OwnNames) -> None:
        settings = runtime.config.settings
        self.runtime = runtime
        self.table = table
        self.hub = Hub(table, settings.web.write_timeout_seconds)
        self.frame_bytes = settings.web.websocket_max_frame_bytes
        self.deflate = settings.web.websocket_deflate
        self.origins = settings.web.cors_origins
        self.most = settings.web.max_streams
        self.most_of_one = settings.web.max_streams_per_address
        self.number = 0
        self._proxies = TrustedProxies(settings.web.trusted_proxies)
        self._names = names
        self._column = runtime.shared.counters.index("websockets")
        self._addresses = AddressTable(runtime.shared.arena.region(STREAMS), runtime.workers)
        self._open = 0

    def start(self, number: int) -> None:
        """Begin with no streams; what a worker of the same number counted before it died is forgotten.

        Called in the worker, before it serves.
        """
        self.number = self.hub.number = number
        self._addresses.clear(number)
        self._count(0)

    def admit(self, request: Request) -> str:
        """Return the address of a client that may open one more stream. Raises Refusal for any other."""
        who = self._proxies.of_request(request)
        # The sum over all workers, which may be a moment old: a burst can pass the limit by a few streams.
        if self.runtime.shared.counters.total(self._column) >= self.most:
            raise Refusal(503, "Too many streams", {"retry-after": "5"})
        if sum(note.first for note in self._addresses.notes(who)) >= self.most_of_one:
            raise Refusal(503, "Too many streams from this address", {"retry-after": "5"})
        return who

    def check_origin(self, request: Request) -> None:
        """Raise Refusal where the request comes from a page whose origin may not listen."""
        origin = judge_origin(request.headers)
        if not may_listen(origin, self.origins, self._names.of_request(request)):
            raise Refusal(403, "This origin may not open a stream; list it in CORS_ORIGINS")

    def open(self, request: Request, topic: Topic, form: str, head: str, who: str) -> None:
        """Make the connection a stream that begins with ``head``: from here on Sanic only tells what happens to it."""
        transport: Any = request.transport
        listener = Listener(topic, form, transport)
        own = self._addresses.own(self.number, who)
        self._addresses.write(self.number, who, Note(own.first + 1.0, asyncio.get_running_loop().time()))
        self._count(self._open + 1)
        transport.write(head.encode("latin-1"))
        self.hub.add(listener)
        take_over(request, StreamConnection(self.hub, listener, self.frame_bytes, partial(self.left, listener, who)))

    def left(self, listener: Listener, who: str) -> None:
        """Count a stream that has ended out of all sums."""
        self.hub.remove(listener)
        own = self._addresses.own(self.number, who)
        self._addresses.write(self.number, who, Note(max(0.0, own.first - 1.0), asyncio.get_running_loop().time()))
        self._count(self._open - 1)

    def _count(self, now: int) -> None:
        self._open = max(0, now)
        self.runtime.shared.counters.set(self.number, self._column, self._open)

    def aggregate(self) -> Topic:
        """Return the topic of /api/aggregate/, the sums of all gateways."""
        return self.hub.topic(AGGREGATE_TARGET)

    def gateway(self, name: str) -> Topic:
        """Return the topic of the whole document of one gateway. Raises UnknownGateway."""
        return self.hub.topic(gateway_prefix(find_gateway(name, self.table.gateways)))

    def site(self, name: str | None) -> Topic:
        """Return the topic of the site document, or of its part about one gateway. Raises UnknownGateway."""
        if name is None:
            return self.hub.topic(SITE, OVERVIEW_BYTES_PER_SECOND)
        return self.hub.topic(site_target(find_gateway(name, site_gateways(self.table))), HOUSE_BYTES_PER_SECOND)

    def events(self, name: str | None) -> Topic:
        """Return the topic of the newest events of all gateways, or of one. Raises UnknownGateway."""
        histories = self.runtime.histories
        rings = dict(histories.events)
        if name is not None:
            gateway = find_gateway(name, rings)
            rings = {gateway: rings[gateway]}
        asked = {} if name is None else {"gateway": next(iter(rings))}

        def read() -> tuple[bytes, bytes]:
            answer = events(histories, {**asked, "limit": str(STREAMED_EVENTS)}, time.time())
            return answer.body, answer.etag or b""

        # Put right times change what is told without a new event.
        return self.hub.topic_of(
            f"#events {name or ''}",
            read,
            lambda: hash(tuple(ring.generation for ring in rings.values())),
            EVENTS_BYTES_PER_SECOND,
        )
