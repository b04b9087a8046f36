"""Serve what is true of the server itself at the moment of the request: /stats, /health, /livez and others."""

from __future__ import annotations

import json as parser
import time

from sanic import Blueprint, HTTPResponse, Request

from pwserver.documents import status
from pwserver.documents.encode import gzip_twin, to_json
from pwserver.json_types import JsonObject
from pwserver.runtime import Runtime
from pwserver.shared import POLLER_ROW, SITE
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import JsonBlueprint
from pwserver.web.process_memory import ProcessMemory
from pwserver.web.representation import lines
from pwserver_ext.arena import Arena
from pwserver_ext.http_values import takes_gzip

POLLER_SILENT_SECONDS = 5.0  # longer than two beats and any pause of the poller's event loop
NO_NOTICES: JsonObject = {
    "enabled": False,
    "rules": [],
    "waiting": 0,
    "undelivered": 0,
    "problem": None,
    "remedy": None,
    "addresses": [],
}
MQTT_FACTS = ("host", "port", "topic_prefix", "ha_discovery", "qos", "retain", "tls")


class LiveStatus:
    """Reads the counts and states of all processes from the arena when asked."""

    def __init__(self, runtime: Runtime, table: DocumentTable) -> None:
        self.runtime = runtime
        self.table = table
        self._began = time.monotonic()
        self._generation = -1
        self._facts: JsonObject = {}
        self._memory = ProcessMemory(self.pids)
        # Shared by all workers, because this object is made before the fork; 0 for never.
        self._cleared = Arena({"cleared": 64}).region("cleared").cast("d")

    def facts(self) -> JsonObject:
        """Return what the poller says about gateways and configuration; parsed once for each publication."""
        slot = self.runtime.shared.slots[SITE]
        self.runtime.shared.note_read(SITE)
        if slot.generation() != self._generation:
            found = slot.read(self.table.facts_index)
            if found is not None:
                self._facts, self._generation = parser.loads(found[1]), found[6]
        return self._facts

    def poller_alive(self) -> bool:
        """Tell whether the poller shows signs of life. Before its first start it gets a few seconds."""
        age = self.runtime.shared.beats.age(POLLER_ROW)
        if age is None:
            return time.monotonic() - self._began < POLLER_SILENT_SECONDS
        return bool(age < POLLER_SILENT_SECONDS)

    def numbers(self) -> status.LiveNumbers:
        """Return what was counted since the last clear, over all workers."""
        counters, hits = self.runtime.shared.counters.sums(), self.runtime.shared.hits
        return {
            "now": time.time(),
            "gets": counters["gets"] + hits.sum(hits.index("served")) + hits.sum(hits.index("not_modified")),
            "posts": counters["posts"],
            "errors": counters["errors"] + hits.sum(hits.index("rejected")) + hits.sum(hits.index("limited")),
            "timeout": counters["timeouts"],
            "clear": self._cleared[0] or self.runtime.server.started,
            "poller_alive": self.poller_alive(),
            "history_problem": self.runtime.history.stop_reason(),
            "history_in_memory": self.runtime.histories.memory_reason,
        }

    async def all_numbers(self) -> status.LiveNumbers:
        """Return ``numbers``, and what takes a while to gather: answers by path, memory of all processes."""
        return {**self.numbers(), "uri": self.table.hits(), "mem_kb": await self._memory.kb()}

    def clear(self) -> None:
        """Begin to count requests, errors and paths anew, for all workers; totals for Prometheus do not change."""
        shared = self.runtime.shared
        shared.counters.clear([shared.counters.index(name) for name in ("gets", "posts", "errors", "timeouts")])
        shared.hits.clear()
        self._cleared[0] = time.time()

    def mqtt(self) -> JsonObject:
        """Return the settings of the broker, and whether the poller is connected to it."""
        facts = {name: getattr(self.runtime.config.settings.mqtt, name) for name in MQTT_FACTS}
        return status.mqtt_status({**facts, **self.facts().get("mqtt", {})})

    def pids(self) -> list[int]:
        """Return the ids of all processes of this server that are alive."""
        beats = self.runtime.shared.beats
        return [self.runtime.main_pid, *(pid for pid in map(beats.pid, range(beats.rows)) if pid)]

    def processes(self) -> list[JsonObject]:
        """Return one entry for each child: heartbeats, restarts and, for workers, their own counters."""
        shared = self.runtime.shared
        listed = []
        for row in range(shared.workers + 1):
            entry: JsonObject = {
                "name": "poller" if row == POLLER_ROW else f"worker-{row - 1}",
                "pid": shared.beats.pid(row) or None,
                "beat_age_seconds": shared.beats.age(row),
                "restarts": shared.beats.restarts(row),
            }
            if row != POLLER_ROW:
                entry["counters"] = dict(zip(shared.counters.names, shared.counters.row(row - 1), strict=True))
            listed.append(entry)
        return listed


def blueprint(live: LiveStatus) -> Blueprint:
    """Make the routes."""
    routes = JsonBlueprint("live")

    def reply(request: Request, body: object, code: int = 200) -> HTTPResponse:
        content = to_json(body)
        headers = {"cache-control": "no-store", "vary": "Accept-Encoding"}
        # The console asks again and again, and what it asks for is mostly the same names.
        packed = gzip_twin(content) if takes_gzip(lines(request, "accept-encoding")) else None
        if packed is not None:
            content = packed
            headers["content-encoding"] = "gzip"
        return HTTPResponse(content, status=code, headers=headers, content_type="application/json")

    async def statistics() -> JsonObject:
        return {**status.stats(live.facts(), await live.all_numbers()), "processes": live.processes()}

    @routes.route("/stats", methods=["GET", "HEAD"])
    async def stats(request: Request) -> HTTPResponse:
        return reply(request, await statistics())

    @routes.route("/stats/clear", methods=["GET", "HEAD", "POST"])
    async def clear(request: Request) -> HTTPResponse:
        before = await statistics()
        if request.method != "HEAD":  # which must not change anything, even here
            live.clear()
        return reply(request, before)

    @routes.route("/api/mqtt/status", methods=["GET", "HEAD"])
    async def mqtt(request: Request) -> HTTPResponse:
        return reply(request, live.mqtt())

    @routes.route("/api/notices", methods=["GET", "HEAD"])
    async def notices(request: Request) -> HTTPResponse:
        return reply(request, live.facts().get("notices") or NO_NOTICES)

    @routes.route("/health", methods=["GET", "HEAD"])
    async def health(request: Request) -> HTTPResponse:
        return reply(request, status.health(live.facts(), live.numbers()))

    @routes.route("/livez", methods=["GET", "HEAD"])
    async def livez(request: Request) -> HTTPResponse:
        alive = live.poller_alive()
        return reply(request, {"status": "alive" if alive else "poller silent"}, 200 if alive else 503)

    @routes.route("/readyz", methods=["GET", "HEAD"])
    async def readyz(request: Request) -> HTTPResponse:
        ready = status.health(live.facts(), live.numbers())
        fresh = ready["gateways_online"] > 0
        told = {"status": ready["status"], "gateways_online": ready["gateways_online"]}
        return reply(request, told, 200 if fresh else 503)

    return routes
