"""Define the faults of a simulated gateway, which can be switched while it runs."""

from __future__ import annotations

import json
from dataclasses import field, fields

from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.records import record

# kind -> what a client sees
KINDS: dict[str, str] = {
    "none": "all is well",
    "unplugged": "the port is closed and open connections are cut",
    "deaf": "TCP connects, TLS never answers",
    "silent": "requests are read and never answered (nor acted on)",
    "mute": "requests are acted on, the answer is never sent",
    "slow": "the right answer after `seconds`",
    "drip": "the right answer, one byte every `seconds`",
    "reset": "the connection is reset instead of an answer",
    "status": "HTTP `status` instead of an answer, `retry_after_seconds` as Retry-After",
    "garbage-protobuf": "bytes that are not a protobuf message in place of one",
    "garbage-json": "JSON that breaks off in the middle",
    "absent": "the fields named in `fields` (dotted paths) are missing",
    "null": "the fields named in `fields` are null",
    "null-strings": "voltages and currents of the solar strings are null",
    "unit-missing": "unit number `unit` (0 is the first) is silent: its last figures are repeated (isMIA)",
    "follower-gone": "unit number `unit` (1 is the first follower) does not answer: HTTP `status`, or silence with 0",
    "flapping": "`fault` for `down_seconds`, then no fault for `up_seconds`, and so on",
}

# The fields that "absent" and "null" affect if none are named; each is needed for another family of data.
_DEFAULT_FIELDS = (
    "control.systemStatus",
    "control.alerts",
    "system.time",
    "esCan.bus.ISLANDER",
    "components.msa",
    "site_info.backup_reserve_percent",
)


@record(frozen=True, slots=True)
class Fault:
    """Describes one fault; KINDS says which members matter for which kind."""

    kind: str = "none"
    status: int = 500
    retry_after_seconds: int | None = None
    seconds: float = 1.0
    path: str = ""  # limits the fault to request paths with this prefix
    times: int | None = None  # limits the fault to so many requests, after which the gateway works again
    fields: tuple[str, ...] = _DEFAULT_FIELDS
    unit: int = 1
    up_seconds: float = 3.0
    down_seconds: float = 3.0
    fault: JsonMapping = field(default_factory=lambda: {"kind": "reset"})

    @classmethod
    def parse(cls, value: Fault | JsonMapping | str, **options: object) -> Fault:
        """Return the fault with a name, or from a mapping such as ``{"kind": "status", "status": 429}``.

        Raises ValueError with a text that names what is wrong.
        """
        if isinstance(value, Fault):
            return value
        data: JsonObject = {"kind": value} if isinstance(value, str) else dict(value)
        data |= options
        if "fields" in data:
            data["fields"] = tuple(data["fields"])
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ValueError(f"unknown fault option {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        kind = str(data.get("kind", "none"))
        if kind.isdigit():  # "429" is short for status 429
            data |= {"kind": "status", "status": int(kind)}
        elif kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        if data["kind"] == "follower-gone":
            data.setdefault("status", 404)
        return cls(**data)


def without(document: object, paths: tuple[str, ...], *, null: bool) -> Json:
    """Return a copy of a JSON document without the dotted ``paths``, or with null there; unknown paths are ignored."""
    copy = json.loads(json.dumps(document))
    for path in paths:
        *parents, last = path.split(".")
        holder = copy
        for name in parents:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and last in holder:
            if null:
                holder[last] = None
            else:
                del holder[last]
    return copy


def null_strings(document: object) -> Json:
    """Return a copy of a JSON document where every measurement of a solar string is null."""

    def walk(node: object) -> Json:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if str(node.get("name", "")).startswith(("PCH_PvVoltage", "PCH_PvCurrent", "PCH_PvState")):
            return {**node, "value": None, "textValue": None}
        return {
            name: None if name.startswith(("PVAC_PVCurrent_", "PVAC_PVMeasuredVoltage_")) else walk(item)
            for name, item in node.items()
        }

    return walk(document)


def unit_missing(document: object, unit: int) -> Json:
    """Return a copy of a status answer in which one unit of a Powerwall 2 is missing in action, its figures frozen."""
    copy = json.loads(json.dumps(document))
    bus = copy.get("esCan", {}).get("bus", {}) if isinstance(copy, dict) else {}
    for name, messages in (
        ("POD", ("POD_EnergyStatus",)),
        ("THC", ("THC_InfoMsg",)),
        ("PINV", ("PINV_Status", "PINV_AcMeasurements", "PINV_PowerCapability")),
    ):
        parts = bus.get(name) or []
        if unit < len(parts):
            for message in messages:
                if isinstance(parts[unit].get(message), dict):
                    parts[unit][message]["isMIA"] = True
    return copy
