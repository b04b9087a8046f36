"""How each output tells a value: where it stands, in which unit, to how many digits, and how it says "unknown"."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pwserver.history.layout import POWERS
from tests.agreement.moment import Moment

Read = Callable[[Moment, str], Any]
Path = tuple[str | int, ...]

# The site document's places -> the name of the gateway's meter.
HOUSE_METERS = {"grid": "site", "home": "load", "solar": "solar", "battery": "battery"}
# What a reader gives where its output by its documented nature does not tell this fact of this house at this moment.
NOT_TOLD: Final = object()


@dataclass(frozen=True)
class Reader:
    """One output of one fact. ``read`` takes the moment and the gateway's id; None is "unknown"."""

    output: str
    read: Read
    digits: int | None = None  # to which the output rounds, in the unit of the fact; None: not at all
    fresh_only: bool = False  # the output tells nothing about a gateway whose last poll has failed
    relative: float = 1e-9  # of numbers that an output keeps with fewer bits


def at(body: Any, path: Path) -> Any:
    """The value at a place of a JSON document; None where there is no such place."""
    for name in path:
        try:
            body = body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def scaled(value: Any, factor: float) -> Any:
    """A number in the unit of the fact; anything else as it is."""
    if factor == 1.0 or isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return value * factor


# --- documents


def below(target: str, gateway: str) -> str:
    """The target of a gateway's document."""
    return f"/api/gateways/{gateway}{target}"


def spoken(output: str, target: str, find: Callable[[Any], Any]) -> list[Reader]:
    """A gateway's document under both of its names; the plain one is the default gateway's.

    What is below ``/api`` of one gateway is a way to the gateway itself: an error while it does not answer.
    """

    def read(moment: Moment, gateway: str) -> Any:
        return find(moment.json(below(target, gateway)))

    def plain(moment: Moment, gateway: str) -> Any:
        return find(moment.json(target)) if gateway == moment.default else NOT_TOLD

    readers = [Reader(f"…/{output}", read, fresh_only=target.startswith("/api/"))]
    return readers + ([Reader(output, plain)] if target else [])


def doc(target: str, *path: str | int, factor: float = 1.0, word: Mapping[Any, Any] | None = None) -> list[Reader]:
    """A gateway's document. ``word``: what it tells -> what that means, where it has words of its own."""

    def find(body: Any) -> Any:
        value = scaled(at(body, path), factor)
        return value if word is None else word.get(value, value)

    return spoken(" ".join(map(str, (target, *path))), target, find)


def found(target: str, find: Callable[[Any], Any]) -> list[Reader]:
    """A gateway's document in which the value has to be looked for."""
    return spoken(target, target, find)


def data(*path: str | int) -> list[Reader]:
    """The documents about a gateway as a whole."""

    def listed(moment: Moment, gateway: str) -> Any:
        return at(moment.json("/api/gateways/"), (gateway, "data", *path))

    def summed(moment: Moment, gateway: str) -> Any:
        return at(moment.json("/api/aggregate/"), ("gateways", gateway, "data", *path))

    def streamed(moment: Moment, gateway: str) -> Any:
        return at(moment.stream(f"/ws/gateway/{gateway}"), ("data", *path))

    place = " ".join(map(str, path))
    return [
        *doc("", "data", *path),
        Reader(f"/api/gateways/ {place}", listed),
        Reader(f"/api/aggregate/ gateways {place}", summed),
        Reader(f"/ws/gateway {place}", streamed),
    ]


def csv(target: str, field: int, digits: int | None, word: Mapping[Any, Any] | None = None) -> list[Reader]:
    """A field of a line of comma separated values; empty is unknown."""

    def find(page: str) -> Any:
        line = page.splitlines()[-1:]
        told = line[0].split(",")[field] if line else ""
        value = float(told) if told else None
        return value if word is None else word.get(value, value)

    def plain(moment: Moment, gateway: str) -> Any:
        return find(moment.text(target)) if gateway == moment.default else NOT_TOLD

    return [
        Reader(f"…/{target} field {field}", lambda m, g: find(m.text(below(target, g))), digits),
        Reader(f"{target} field {field}", plain, digits),
    ]


# --- the site document, everywhere it is sent


def house(path: str, digits: int | None) -> list[Reader]:
    """A number or word of /api/site/{id}, of its streams, and of /api/explain. Names may hold dots: ``a/b/c``."""
    places: Path = tuple(path.split("/"))
    name = path.replace("/", ".")
    return [
        Reader(f"/api/site/{{id}} {name}", lambda m, g: at(m.json(f"/api/site/{g}"), places), digits),
        Reader(f"/ws/site/{{id}} {name}", lambda m, g: at(m.stream(f"/ws/site/{g}"), places), digits),
        Reader(f"/api/stream {name}", lambda m, g: at(m.events(f"document=site&gateway={g}"), places), digits),
        Reader(f"/api/explain {name}", lambda m, g: m.explained(g, name) if m.scene.is_explained else NOT_TOLD, digits),
    ]


def entry(member: str, digits: int | None) -> list[Reader]:
    """What /api/site and its stream say of one gateway."""

    def of(body: Any, gateway: str) -> Any:
        return next((one.get(member) for one in body["gateways"] if one["id"] == gateway), None)

    return [
        Reader(f"/api/site gateways {member}", lambda m, g: of(m.json("/api/site"), g), digits),
        Reader(f"/ws/site gateways {member}", lambda m, g: of(m.stream("/ws/site"), g), digits),
    ]


def row(member: str, digits: int | None) -> list[Reader]:
    """What the page of houses is told of one of them; the last figures of one that is away are left out."""

    def read(moment: Moment, gateway: str) -> Any:
        one = next(each for each in moment.json("/api/houses")["houses"] if each["id"] == gateway)
        return None if one["condition"] == "away" else one[member]

    return [Reader(f"/api/houses {member}", read, digits)]


# --- databases and the broker


def metric(name: str, factor: float = 1.0, **labels: str) -> list[Reader]:
    """A sample of /metrics; one that is not there is unknown."""

    def read(moment: Moment, gateway: str) -> Any:
        series = (f"powerwall_{name}", frozenset({**labels, "gateway": gateway}.items()))
        return scaled(moment.metrics.get(series), factor)

    return [Reader(f"/metrics {name}", read)]


def chosen(name: str, label: str, word: Mapping[str, Any] | None = None) -> list[Reader]:
    """The label of the one sample that is 1 among those of a state."""

    def read(moment: Moment, gateway: str) -> Any:
        ones = {
            dict(labels)[label]
            for (found, labels), value in moment.metrics.items()
            if found == f"powerwall_{name}" and value == 1.0 and ("gateway", gateway) in labels
        }
        assert len(ones) <= 1, (name, ones)
        value = next(iter(ones), None)
        return (word or {}).get(value or "", value)

    return [Reader(f"/metrics {name}", read)]


def influx(measurement: str, field: str, **tags: str) -> list[Reader]:
    """A field of a line of /influx; one that is not there is unknown."""

    def read(moment: Moment, gateway: str) -> Any:
        return moment.point(measurement, {"gateway": gateway, **tags})[0].get(field)

    return [Reader(f"/influx {measurement} {field}", read)]


def topic(name: str, digits: int | None = None, text: bool = False) -> list[Reader]:
    """A topic of MQTT; one that is not there, or of a gateway that is not available, is unknown."""

    def read(moment: Moment, gateway: str) -> Any:
        said = moment.topics(gateway).get(name)
        if said is None or text:
            return said
        return said == "true" if said in ("true", "false") else float(said)

    return [Reader(f"MQTT {name}", read, digits, fresh_only=True)]


def inside(name: str, *path: str | int) -> list[Reader]:
    """A value inside a topic that holds JSON."""

    def read(moment: Moment, gateway: str) -> Any:
        return at(json.loads(moment.topics(gateway).get(name, "null")), path)

    return [Reader(f"MQTT {name} {' '.join(map(str, path))}", read, fresh_only=True)]


def not_recorded(moment: Moment, gateway: str) -> bool:
    """Whether the history leaves the reading out, and does so: its powers cannot be true."""
    site = moment.json(f"/api/site/{gateway}")
    return bool(site) and "implausible" in site and not moment.row(gateway)


def history(column: str, word: Mapping[Any, Any] | None = None) -> list[Reader]:
    """A column of the row that the history made of the reading that is shown. It keeps 32 bits of a number."""

    def read(moment: Moment, gateway: str) -> Any:
        if not_recorded(moment, gateway):
            return NOT_TOLD
        value = moment.row(gateway).get(column)
        return value if word is None else word.get(value, value)

    return [Reader(f"history {column}", read, relative=1e-6)]


def sampled(gives: str, takes: str | None = None) -> list[Reader]:
    """A power of /api/timeseries/samples, where its two directions are told apart. It has no row without all four."""

    def read(moment: Moment, gateway: str) -> Any:
        if not_recorded(moment, gateway):
            return NOT_TOLD
        row = moment.row(gateway)
        if gives in row:
            return row[gives] - (row[takes] if takes else 0.0)
        return NOT_TOLD if any(row.get(power, 0.0) is None for power in POWERS) else None

    return [Reader(f"/api/timeseries/samples {gives}", read, relative=1e-6)]


# --- unknown, in words


def without(readers: list[Reader], *unknown: Any) -> list[Reader]:
    """Readers of an old shape that has a word of its own for what is not known (``unknown``, an empty list)."""

    def read(one: Reader) -> Read:
        return lambda moment, gateway: None if (value := one.read(moment, gateway)) in unknown else value

    return [Reader(one.output, read(one), one.digits, one.fresh_only, one.relative) for one in readers]
