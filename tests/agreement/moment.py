"""Every output of a server, asked once and kept: what one moment looks like from all sides."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from tests.agreement.scene import Scene
from tests.streams.client import Client
from tests.support.server import Answer

POLL_COLUMNS = "site,solar,battery,load,soe,grid,reserve,mode,frequency,voltage"
SAME_SECONDS = 0.05  # a row of the history keeps the time of its reading

Series = tuple[str, frozenset[tuple[str, str]]]


class Moment:
    """Answers are fetched when they are first wanted, and never again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._begun = time.monotonic()
        self._known: dict[str, Any] = {}

    @property
    def seconds(self) -> float:
        """How long asking has taken so far."""
        return time.monotonic() - self._begun

    def _once(self, name: str, ask: Callable[[], Any]) -> Any:
        if name not in self._known:
            self._known[name] = ask()
        return self._known[name]

    @property
    def asked(self) -> set[str]:
        """The targets that were asked, without their queries."""
        return {name.partition("?")[0] if name.startswith("/api/") else name for name in self._known if name[0] == "/"}

    def answer(self, target: str) -> Answer:
        """The answer to a GET."""
        found: Answer = self._once(target, lambda: self.scene.get(target))
        return found

    def json(self, target: str) -> Any:
        """The body of a GET; None when it is no success: then the output tells nothing."""
        answer = self.answer(target)
        return self._once(f"json {target}", answer.json) if answer.status == 200 else None

    def text(self, target: str) -> str:
        """The body of a GET as text; empty when it is no success."""
        answer = self.answer(target)
        return answer.body.decode() if answer.status == 200 else ""

    def read_at(self, target: str) -> float | None:
        """When the data of a document were read, as its header tells."""
        found = self.answer(target).headers.get("x-powerwall-timestamp")
        return float(found) if found is not None and float(found) else None

    @property
    def default(self) -> str:
        """The gateway that also answers the plain targets."""
        return str(self.json("/api/site")["default"])

    def stream(self, path: str) -> Any:
        """The first message of a WebSocket."""

        def ask() -> Any:
            with Client(self.scene.server.port or 0, path) as client:
                return client.message()

        return self._once(f"ws {path}", ask)

    def events(self, query: str) -> Any:
        """The first message of a stream of events."""

        def ask() -> Any:
            address = f"http://127.0.0.1:{self.scene.server.port}/api/stream?{query}"
            with urllib.request.urlopen(address, timeout=20) as lines:
                for line in lines:
                    if line.startswith(b"data: "):
                        return json.loads(line[6:])

        return self._once(f"events {query}", ask)

    def explained(self, gateway: str | None, name: str) -> Any:
        """The value that ``/api/explain`` tells of a number; None where there is no such number."""
        whose = "" if gateway is None else f"gateway={quote(gateway)}&"
        found = self.json(f"/api/explain?{whose}name={quote(name)}")
        return None if found is None else found["value"]

    @property
    def metrics(self) -> Mapping[Series, float]:
        """Samples of ``/metrics`` by name and labels."""
        return self._once("metrics", lambda: samples(self.text("/metrics")))

    @property
    def points(self) -> list[tuple[str, dict[str, str], dict[str, Any], float]]:
        """Lines of ``/influx`` as measurement, tags, fields and epoch seconds."""
        return self._once("points", lambda: [parsed(line) for line in self.text("/influx").splitlines()])

    def point(self, measurement: str, tags: Mapping[str, str]) -> tuple[dict[str, Any], float | None]:
        """Fields and time of the one line with exactly these tags."""
        for name, found, fields, when in self.points:
            if name == measurement and found == tags:
                return fields, when
        return {}, None

    def topics(self, gateway: str) -> Mapping[str, str]:
        """Topics of a gateway; those of the figures only while MQTT says that it is available."""
        found = self._once(f"mqtt {gateway}", lambda: self.scene.listener.topics(gateway))
        available = found.get("availability") == "online"
        return found if available else {name: found[name] for name in ("online", "availability") if name in found}

    def row(self, gateway: str) -> Mapping[str, Any]:
        """The row that the history made of the reading that the documents show; empty without one."""
        return self._once(f"row {gateway}", lambda: self._row(gateway))

    def _row(self, gateway: str) -> Mapping[str, Any]:
        shown = self.read_at(f"/api/gateways/{gateway}/aggregates")
        if shown is None:
            return {}
        second = int(shown)  # the history is asked second by second, and a poll takes at least one
        asked = f"gateway={gateway}&from={second}&to={second + 1}&step=1&format=columns&fields={POLL_COLUMNS}"
        columns = self.json(f"/api/history?{asked}")["columns"]
        if second not in columns["time"]:
            return {}
        place = columns.pop("time").index(second)
        newest = self.newest_sample(gateway)
        exact = newest is not None and abs(newest["ts"] - shown) <= SAME_SECONDS
        return {**{name: values[place] for name, values in columns.items()}, **((newest or {}) if exact else {})}

    def newest_sample(self, gateway: str) -> Mapping[str, Any] | None:
        """The newest poll in the history, of those with four powers."""
        rows = (self.json(f"/api/timeseries/samples?gateway={gateway}&limit=1") or {}).get("samples")
        return rows[-1] if rows else None


def samples(page: str) -> dict[Series, float]:
    """What a page in Prometheus' text format holds."""
    return dict(map(_sample, (line for line in page.splitlines() if line and line[0] != "#")))


@lru_cache(maxsize=8192)  # some pages; of one moment and the next most lines are the same, and reading one is slow
def _sample(line: str) -> tuple[Series, float]:
    (family,) = text_string_to_metric_families(line)
    (sample,) = family.samples
    return (sample.name, frozenset(sample.labels.items())), sample.value


def parsed(line: str) -> tuple[str, dict[str, str], dict[str, Any], float]:
    """One line of InfluxDB's protocol. Names with escapes do not occur in the simulated houses."""
    head, _, rest = line.partition(" ")
    fields, _, when = rest.rpartition(" ")
    measurement, *tags = head.split(",")
    found: dict[str, Any] = {}
    for part in _outside_quotes(fields):
        name, _, value = part.partition("=")
        if value.startswith('"'):
            found[name] = value[1:-1]
        else:
            found[name] = value == "true" if value in ("true", "false") else float(value)
    return measurement, dict(tag.split("=") for tag in tags), found, int(when) / 1e9


def _outside_quotes(fields: str) -> list[str]:
    parts, quoted, begun = [], False, 0
    for place, sign in enumerate(fields):
        quoted ^= sign == '"'
        if sign == "," and not quoted:
            parts.append(fields[begun:place])
            begun = place + 1
    return [*parts, fields[begun:]]
