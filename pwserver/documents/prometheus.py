"""Render ``/metrics``: Prometheus text 0.0.4 and OpenMetrics 1.0.0.

Names follow Prometheus' guidelines for exporters: base units, ``_total`` for counters, ratios instead of percent,
``gateway`` as the label that every metric of a gateway has. A number that is not known is absent. The document is as
old as the last poll, and contains ages and timestamps. Fan speeds are in rpm, as in other exporters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from pwserver.documents.error_answer import ErrorAnswer, detail
from pwserver.documents.exposition import Written, family_text, openmetrics_of, text_of
from pwserver.records import record
from pwserver.state.alert_meanings import SEVERITIES
from pwserver.state.device_signals import SIGNAL_BY_ID, ages_by_serial, signals_by_serial
from pwserver.state.fact import finite
from pwserver.state.grid import STATES
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import energies_wh
from pwserver.state.operating_settings import EXPORT_RULES, MODES
from pwserver.state.view import SiteView, View

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

JOULES_PER_WATT_HOUR = 3600.0
CONNECTION_STATES = ("connecting", "ok", "degraded", "fallback", "auth-failed", "backing-off")
MAX_ALERTS = 200  # each name is a series of its own, and names come from outside

# A number for a family without labels, or one for each set of label values.
SelfMetrics = Mapping[str, "float | int | Mapping[tuple[str, ...], float | int] | None"]


@record(frozen=True, slots=True)
class MetricFamily:
    """Describes one metric."""

    name: str  # as exposed
    kind: str  # ``gauge``, ``counter`` or ``info``
    labels: tuple[str, ...]
    help: str
    read: Callable[[Judged], float | None] | None = None  # of what a gateway has once; the others are yielded below


def _gauge(
    name: str, help_text: str, *labels: str, read: Callable[[Judged], float | None] | None = None
) -> MetricFamily:
    return MetricFamily(f"powerwall_{name}", "gauge", ("gateway", *labels), help_text, read)


def _counter(name: str, help_text: str, *labels: str) -> MetricFamily:
    return MetricFamily(f"powerwall_{name}_total", "counter", ("gateway", *labels), help_text)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


DATA_FAMILIES: tuple[MetricFamily, ...] = (
    _gauge("up", "1 when the last poll of the gateway succeeded, else 0."),
    MetricFamily(
        "powerwall_gateway_info",
        "info",
        ("gateway", "name", "firmware", "din", "connection_mode", "tedapi_mode", "type"),
        "Facts about the gateway; always 1.",
    ),
    _gauge("connection_state", "1 for the state the connection is in, 0 for the others.", "state"),
    _gauge("connection_state_since_timestamp_seconds", "When the connection entered its state."),
    _gauge("last_success_timestamp_seconds", "When the gateway was last read successfully."),
    _gauge("reading_timestamp_seconds", "When the values on this page were read; they are cached between polls."),
    _gauge("reading_age_seconds", "Age of the values when this page was rendered."),
    _counter("polls", "Poll attempts, good and bad."),
    _counter("poll_failures", "Poll attempts that failed."),
    _gauge("poll_consecutive_failures", "Poll attempts that failed in a row until now."),
    _gauge("poll_duration_seconds", "How long the last poll took."),
    _gauge("poll_backoff_seconds", "Pause before the next attempt because of failures."),
    _counter("gateway_calls", "Requests sent to the gateway."),
    _gauge("family_available", "1 when this family of data came, 0 when the gateway refuses it.", "family"),
    _gauge("family_last_success_timestamp_seconds", "When this family of data last came.", "family"),
    _gauge("family_consecutive_failures", "How often in a row this family of data did not come.", "family"),
    _gauge("grid_power_watts", "Power at the grid meter, import positive (site.instant_power)."),
    _gauge("home_power_watts", "Consumption of the house (load.instant_power)."),
    _gauge("solar_power_watts", "Solar production (solar.instant_power)."),
    _gauge("battery_power_watts", "Power of the batteries, discharge positive (battery.instant_power)."),
    _gauge("meter_power_watts", "Power of a further meter, for instance a generator; production positive.", "meter"),
    _counter("meter_imported_joules", "Energy a further meter counted forward (energy_imported, Wh x 3600).", "meter"),
    _counter("meter_exported_joules", "Energy a further meter counted backward (energy_exported, Wh x 3600).", "meter"),
    _gauge("meter_voltage_volts", "Mean voltage of a meter (instant_average_voltage).", "meter"),
    _gauge("meter_current_amperes", "Mean current of a meter (instant_average_current).", "meter"),
    _counter("grid_imported_joules", "Energy taken from the grid (site.energy_imported, Wh x 3600)."),
    _counter("grid_exported_joules", "Energy given to the grid (site.energy_exported, Wh x 3600)."),
    _counter("home_consumed_joules", "Energy used by the house (load.energy_imported, Wh x 3600)."),
    _counter("solar_produced_joules", "Energy made by solar (solar.energy_exported, Wh x 3600)."),
    _counter("battery_charged_joules", "Energy into the batteries (battery.energy_imported, Wh x 3600)."),
    _counter("battery_discharged_joules", "Energy out of the batteries (battery.energy_exported, Wh x 3600)."),
    _gauge(
        "battery_charge_ratio",
        "State of charge as the app shows it, 0 to 1.",
        read=lambda one: _scaled(one.charge.app_percent.value, 0.01),
    ),
    _gauge(
        "battery_charge_raw_ratio",
        "State of charge as the gateway counts it, 0 to 1.",
        read=lambda one: _scaled(one.charge.raw_percent.value, 0.01),
    ),
    _gauge(
        "backup_reserve_ratio",
        "Charge kept for outages, app scale, 0 to 1.",
        read=lambda one: _scaled(one.operation.reserve_percent.value, 0.01),
    ),
    _gauge(
        "battery_capacity_joules",
        "Energy of the full batteries (nominal_full_pack_energy, Wh x 3600).",
        read=lambda one: _scaled(one.charge.capacity_wh.value, JOULES_PER_WATT_HOUR),
    ),
    _gauge(
        "battery_remaining_joules",
        "Energy left in the batteries (nominal_energy_remaining, Wh x 3600).",
        read=lambda one: _scaled(one.charge.remaining_wh.value, JOULES_PER_WATT_HOUR),
    ),
    _gauge(
        "backup_time_remaining_seconds",
        "How long the batteries would carry the house.",
        read=lambda one: _scaled(one.charge.hours_left.value, 3600.0),
    ),
    _gauge(
        "grid_connected",
        "1 when the grid is up, 0 when it is down or synchronising; absent when unknown.",
        read=lambda one: one.grid.connected,
    ),
    _counter("outages", "Outages of the grid that have begun; docs/events.md has the rule."),
    _gauge("last_outage_seconds", "How long the last outage of the grid lasted; absent before the first one is over."),
    _counter("events", "Events of the gateway's diary.", "kind"),
    _gauge("grid_state", "1 for the state of the grid, 0 for the others; absent when unknown.", "state"),
    _gauge("operation_mode", "1 for the mode in force, 0 for the others; absent when unknown.", "mode"),
    _gauge(
        "grid_charging_enabled",
        "1 when the batteries may charge from the grid.",
        read=lambda one: one.operation.grid_charging.value,
    ),
    _gauge("grid_export_rule", "1 for the export rule in force, 0 for the others; absent when unknown.", "rule"),
    _gauge("alert_active", "1 for each alert the gateway reports now.", "alert"),
    _gauge(
        "alerts",
        "How many alerts the gateway reports now.",
        read=lambda one: None if one.alerts is None else len(one.alerts),
    ),
    _gauge("alerts_by_severity", "How many alerts of this severity the gateway reports now.", "severity"),
    _gauge(
        "flagged_values",
        "How many values were set aside as implausible in this reading.",
        read=lambda one: len(one.set_aside),
    ),
    MetricFamily(
        "powerwall_unit_info",
        "info",
        ("gateway", "device", "position", "part", "type"),
        "Facts about one Powerwall behind the gateway; always 1. The device is its serial number.",
    ),
    _gauge("unit_capacity_joules", "Energy of one full unit (nominal_full_pack_energy, Wh x 3600).", "device"),
    _gauge("unit_remaining_joules", "Energy left in one unit (nominal_energy_remaining, Wh x 3600).", "device"),
    _gauge("unit_health_ratio", "State of health: 30 days' median of a full unit by its nameplate.", "device"),
    _gauge(
        "temperature_celsius", "A temperature of a unit (HVP_*, PCH_AmbientTemp, THC_AmbientTemp).", "device", "sensor"
    ),
    _gauge("fan_speed_rpm", "Speed of a fan (PVAC_Fan_Speed_Actual_RPM, PCH_FanSpeed_*).", "device", "fan"),
    _gauge("fan_target_speed_rpm", "Speed a fan should have (PVAC_Fan_Speed_Target_RPM).", "device", "fan"),
    _gauge("fan_duty_ratio", "Drive of a fan, 0 to 1 (PCH_FanDuty_*).", "device", "fan"),
    _gauge("device_data_age_seconds", "How much older than the reading the data of a device are.", "device"),
    _gauge("inverter_voltage_volts", "Output voltage of an inverter (PINV_Vout, PVAC_Vout).", "device", "kind"),
    _gauge("inverter_frequency_hertz", "Output frequency of an inverter (PINV_Fout, PVAC_Fout).", "device", "kind"),
    _gauge("line_voltage_volts", "Voltage of a phase to neutral (ISLAND_VL*N_Main, _Load).", "line", "side"),
    _gauge("line_frequency_hertz", "Frequency of a phase (ISLAND_FreqL*_Main, _Load).", "line", "side"),
    _gauge("string_power_watts", "Power of a solar string.", "string"),
    _gauge("string_voltage_volts", "Voltage of a solar string.", "string"),
    _gauge("string_current_amperes", "Current of a solar string.", "string"),
    _gauge("string_weak", "1 when a solar string is weak against its neighbours over days, else 0.", "string"),
    _gauge("string_connected", "1 when a solar string is connected.", "string"),
    _gauge("ct_power_watts", "Power of a wired current transformer (METER_*, NEURIO_*).", "meter", "ct"),
    _gauge("ct_current_amperes", "Current of a wired current transformer.", "meter", "ct"),
    _gauge("ct_voltage_volts", "Voltage at a wired current transformer.", "meter", "ct"),
    _gauge("remote_meter_power_watts", "Power of a wireless current transformer (TRM_*).", "meter", "ct"),
    _gauge("remote_meter_current_amperes", "Current of a wireless current transformer (TRM_*).", "meter", "ct"),
    _gauge("remote_meter_voltage_volts", "Voltage at a wireless current transformer (TRM_*).", "meter", "ct"),
    _counter("remote_meter_imported_joules", "Energy counted forward (TRM EnergyImportedWs).", "meter", "ct"),
    _counter("remote_meter_exported_joules", "Energy counted backward (TRM EnergyExportedWs).", "meter", "ct"),
    _gauge("buy_price", "What a kilowatt-hour from the grid costs now, in the currency.", "currency"),
    _gauge("sell_price", "What a kilowatt-hour given to the grid earns now, in the currency.", "currency"),
    _gauge(
        "value_today", "What energy cost, earned and saved today, in the currency; an estimate.", "currency", "part"
    ),
    _gauge("value_month", "The same of the calendar month until now; an estimate.", "currency", "part"),
    _gauge("value_overall", "The same of all days that are kept; an estimate.", "currency", "part"),
)


def _self(name: str, kind: str, help_text: str, *labels: str) -> MetricFamily:
    return MetricFamily(f"pwserver_{name}", kind, labels, help_text)


SELF_FAMILIES: tuple[MetricFamily, ...] = (
    _self(
        "build_info",
        "info",
        "Versions of the server and of the pypowerwall library; always 1.",
        "version",
        "library_version",
    ),
    _self("start_time_seconds", "gauge", "When the server was started."),
    _self("poll_interval_seconds", "gauge", "Configured time between two polls."),
    _self("gateways", "gauge", "Configured gateways."),
    _self("http_requests_total", "counter", "Requests answered.", "worker", "method"),
    _self("http_errors_total", "counter", "Requests answered with a status of 400 or more.", "worker"),
    _self("http_no_data_total", "counter", "Requests answered without data, as there were none.", "worker"),
    _self("http_not_modified_total", "counter", "Requests answered by the fast path with 304.", "worker"),
    _self("http_documents_total", "counter", "Documents served, all gateways together.", "document"),
    _self("http_slow_path_total", "counter", "Requests handed from the fast path to Sanic.", "worker"),
    _self(
        "http_rejected_total",
        "counter",
        "Requests and connections ended by a rule: malformed, rate, connections, slow or stalled.",
        "worker",
        "reason",
    ),
    _self("http_connections_total", "counter", "Connections accepted.", "worker"),
    _self("websockets_total", "counter", "WebSockets opened.", "worker"),
    _self("faults_total", "counter", "Faults in our code; the log tells each place once.", "worker"),
    _self("process_resident_memory_bytes", "gauge", "Memory of a process.", "process"),
    _self("process_cpu_seconds_total", "counter", "Processor time of a process.", "process"),
    _self("process_open_fds", "gauge", "Open file descriptors of a process.", "process"),
    _self("process_start_time_seconds", "gauge", "When a process was started.", "process"),
    _self("process_restarts_total", "counter", "How often the supervisor replaced a process.", "process"),
    _self("process_heartbeat_age_seconds", "gauge", "Time since a process last showed that it lives.", "process"),
    _self("snapshots_published_total", "counter", "Snapshots published.", "gateway"),
    _self("snapshot_overflows_total", "counter", "Documents that did not fit their snapshot.", "gateway"),
    _self("render_duration_seconds", "gauge", "How long the last snapshot took to render.", "gateway"),
    _self("poll_lateness_seconds", "gauge", "How late the last poll began.", "gateway"),
    _self("history_write_failures_total", "counter", "Rows the history could not store."),
    _self("notices_sent_total", "counter", "Notices that an address took; absent when notices are off.", "address"),
    _self("notices_failed_total", "counter", "Attempts to send a notice that failed.", "address"),
    _self("notices_given_up_total", "counter", "Notices that could not be sent within a day.", "address"),
    _self("notices_waiting", "gauge", "Notices that wait for the end of quiet hours, or for room within the hour."),
    _self("mqtt_connected", "gauge", "1 when the MQTT broker is connected; absent when MQTT is off."),
    _self("mqtt_connects_total", "counter", "Connections made to the MQTT broker."),
    _self("mqtt_published_total", "counter", "MQTT messages sent."),
    _self("mqtt_commands_total", "counter", "MQTT commands by outcome, done or rejected.", "outcome"),
    _self("replica_connected", "gauge", "1 when the broker of the snapshots is connected; absent without one."),
    _self("replica_published_total", "counter", "Snapshots sent to replicas."),
    _self("replica_refused_total", "counter", "Replica messages that were refused."),
)
FAMILIES = DATA_FAMILIES + SELF_FAMILIES
BY_NAME = {family.name: family for family in FAMILIES}
_READ = [(family.name.removeprefix("powerwall_"), family.read) for family in DATA_FAMILIES if family.read is not None]

Sample = tuple[str, tuple[str, ...], float]


def _server(site: SiteView, self_metrics: SelfMetrics) -> Iterator[Sample]:
    """Yield the samples of the server itself as (metric, label values, value), in no particular order."""
    server = site.server
    yield "pwserver_build_info", (server.version, server.library_version), 1.0
    yield "pwserver_start_time_seconds", (), server.started
    yield "pwserver_poll_interval_seconds", (), server.poll_interval_seconds
    yield "pwserver_gateways", (), float(len(site.gateways))
    for name, values in self_metrics.items():
        if name in BY_NAME:
            told: Mapping[tuple[str, ...], object] = values if isinstance(values, Mapping) else {(): values}
            for labels, number in told.items():
                known = finite(number)
                if known is not None and len(labels) == len(BY_NAME[name].labels):
                    yield name, tuple(map(str, labels)), float(known)


def _gateway(view: View) -> Iterator[Sample]:
    """Yield the samples of one gateway; only the age of its values is missing, which grows without a new view."""
    judged, gateway = view.state.judged, view.gateway.id
    found = [*_connection(view), *_meters(judged), *(_judged(judged) if view.reading else ()), *_value(view)]
    for name, labels, value in found:
        if value is not None:
            yield f"powerwall_{name}", (gateway, *map(str, labels)), float(value)


def _choice(name: str, choices: tuple[str, ...], chosen: str | None) -> Iterator[Sample]:
    if chosen:
        for choice in dict.fromkeys((*choices, chosen)):  # also a word of newer firmware that the table does not have
            yield name, (choice,), float(choice == chosen)


def _connection(view: View) -> Iterator[tuple[str, tuple[object, ...], object]]:
    status, reading, identity = view.status, view.reading, view.gateway
    yield "up", (), float(status.online)
    facts = (
        identity.name,
        reading and reading.version,
        reading and reading.din,
        status.connection_mode or (reading and reading.connection_mode),
        status.tedapi_mode,
        identity.type,
    )
    yield "gateway_info", tuple(fact or "" for fact in facts), 1.0
    yield from _choice("connection_state", CONNECTION_STATES, status.state)
    yield "connection_state_since_timestamp_seconds", (), status.state_since or None  # 0: not known
    yield "last_success_timestamp_seconds", (), status.last_updated
    yield "polls_total", (), status.total_successes + status.total_failures
    yield "poll_failures_total", (), status.total_failures
    yield "poll_consecutive_failures", (), status.consecutive_failures
    yield "poll_duration_seconds", (), status.poll_seconds
    yield "poll_backoff_seconds", (), status.backoff_seconds
    yield "gateway_calls_total", (), status.calls_total
    for family, capability in status.capabilities.items():
        yield "family_available", (family,), None if capability.available is None else float(capability.available)
        yield "family_last_success_timestamp_seconds", (family,), capability.last_success
        yield "family_consecutive_failures", (family,), capability.failures
    if reading is not None:
        yield "reading_timestamp_seconds", (), reading.timestamp


def _value(view: View) -> Iterator[tuple[str, tuple[object, ...], object]]:
    """Yield what energy was worth, also while the gateway is away."""
    value = view.value
    if value is None:
        return
    currency, prices = value.currency or "", value.prices(view.now)
    yield "buy_price", (currency,), prices.buy.per_kwh
    yield "sell_price", (currency,), prices.sell.per_kwh
    for span, metric in (("today", "value_today"), ("month", "value_month"), ("total", "value_overall")):
        for part, amount in value.spans[span].items():
            yield metric, (currency, part), amount


METERS = {"site": "grid", "load": "home", "solar": "solar", "battery": "battery"}
ENERGY_METRICS = {
    "grid_energy_imported": "grid_imported_joules_total",
    "grid_energy_exported": "grid_exported_joules_total",
    "home_energy_imported": "home_consumed_joules_total",
    "solar_energy_exported": "solar_produced_joules_total",
    "battery_energy_imported": "battery_charged_joules_total",
    "battery_energy_exported": "battery_discharged_joules_total",
}


def _meters(judged: Judged) -> Iterator[tuple[str, tuple[object, ...], object]]:
    meters = judged.meters
    for name, meter in meters.items():
        label = METERS.get(name, name)
        if name in METERS:
            yield f"{label}_power_watts", (), meter.watts.value
        else:
            yield "meter_power_watts", (label,), meter.watts.value
            yield "meter_imported_joules_total", (label,), _scaled(meter.imported_wh.value, JOULES_PER_WATT_HOUR)
            yield "meter_exported_joules_total", (label,), _scaled(meter.exported_wh.value, JOULES_PER_WATT_HOUR)
        yield "meter_voltage_volts", (label,), meter.volts.value
        yield "meter_current_amperes", (label,), meter.amperes.value
    for name, watt_hours in energies_wh(meters).items():
        yield ENERGY_METRICS[name], (), watt_hours * JOULES_PER_WATT_HOUR


def _judged(judged: Judged) -> Iterator[tuple[str, tuple[object, ...], object]]:
    for name, read in _READ:
        yield name, (), read(judged)
    yield from _choice("grid_state", STATES, judged.grid.state.value)
    yield from _choice("operation_mode", MODES, judged.operation.mode.value)
    yield from _choice("grid_export_rule", EXPORT_RULES, judged.operation.grid_export.value)
    for alert in (judged.alerts or ())[:MAX_ALERTS]:
        yield "alert_active", (alert.name,), 1.0
    if judged.alerts is not None:
        for severity in SEVERITIES:
            yield "alerts_by_severity", (severity,), sum(alert.severity == severity for alert in judged.alerts)
    yield from _units(judged)
    yield from _electrical(judged)


def _units(judged: Judged) -> Iterator[tuple[str, tuple[object, ...], object]]:
    for unit in judged.units:
        yield "unit_info", (unit.serial, unit.position, unit.part or "", unit.type or ""), 1.0
        yield "unit_capacity_joules", (unit.serial,), _scaled(unit.capacity_wh.value, JOULES_PER_WATT_HOUR)
        yield "unit_health_ratio", (unit.serial,), _scaled(unit.health_percent.value, 0.01)
        yield "unit_remaining_joules", (unit.serial,), _scaled(unit.remaining_wh.value, JOULES_PER_WATT_HOUR)
    for serial, values in signals_by_serial(judged.devices).items():
        for name, value in values.items():
            signal = SIGNAL_BY_ID[name]
            if signal.unit == "°C":
                yield "temperature_celsius", (serial, signal.sensor), value
            elif signal.unit == "%":
                yield "fan_duty_ratio", (serial, signal.sensor), value / 100.0
            else:
                metric = "fan_target_speed_rpm" if name == "fan_target_rpm" else "fan_speed_rpm"
                yield metric, (serial, signal.sensor), value
    for serial, age in ages_by_serial(judged.reading).items():
        yield "device_data_age_seconds", (serial,), age


ELECTRICAL_NAMES = {
    "volts": "voltage_volts",
    "hertz": "frequency_hertz",
    "amperes": "current_amperes",
    "watts": "power_watts",
}


def _electrical(judged: Judged) -> Iterator[tuple[str, tuple[object, ...], object]]:
    found = judged.electrical
    for prefix, table in (("inverter", found.inverters), ("line", found.lines), ("ct", found.transformers)):
        for labels, values in table.items():
            for unit, value in values.items():
                yield f"{prefix}_{ELECTRICAL_NAMES[unit]}", labels, value
    for string in judged.strings.values():
        yield "string_power_watts", (string.name,), string.watts.value
        yield "string_voltage_volts", (string.name,), string.volts.value
        yield "string_current_amperes", (string.name,), string.amperes.value
        yield "string_weak", (string.name,), string.weak.value
        yield "string_connected", (string.name,), string.connected
    for meter in found.remote_meters:
        channel = (meter.din, meter.channel)
        yield "remote_meter_power_watts", channel, meter.watts
        yield "remote_meter_current_amperes", channel, meter.amperes
        yield "remote_meter_voltage_volts", channel, meter.volts
        yield "remote_meter_imported_joules_total", channel, meter.imported_joules
        yield "remote_meter_exported_joules_total", channel, meter.exported_joules


_TEXTS = {family.name: family_text(family.name, family.kind, family.labels, family.help) for family in FAMILIES}
_AGE = "powerwall_reading_age_seconds"


def write(site: SiteView, self_metrics: SelfMetrics) -> Written:
    """Write the samples of every family that has one, in the order of the table, each set of labels once."""
    found: dict[str, list[str]] = {name: [] for name in _TEXTS}
    for view in site.gateways:
        for name, lines in view.once(write, partial(_written, view)).items():
            found[name].append(lines)
        if view.reading is not None:
            age = max(0.0, site.now - view.reading.timestamp)
            found[_AGE].append(_TEXTS[_AGE].lines({(view.gateway.id,): age}))
    for name, lines in _lines(_server(site, self_metrics)).items():
        found[name].append(lines)
    return [(text, "".join(found[name])) for name, text in _TEXTS.items() if found[name]]


def _written(view: View) -> dict[str, str]:
    return _lines(_gateway(view))


def _lines(samples: Iterable[Sample]) -> dict[str, str]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for name, labels, value in samples:
        # The same labels twice would make the whole scrape fail.
        found.setdefault(name, {}).setdefault(labels, value)
    return {name: _TEXTS[name].lines(values) for name, values in found.items()}


def render(site: SiteView, self_metrics: SelfMetrics | None = None, *, openmetrics: bool = False) -> str:
    """Return the document as text, in format 0.0.4 or OpenMetrics 1.0.0.

    ``self_metrics`` maps names of SELF_FAMILIES to a number, or to ``{label values: number}``; others are ignored.
    """
    written = write(site, self_metrics or {})
    return openmetrics_of(written) if openmetrics else text_of(written)


NOT_YET = detail(503, "Nothing has been measured yet")
EXAMPLE = """\
# HELP powerwall_up 1 when the last poll of the gateway succeeded, else 0.
# TYPE powerwall_up gauge
powerwall_up{gateway="home"} 1.0
# HELP powerwall_grid_power_watts Power at the grid meter, import positive (site.instant_power).
# TYPE powerwall_grid_power_watts gauge
powerwall_grid_power_watts{gateway="home"} -2100.0
"""


def _page(site: SiteView, form: Callable[[Written], str]) -> str | ErrorAnswer:
    measured = site.self_metrics
    return NOT_YET if measured is None else form(site.once(write, lambda: write(site, measured)))


def text_page(site: SiteView) -> str | ErrorAnswer:
    """Write ``/metrics`` in format 0.0.4; 503 while no poller has measured anything."""
    return _page(site, text_of)


def openmetrics_page(site: SiteView) -> str | ErrorAnswer:
    """Write ``/metrics`` as OpenMetrics 1.0.0; 503 while no poller has measured anything."""
    return _page(site, openmetrics_of)


MOST_ACCEPTED = 64  # how many media types of an Accept header are examined
WEIGHT = re.compile(r"0(?:\.[0-9]{0,9})?|1(?:\.0{0,9})?", re.ASCII)


def wants_openmetrics(accept: str) -> bool:
    """Return whether an ``Accept`` header asks for OpenMetrics 1.0.0 at least as much as for plain text."""
    best = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.lower().split(",", MOST_ACCEPTED)[:MOST_ACCEPTED]:
        kind, *parameters = (item.strip() for item in part.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        if kind == "application/openmetrics-text" and values.get("version", "1.0.0") != "1.0.0":
            continue
        if kind in best:
            weight = values.get("q", "1")
            best[kind] = max(best[kind], float(weight) if WEIGHT.fullmatch(weight) else 0.0)
    return best["application/openmetrics-text"] > 0 and best["application/openmetrics-text"] >= best["text/plain"]
