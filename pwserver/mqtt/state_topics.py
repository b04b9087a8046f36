"""Write the state topics of a view as ``{topic: payload}``. Pure; the order of the result is that of publishing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

from pwserver.json_types import Json, JsonObject
from pwserver.mqtt.sensors import METER_METRICS, SENSORS, SIGNAL_DECIMALS, SIGNAL_TOPICS, STRING_METRICS, Sensor, Value
from pwserver.mqtt.value_sensors import of_now, value_payloads
from pwserver.state.device_signals import SIGNALS, Device, signals_by_serial
from pwserver.state.electrical import RemoteMeter
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters
from pwserver.state.strings import MISSING, String, string_pairs
from pwserver.state.units import Unit
from pwserver.state.view import View

# The separator, the wildcards (MQTT 5 §4.7.1), and what a broker may disconnect us for (§1.5.4): control characters,
# halves of surrogate pairs and non-characters.
UNSAFE_IN_TOPIC = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
LEVEL_CHARACTERS = 250  # of one level of a topic; a topic has 65,535 bytes at most, beyond which the library refuses it


def fixed(value: float | int, decimals: int) -> str:
    """Write a number as the C library's printf does, but never as a negative zero."""
    written = f"{value:.{decimals}f}"
    return written.lstrip("-") if written.startswith("-") and not written.strip("-0.") else written


def _clean(value: object) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float) and value == 0:
        return 0.0
    if isinstance(value, dict):
        return {str(key): _clean(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(member) for member in value]
    return value


def safe_in_topic(name: str) -> bool:
    """Return whether a name from the gateway can be one level of a topic."""
    return 0 < len(name) <= LEVEL_CHARACTERS and UNSAFE_IN_TOPIC.search(name) is None


def compact(value: object) -> str:
    """Write JSON without spaces, non-ASCII as it is, NaN and infinities as null, no negative zero."""
    return json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def summary(view: View) -> JsonObject:
    """Return the members of the ``status`` topic, unrounded; after a failed poll all but ``online`` are unknown."""
    online = view.status.online and view.reading is not None
    judged = view.state.judged
    told = {sensor.status: sensor.read(judged) if online else None for sensor in SENSORS if sensor.status is not None}
    return {"online": online, "batteries": _battery_list(judged.units) if online else [], **told}


def _battery_list(units: Iterable[Unit]) -> list[JsonObject]:
    found = [
        {"index": u.position, "capacity": u.capacity_wh.value, "charge": u.remaining_wh.value, "serial": u.serial}
        for u in units
    ]
    return [unit for unit in found if unit["capacity"] is not None or unit["charge"] is not None]


def availability_of(topic: str) -> str:
    """Return the topic, below the gateway's, that says whether what this topic tells is of now."""
    return f"{topic}/availability"


def remote_meter_topic(meter: RemoteMeter) -> str:
    """Return the topic, below the gateway's, of one transformer of a wireless meter."""
    return f"meters/remote/{meter.din}/ct{meter.channel}"


def device_availability(serial: str) -> str:
    """Return the topic, below the gateway's, that says whether the temperatures and fans of a device are of now."""
    return f"devices/{serial}/availability"


def battery_availability(number: int) -> str:
    """Return the topic, below the gateway's, that says whether the energy of a battery unit is of now."""
    return f"batteries/{number}/availability"


def topics(view: View, prefix: str = "pypowerwall", announced: Iterable[str] = ()) -> dict[str, str]:
    """Return all state topics of one gateway after one poll attempt, ``availability`` last.

    ``announced``: the availability topics of parts, below the gateway's, that were announced to Home Assistant. Each is
    written after every good poll, also for a part that has fallen silent.

    A value that is not known is absent. After a failed poll only the topics that say so are there.
    """
    base = f"{prefix}/{view.gateway.id}/"
    online = view.status.online and view.reading is not None
    payloads: dict[str, str] = {"online": "true" if online else "false"}
    if view.gateway.name:
        payloads["name"] = view.gateway.name
    status = summary(view)
    if online and view.reading is not None:
        judged = view.state.judged
        payloads.update(_sensors(judged))
        if view.reading.aggregates:
            payloads["aggregates"] = compact(view.reading.aggregates)
        payloads.update(_further_meters(judged.meters))
        payloads.update(_batteries(status["batteries"]))
        payloads.update(_health(judged.units))
        payloads.update(_strings(judged.strings))
        payloads.update(_remote_meters(judged.electrical.remote_meters))
        payloads.update(_signals(judged.devices))
        payloads.update(_availability_of_parts(judged))
        if view.value is not None:
            payloads.update(value_payloads(view.value, view.now))
        payloads |= {topic: "offline" for topic in announced if topic not in payloads}
    # Last, so that Home Assistant shows no value as current before all of them have arrived.
    payloads["status"] = compact(status)
    payloads["availability"] = of_now(online)
    return {base + topic: payload for topic, payload in payloads.items()}


def _sensors(judged: Judged) -> dict[str, str]:
    """Return the payloads of all sensors that are known, and which are: the broker retains what was known before."""
    found = {sensor.topic: written(sensor, sensor.read(judged)) for sensor in SENSORS}
    told = {availability_of(topic): of_now(payload is not None) for topic, payload in found.items()}
    return {topic: payload for topic, payload in found.items() if payload is not None} | told


def written(sensor: Sensor, value: Value) -> str | None:
    """Write the value of a sensor; None when it is not known."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return fixed(value, sensor.decimals) if isinstance(value, (int, float)) else value


def _further_meters(meters: Meters) -> dict[str, str]:
    """Return the payloads of the meters beside the main ones."""
    out: dict[str, str] = {}
    for name, meter in meters.items():
        if name not in MAIN_METERS:
            for metric in METER_METRICS:
                value, topic = getattr(meter, metric.attribute).value, f"meters/{name}/{metric.name}"
                if value is not None:
                    out[topic] = fixed(value, metric.decimals)
                out[availability_of(topic)] = of_now(value is not None)
    return out


def _batteries(units: list[JsonObject]) -> dict[str, str]:
    out = {
        f"batteries/{unit['index']}/{metric}": fixed(unit[metric], 0)
        for unit in units
        for metric in ("capacity", "charge")
        if unit[metric] is not None
    }
    if units:
        out["batteries"] = compact(units)
    return out


def _health(units: Iterable[Unit]) -> dict[str, str]:
    known = {unit.position: unit.health_percent.value for unit in units}
    return {f"batteries/{number}/health": fixed(value, 1) for number, value in known.items() if value is not None}


def _strings(strings: Mapping[str, String]) -> dict[str, str]:
    out: dict[str, str] = {}
    named = {name: string for name, string in strings.items() if safe_in_topic(name)}
    for name, string in named.items():
        for metric, value in zip(STRING_METRICS, (string.volts, string.amperes, string.watts), strict=True):
            if value.value is not None:
                out[f"strings/{name}/{metric}"] = fixed(value.value, 2)
        if string.weak.value is not None:
            out[f"strings/{name}/weak"] = "true" if string.weak.value else "false"
        out[f"strings/{name}"] = compact(string.body)
        out[availability_of(f"strings/{name}")] = of_now(string.state != MISSING)
    for name, values in string_pairs(named).items():
        out.update({f"strings/{name}/{metric}": fixed(value, 2) for metric, value in values.items()})
        out[availability_of(f"strings/{name}")] = of_now(bool(values))
    return out


def _remote_meters(meters: Iterable[RemoteMeter]) -> dict[str, str]:
    out: dict[str, str] = {}
    for meter in meters:
        if not safe_in_topic(meter.din):
            continue
        base = remote_meter_topic(meter)
        for metric in METER_METRICS:
            value = getattr(meter, metric.attribute)
            if value is not None:
                out[f"{base}/{metric.name}"] = fixed(value, metric.decimals)
        out[base] = compact(meter.body)
        out[availability_of(base)] = of_now(meter.watts is not None)
    return out


def _availability_of_parts(judged: Judged) -> dict[str, str]:
    """Say whether each battery's energy and each device's signals are of now; one may stop without the other."""
    told = {battery_availability(unit.position): unit.remaining_wh.value is not None for unit in judged.all_units}
    told |= {device_availability(device.serial): True for device in judged.devices if safe_in_topic(device.serial)}
    return {topic: of_now(known) for topic, known in told.items()}


def _signals(devices: Iterable[Device]) -> dict[str, str]:
    decimals = {signal.id: SIGNAL_DECIMALS[signal.unit] for signal in SIGNALS}
    out: dict[str, str] = {}
    for serial, values in signals_by_serial(devices).items():
        if not safe_in_topic(serial):
            continue
        written = {signal: fixed(value, decimals[signal]) for signal, value in values.items()}
        out.update({f"devices/{serial}/{SIGNAL_TOPICS[signal][0]}": payload for signal, payload in written.items()})
        rounded = {s: int(payload) if decimals[s] == 0 else float(payload) for s, payload in written.items()}
        out[f"devices/{serial}"] = compact(rounded)
    return out
