"""What is true of all gateways together, and every output that tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import fsum
from typing import Any

from tests.agreement.facts import FIXED, METER_MEMBERS, SHOWN, Facts
from tests.agreement.moment import Moment
from tests.agreement.readers import Reader, at, below

LISTS = tuple(f"…//api/meters{place}" for place in ("", "/site", "/solar"))


def site(path: str, digits: int | None) -> list[Reader]:
    """A value of ``site`` in /api/site, in its streams and in /api/explain."""
    places = ("site", *path.split("/"))
    name = ".".join(places)
    return [
        Reader(f"/api/site {name}", lambda m, _: at(m.json("/api/site"), places), digits),
        Reader(f"/ws/site {name}", lambda m, _: at(m.stream("/ws/site"), places), digits),
        Reader(f"/api/stream {name}", lambda m, _: at(m.events("document=site"), places), digits),
        Reader(f"/api/explain {name}", lambda m, _: m.explained(None, name), digits),
    ]


def summed(target: str, member: str) -> list[Reader]:
    """A member of /api/aggregate/*; that without a name is also streamed."""
    whole = f"/api/aggregate/{target}"
    readers = [Reader(f"{whole} {member}", lambda m, _: at(m.json(whole), (member,)))]
    if not target:
        readers += [
            Reader(f"/ws/aggregate {member}", lambda m, _: at(m.stream("/ws/aggregate"), (member,))),
            Reader(f"/api/stream {member}", lambda m, _: at(m.events("document=aggregate"), (member,))),
        ]
    return readers


def virtual(fact: str) -> list[Reader]:
    """The documents of the gateway that stands for all of them; its lists of meters are those of each house."""
    readers = [replace(reader, fresh_only=False) for reader in FIXED[fact] if reader.output.startswith("…/")]
    return [reader for reader in readers if reader.output.split()[0] not in LISTS]


def members(moment: Moment) -> list[str]:
    """The gateways that take part in the sums."""
    body = moment.json("/api/site")
    left_out = {one["id"] for one in body["site"]["left_out"]}
    return [one["id"] for one in body["gateways"] if one["id"] not in left_out]


def added(told: Callable[[Any], Any], target: str, complete: bool = False) -> Reader:
    """The sum, made by the test from the documents of the members; ``complete``: none unless every gateway knows."""

    def read(moment: Moment, _: str) -> Any:
        taking_part = members(moment)
        values = [told(moment.json(below(target, gateway))) for gateway in taking_part]
        if complete and (None in values or len(taking_part) < len(moment.json("/api/site")["gateways"])):
            return None
        known = [value for value in values if value is not None]
        return fsum(known) if known else None

    return Reader("the members, added", read, relative=1e-9)


def mixed(readers: list[Reader]) -> list[Reader]:
    """Readers of an output that has a word for "some are and some are not", which the others have not."""

    def read(one: Reader) -> Callable[[Moment, str], Any]:
        return lambda moment, gateway: None if (value := one.read(moment, gateway)) == "MIXED" else value

    return [replace(one, read=read(one)) for one in readers]


def power(meter: str) -> list[Reader]:
    shown = SHOWN[meter]
    return [
        added(lambda body: at(body, (meter, "instant_power")), "/aggregates"),
        *summed("", f"total_{meter}_power"),
        *summed("power", meter),
        *(summed("", "total_grid_power") + summed("power", "grid") if meter == "site" else ()),
        *(summed("battery", "battery_power") if meter == "battery" else ()),
        *site(f"{shown}_watts", 1),
        *virtual(f"{meter} watts"),
    ]


def counter(meter: str, name: str) -> list[Reader]:
    place, digits = METER_MEMBERS[name]
    return [
        added(lambda body: at(body, (meter, name)), "/aggregates", complete=True),
        *site(f"meters/{SHOWN[meter]}/{place}", digits),
        *virtual(f"{meter} {place}"),
    ]


def left_out(target: str) -> list[Reader]:
    """Who is left out, as a document of the sum says."""
    whole = f"/api/aggregate/{target}"
    return [Reader(whole, lambda m, _: m.json(whole)["sources"]["left_out"])]


def alerts_of_members(moment: Moment) -> int | None:
    """How many alerts the gateways in the sums have; None without any."""
    found, taking_part = moment.json("/api/aggregate/alerts"), members(moment)
    return sum(len(found.get(name, ())) for name in taking_part) if taking_part else None


SUMS: Facts = {
    **{f"{meter} watts": power(meter) for meter in SHOWN},
    **{f"{meter} {name}": counter(meter, name) for meter in SHOWN for name in ("energy_imported", "energy_exported")},
    "charge, raw percent": [
        *summed("", "total_battery_percent_raw"),
        *summed("soe", "raw_percentage"),
        *summed("battery", "battery_percent_raw"),
        *site("charge_raw_percent", 2),
        *virtual("charge, raw percent"),
    ],
    "charge, percent of the app": [
        *summed("", "total_battery_percent"),
        *summed("soe", "percentage"),
        *summed("battery", "battery_percent"),
        *site("charge_percent", 2),
        *virtual("charge, percent of the app"),
    ],
    "plain mean of the charge": [
        *summed("", "percentage_mean"),
        *summed("soe", "percentage_mean"),
        *summed("battery", "percentage_mean"),
    ],
    "capacity, Wh": [
        *summed("", "total_battery_capacity"),
        *summed("battery", "total_capacity"),
        *site("capacity_wh", 0),
        *virtual("capacity, Wh"),
    ],
    "energy left, Wh": [*virtual("energy left, Wh"), *site("remaining_wh", 0)],
    "hours left": [*virtual("hours left"), *site("hours_left", 2)],
    "reserve, percent of the app": [*virtual("reserve, percent of the app"), *site("reserve_percent", 2)],
    "mode": [*virtual("mode"), *site("mode", None)[:3]],
    "grid": [
        *summed("", "grid_status"),
        *mixed(site("grid/state", None)[:3]),
        *virtual("grid"),
    ],
    "who is left out": [
        Reader("/api/site", lambda m, _: {one["id"]: one["reason"] for one in m.json("/api/site")["site"]["left_out"]}),
        *(reader for name in ("", "power", "soe", "battery", "status") for reader in left_out(name)),
        Reader("/ws/aggregate", lambda m, _: m.stream("/ws/aggregate")["sources"]["left_out"]),
        Reader(
            "/health",
            lambda m, _: {
                name: reason if reason in ("no data", "stale") else "implausible"
                for name, reason in m.json("/health")["left_out"].items()
            },
        ),
    ],
    "how many are online": [
        Reader("/health", lambda m, _: m.json("/health")["gateways_online"]),
        Reader("/stats", lambda m, _: m.json("/stats")["gateways"]["online"]),
        *summed("", "num_online"),
        *summed("battery", "num_online"),
        *summed("status", "num_online"),
        *summed("soe", "num_gateways"),
        Reader("/api/site", lambda m, _: m.json("/api/site")["site"]["fresh"]),
        Reader("/metrics", lambda m, _: sum(v for (name, _), v in m.metrics.items() if name == "powerwall_up")),
    ],
    "how many there are": [
        Reader("/health", lambda m, _: m.json("/health")["gateways"]),
        Reader("/stats", lambda m, _: m.json("/stats")["gateways"]["total"]),
        *summed("", "num_gateways"),
        *summed("battery", "num_gateways"),
        *summed("status", "num_gateways"),
        Reader("/api/site", lambda m, _: m.json("/api/site")["site"]["gateways"]),
        Reader("/api/gateways/", lambda m, _: len(m.json("/api/gateways/"))),
        Reader("/metrics", lambda m, _: m.metrics.get(("pwserver_gateways", frozenset()))),
    ],
    "how many alerts": [
        Reader("/api/aggregate/alerts", lambda m, _: alerts_of_members(m)),
        *site("alerts", None)[:3],
    ],
}
