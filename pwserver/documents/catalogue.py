"""List all documents in one table, from which routing, snapshots, OpenAPI, tests and benchmarks follow.

A new endpoint is a row here and a pure function in the module of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from pwserver.documents import (
    aggregate_documents,
    checks,
    control_reads,
    csv_lines,
    devices,
    explanations,
    gateway_status,
    houses,
    influx,
    meters,
    prometheus,
    pw,
    schemas,
    site_documents,
    site_schemas,
    status,
    tedapi,
    tesla,
    tesla_meters,
    tesla_status,
)
from pwserver.documents.document import JSON, TEXT, Document, Scope, raw_gate
from pwserver.documents.json_schema import ANY, STRING, Schema, array
from pwserver.documents.virtual_gateway import VIRTUAL_ID
from pwserver.reading import Reading
from pwserver.state.view import View

_NO_GATEWAYS = {503: "no gateway is configured"}
_OFFLINE = {503: "the gateway is away, or has nothing for this path"}
_ALWAYS: dict[int, str] = {}
_NOT_YET = {503: "nothing has been measured yet, or the poller is gone"}

PROVENANCE = "#provenance"  # target of the origins of the site document's numbers, for workers only

_Render = Callable[[View], Any]
_Has = Callable[[Reading], Any]


def _core(
    target: str, render: _Render, schema: Schema, summary: str, *aliases: str, family: str = "core", text: bool = False
) -> Document:
    media = TEXT if text else JSON
    return Document(target, render, family, summary, schema, media_type=media, aliases=aliases, errors=_NO_GATEWAYS)


def _pw(target: str, render: _Render, schema: Schema, summary: str, *aliases: str) -> Document:
    return Document(target, render, "pw", summary, schema, aliases=aliases, errors=_NO_GATEWAYS)


def _api(
    target: str, render: _Render, schema: Schema, summary: str, *aliases: str, has: _Has | None = None
) -> Document:
    # Below a gateway's prefix, every /api path follows the rule of ``_raw_documents`` instead.
    return Document(
        target, render, "tesla", summary, schema, aliases=aliases, errors=_NO_GATEWAYS, prefixed=False, has=has
    )


def _constant(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "tesla", summary, schema, needs_gateway=False, prefixed=False)


def _raw(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "raw", summary, schema, errors=_NO_GATEWAYS)


def _guide(target: str, render: _Render, summary: str, *aliases: str) -> Document:
    return Document(target, render, "raw", summary, schemas.USAGE, aliases=aliases, needs_gateway=False)


def _control(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "control", summary, schema, needs_gateway=False)


def _site(target: str, render: Callable[..., Any], schema: Schema, summary: str, *aliases: str) -> Document:
    family = "gateways" if target.startswith("/api/gateways") else "aggregate"
    return Document(target, render, family, summary, schema, scope=Scope.SITE, aliases=aliases, errors=_ALWAYS)


def _house(
    target: str, render: Callable[..., Any], expired: Callable[..., Any], schema: Schema, summary: str
) -> Document:
    """Describe what is told of a gateway in every state: before its first reading and without the poller, too."""
    return Document(
        target,
        render,
        "site",
        summary,
        schema,
        errors={404: "there is no such gateway"},
        needs_gateway=False,
        prefixed=False,
        unprefixed=False,
        by_id=True,
        expired=expired,
    )


def _houses(
    target: str, render: Callable[..., Any], expired: Callable[..., Any], schema: Schema, summary: str
) -> Document:
    """Describe what is told of all gateways, in every state."""
    return Document(target, render, "site", summary, schema, scope=Scope.SITE, errors=_ALWAYS, expired=expired)


def _page(
    target: str, render: Callable[..., Any], media_type: str, summary: str, example: str | None = None
) -> Document:
    return Document(
        target,
        render,
        "server",
        summary,
        STRING,
        scope=Scope.SITE,
        media_type=media_type,
        errors=_ALWAYS if example is None else _NOT_YET,
        example=example,
    )


def _worker(target: str, render: Callable[..., Any], schema: Schema, summary: str) -> Document:
    return Document(target, render, "server", summary, schema, scope=Scope.WORKER)


_ROWS: tuple[Document, ...] = (
    # --- core
    _core("/aggregates", meters.aggregates, schemas.AGGREGATES, "The four meters", "/pw/aggregates"),
    _core("/soe", meters.soe, schemas.SOE, "State of energy, raw scale"),
    _core("/vitals", devices.vitals, schemas.VITALS, "All devices", "/pw/vitals"),
    _core("/strings", devices.strings, schemas.STRINGS, "Solar strings"),
    _core("/freq", devices.freq, schemas.FREQ, "Frequency, voltage and power of every unit; grid status"),
    _core("/pod", devices.pod, schemas.POD, "Battery state of every unit"),
    _core("/json", meters.summary, schemas.SUMMARY, "The most wanted numbers in one object"),
    _core("/battery", meters.battery, schemas.BATTERY, "Battery power"),
    _core("/temps", devices.temps, schemas.TEMPS, "Temperatures by device", "/pw/temps"),
    _core("/temps/pw", devices.temps_numbered, schemas.TEMPS_NUMBERED, "Temperatures by unit number"),
    _core("/alerts", devices.alerts, schemas.ALERTS, "Active alerts, sorted"),
    _core(
        "/alerts/pw",
        devices.alerts_numbered,
        schemas.ALERTS_NUMBERED,
        "Active alerts as numbers for recorders",
    ),
    _core("/fans", devices.fans, schemas.FANS, "Fans by device"),
    _core("/fans/pw", devices.fans_numbered, schemas.FANS_NUMBERED, "Fans by number"),
    # --- csv
    _core("/csv", csv_lines.csv_v1, schemas.CSV, "Powers and level on one line", family="csv", text=True),
    _core(
        "/csv?headers",
        csv_lines.csv_v1_headers,
        schemas.CSV,
        "The same with a header line",
        family="csv",
        text=True,
    ),
    _core("/csv/v2", csv_lines.csv_v2, schemas.CSV, "With grid status and reserve", family="csv", text=True),
    _core(
        "/csv/v2?headers",
        csv_lines.csv_v2_headers,
        schemas.CSV,
        "The same with a header line",
        family="csv",
        text=True,
    ),
    # --- raw answers
    _guide("/tedapi", tedapi.usage, "What there is below /tedapi", "/tedapi/"),
    _raw("/tedapi/config", tedapi.config, schemas.ERROR_OR_OBJECT, "Gateway configuration"),
    _raw("/tedapi/status", tedapi.status, schemas.ERROR_OR_OBJECT, "Gateway status"),
    _raw("/tedapi/components", tedapi.components, schemas.ERROR_OR_OBJECT, "Components"),
    _raw("/tedapi/battery", tedapi.battery, schemas.ERROR_OR_LIST, "Battery blocks"),
    _raw("/tedapi/controller", tedapi.controller, schemas.ERROR_OR_OBJECT, "Device controller"),
    _guide("/cloud", tedapi.cloud_usage, "What there is below /cloud"),
    _raw("/cloud/battery", tedapi.cloud_battery, ANY, "Battery as the Tesla cloud gives it"),
    _raw("/cloud/power", tedapi.cloud_power, ANY, "Power as the Tesla cloud gives it"),
    _raw("/cloud/config", tedapi.cloud_config, ANY, "Site configuration as the Tesla cloud gives it"),
    _guide("/fleetapi", tedapi.fleet_usage, "What there is below /fleetapi"),
    _raw("/fleetapi/info", tedapi.fleet_info, ANY, "Site information as FleetAPI gives it"),
    _raw("/fleetapi/status", tedapi.fleet_status, ANY, "Live status as FleetAPI gives it"),
    # --- the gateway's own web API
    _api("/api/meters/aggregates", tesla_meters.aggregates, schemas.AGGREGATES, "The four meters"),
    _api("/api/meters", tesla_meters.meters, schemas.OBJECTS, "Meters", has=lambda r: r.meters is not None),
    _api(
        "/api/meters/site",
        tesla_meters.meters_site,
        schemas.OBJECTS,
        "Site meters",
        has=lambda r: r.meters_site is not None,
    ),
    _api("/api/meters/solar", tesla_meters.meters_solar, schemas.OBJECTS, "Solar meters"),
    _constant("/api/meters/readings", tesla.empty_object, schemas.OBJECT, "Meter readings; always empty"),
    _api(
        "/api/system_status",
        tesla_status.system_status,
        schemas.SYSTEM_STATUS,
        "Batteries and limits",
        "/pw/system_status",
        has=lambda r: r.system_status is not None,
    ),
    _api(
        "/api/system_status/soe",
        meters.soe_app,
        schemas.SOE_APP,
        "State of energy, app scale",
        has=lambda r: r.soe_raw is not None,
    ),
    _api(
        "/api/system_status/grid_status",
        tesla_status.grid_status,
        schemas.GRID_STATUS_DETAIL,
        "Grid status in the gateway's words",
        "/pw/grid_status",
        has=lambda r: r.grid_status_detail is not None or r.grid_status is not None,
    ),
    Document(
        "/api/system_status/grid_faults",
        tesla.grid_faults,
        "tesla",
        "Grid faults",
        array(ANY),
        needs_gateway=False,
        prefixed=False,
    ),
    _api(
        "/api/operation",
        tesla.operation,
        schemas.OPERATION,
        "Mode, reserve (raw scale) and grid settings",
        has=lambda r: r.operation is not None or r.mode is not None,
    ),
    _api(
        "/api/status",
        tesla_status.status,
        schemas.STATUS,
        "Identity and firmware",
        "/pw/status",
        has=lambda r: r.status is not None,
    ),
    _api("/api/config", tesla_status.config, schemas.CONFIG_VIN, "Identification number of the gateway"),
    _api("/api/site_info", tesla.site_info, schemas.SITE_INFO, "Site", has=lambda r: r.site_info is not None),
    _api("/api/site_info/site_name", tesla.site_name, schemas.SITE_NAME_ZONE, "Name and time zone"),
    _constant("/api/site_info/grid_codes", tesla.empty_list, array(ANY), "Grid codes; always empty"),
    _api("/api/sitemaster", tesla.sitemaster, schemas.SITEMASTER, "Whether the site controller runs"),
    _api(
        "/api/powerwalls",
        tesla_status.powerwalls,
        schemas.POWERWALLS,
        "Powerwalls with their serial numbers",
        has=lambda r: r.powerwalls is not None,
    ),
    _api(
        "/api/networks",
        tesla.networks,
        array(ANY),
        "Network interfaces",
        "/api/system/networks",
        has=lambda r: r.networks is not None,
    ),
    _api(
        "/api/system/update/status",
        tesla.update_status,
        schemas.UPDATE_STATUS,
        "Firmware update; times are the server's",
    ),
    _constant("/api/customer", tesla.customer, schemas.CUSTOMER, "Fixed answer"),
    _constant("/api/customer/registration", tesla.registration, schemas.REGISTRATION, "Fixed answer"),
    _constant("/api/installer", tesla.installer, schemas.INSTALLER, "Fixed answer"),
    _api("/api/solars", tesla_meters.solars, schemas.OBJECTS, "Solar inverters", has=lambda r: r.solars is not None),
    _constant("/api/solars/brands", tesla.brands, array(STRING), "Fixed answer"),
    _api(
        "/api/solar_powerwall",
        tesla.solar_powerwall,
        schemas.OBJECT,
        "Solar inverter of a Powerwall+",
        has=lambda r: r.solar_powerwall is not None,
    ),
    _constant("/api/synchrometer/ct_voltage_references", tesla.ct_references, schemas.CT_REFERENCES, "Fixed answer"),
    _constant("/api/troubleshooting/problems", tesla.problems, schemas.PROBLEMS, "Fixed answer"),
    _constant("/api/auth/toggle/supported", tesla.toggle_auth, schemas.TOGGLE_AUTH, "Fixed answer"),
    Document(
        "/api/tesla/tariff_rate",
        tesla.tariff_rate,
        "tesla",
        "Tariff, from a Tesla cloud connection",
        schemas.TARIFF,
        errors={502: "Tesla refused", 503: "no cloud connection, no tariff yet, or no gateway"},
        prefixed=False,
    ),
    # --- /pw
    _pw("/pw/level", pw.level, schemas.LEVEL, "State of energy, raw scale"),
    _pw("/pw/power", pw.power, schemas.POWER, "The four powers"),
    _pw("/pw/site", pw.site, schemas.METER, "Site meter", "/pw/grid"),
    _pw("/pw/solar", pw.solar, schemas.METER, "Solar meter"),
    _pw("/pw/battery", pw.battery, schemas.METER, "Battery meter"),
    _pw("/pw/load", pw.load, schemas.METER, "Load meter", "/pw/home"),
    _pw("/pw/battery_blocks", devices.battery_blocks, schemas.BLOCKS, "Battery blocks by serial number"),
    _pw("/pw/strings", devices.string_details, schemas.STRING_DETAILS, "Solar strings, verbose"),
    _pw("/pw/din", pw.din, schemas.DIN, "Device identification number"),
    _pw("/pw/uptime", pw.uptime, schemas.UPTIME, "Uptime of the gateway"),
    _pw("/pw/version", pw.version, schemas.VERSION_WORD, "Firmware version, never null"),
    _pw("/pw/site_name", pw.site_name, schemas.SITE_NAME, "Site name"),
    _pw("/pw/alerts", pw.alerts, schemas.ALERT_LIST, "Active alerts"),
    _pw("/pw/is_connected", pw.is_connected, schemas.IS_CONNECTED, "Whether the last poll succeeded"),
    _pw("/pw/get_reserve", pw.get_reserve, schemas.RESERVE, "Backup reserve, app scale"),
    _pw("/pw/get_mode", pw.get_mode, schemas.MODE, "Operating mode"),
    _pw("/pw/get_time_remaining", pw.get_time_remaining, schemas.TIME_REMAINING, "Hours of backup left"),
    # --- server and control reads
    _core("/version", status.version, schemas.VERSION, "Firmware version", family="server"),
    _control("/control/status", control_reads.status, schemas.CONTROL_STATUS, "What control is possible"),
    _control("/control/reserve", control_reads.reserve, schemas.CONTROL_RESERVE, "Backup reserve, app scale"),
    _control("/control/mode", control_reads.mode, schemas.CONTROL_MODE, "Operating mode"),
    _control(
        "/control/grid_charging",
        control_reads.grid_charging,
        schemas.CONTROL_CHARGING,
        "Charging from the grid",
    ),
    _control("/control/grid_export", control_reads.grid_export, schemas.CONTROL_EXPORT, "Exporting to the grid"),
    _control("/control/max_backup", control_reads.max_backup, schemas.MAX_BACKUP, "Backup events, v1r only"),
    # --- one gateway as a whole
    Document(
        "",
        gateway_status.written_status,
        "gateways",
        "Everything about one gateway",
        schemas.GATEWAY,
        unprefixed=False,
    ),
    _house(
        "/api/site/{id}",
        site_documents.gateway_document,
        site_documents.gateway_document_without_poller,
        site_schemas.SITE_HOUSE,
        "One gateway as a page draws it: figures, units, strings, alerts, what can be set, how the connection is",
    ),
    _house(
        "/api/checks/{id}",
        checks.gateway_checks,
        checks.gateway_checks_without_poller,
        checks.HOUSE_CHECKS,
        "Seven-day checks of one gateway: each with its mark, its likely cause and what helps",
    ),
    # The origins of its numbers: a worker answers /api/explain with this and the document of the same snapshot.
    Document(
        PROVENANCE,
        explanations.gateway_provenance,
        "site",
        "Origins",
        ANY,
        prefixed=False,
        unprefixed=False,
        internal=True,
    ),
    # --- all gateways
    _houses(
        "/api/site",
        site_documents.site_document,
        site_documents.site_document_without_poller,
        site_schemas.SITE_OVERVIEW,
        "Every configured gateway and the sum of all, as a page draws them",
    ),
    _houses(
        "/api/houses",
        houses.houses,
        houses.houses_without_poller,
        houses.HOUSES,
        "One short row for every configured house, for a list of many",
    ),
    _houses(
        "/api/checks",
        checks.all_checks,
        checks.all_checks_without_poller,
        checks.ALL_CHECKS,
        "Seven-day checks of every configured gateway in short",
    ),
    _site(
        "/api/gateways/",
        gateway_status.all_gateways,
        schemas.GATEWAYS,
        "Everything about every gateway",
        "/api/gateways",
    ),
    _site(
        "/api/aggregate/",
        aggregate_documents.overview,
        schemas.AGGREGATE,
        "Sums over all gateways",
        "/api/aggregate",
    ),
    _site(
        "/api/aggregate/power",
        aggregate_documents.power,
        schemas.AGGREGATE_POWER,
        "Powers of all gateways together",
    ),
    _site(
        "/api/aggregate/soe",
        aggregate_documents.soe,
        schemas.AGGREGATE_SOE,
        "State of energy of all batteries together",
    ),
    _site(
        "/api/aggregate/battery",
        aggregate_documents.battery,
        schemas.AGGREGATE_BATTERY,
        "All batteries together",
    ),
    _site("/api/aggregate/strings", aggregate_documents.strings, schemas.BY_GATEWAY, "Strings by gateway"),
    _site("/api/aggregate/alerts", aggregate_documents.alerts, schemas.ALERTS_BY_GATEWAY, "Alerts by gateway"),
    _site("/api/aggregate/vitals", aggregate_documents.vitals, schemas.BY_GATEWAY, "Devices by gateway"),
    _site(
        "/api/aggregate/status",
        aggregate_documents.status,
        schemas.AGGREGATE_STATUS,
        "Connections of all gateways",
    ),
    # --- for databases: /metrics in two forms, chosen by the Accept header
    _page(
        "/metrics", prometheus.text_page, prometheus.TEXT_TYPE, "Everything as Prometheus metrics", prometheus.EXAMPLE
    ),
    Document(
        "/metrics#openmetrics",
        prometheus.openmetrics_page,
        "server",
        "Everything as OpenMetrics",
        STRING,
        scope=Scope.SITE,
        media_type=prometheus.OPENMETRICS_TYPE,
        errors=_NOT_YET,
        internal=True,
        chosen_by=prometheus.wants_openmetrics,
        example=prometheus.EXAMPLE,
    ),
    _page("/influx", influx.render, influx.MEDIA_TYPE, "Everything as InfluxDB line protocol"),
    Document(PROVENANCE, explanations.site_provenance, "site", "Origins", ANY, scope=Scope.SITE, internal=True),
    # The facts workers need for /stats and /health; a worker reads them from the snapshot like any document.
    Document("#facts", status.site_facts, "server", "Facts", ANY, scope=Scope.SITE, internal=True),
    # --- made by a worker
    _worker("/stats", status.stats, schemas.STATS, "Counters, configuration, connections"),
    _worker("/health", status.health, schemas.HEALTH, "Health; always 200"),
    _worker("/api/mqtt/status", status.mqtt_status, schemas.MQTT_STATUS, "MQTT connection"),
)


def _raw_documents() -> list[Document]:
    """Return the rows for ``/api/gateways/{id}/api/*``: the same bodies, but 503 while the gateway is away.

    The predecessors refuse these paths then, while the same paths without the prefix give an empty body.
    """
    rows: list[Document] = []
    for row in _ROWS:
        paths = tuple(target for target in row.targets if target.startswith("/api/") and not row.prefixed)
        if not paths or row.scope is not Scope.GATEWAY or row.by_id:
            continue
        rows.append(
            Document(
                paths[0],
                row.render,
                "gateways",
                row.summary,
                row.schema,
                aliases=paths[1:],
                errors={**row.errors, **_OFFLINE},
                gate=raw_gate(row.has),
                unprefixed=False,
            )
        )
    return rows


def _other_names() -> list[Document]:
    """Return the rows for names outside /api of documents inside it, such as ``/pw/status``.

    Below the prefix of a gateway, these follow the ordinary rule and not that of ``_raw_documents``.
    """
    rows: list[Document] = []
    for row in _ROWS:
        paths = tuple(target for target in row.targets if not target.startswith("/api/"))
        if row.prefixed or not paths or row.scope is not Scope.GATEWAY or row.internal:
            continue
        rows.append(
            Document(paths[0], row.render, row.family, row.summary, row.schema, aliases=paths[1:], unprefixed=False)
        )
    return rows


CATALOGUE: tuple[Document, ...] = (*_ROWS, *_raw_documents(), *_other_names())
GATEWAY_DOCUMENTS: tuple[Document, ...] = tuple(row for row in CATALOGUE if row.scope is Scope.GATEWAY)
SITE_DOCUMENTS: tuple[Document, ...] = tuple(row for row in CATALOGUE if row.scope is Scope.SITE)
WORKER_DOCUMENTS: tuple[Document, ...] = tuple(row for row in CATALOGUE if row.scope is Scope.WORKER)
FACTS_INDEX = next(index for index, row in enumerate(SITE_DOCUMENTS) if row.target == "#facts")


# Plain target -> index of its other form in SITE_DOCUMENTS, and the test whether an Accept header asks for that form.
FORMS: Mapping[str, tuple[int, Callable[[str], bool]]] = {
    row.target.partition("#")[0]: (index, row.chosen_by)
    for index, row in enumerate(SITE_DOCUMENTS)
    if row.chosen_by is not None
}


def gateway_prefix(gateway_id: str) -> str:
    """Return the prefix of all targets of one gateway."""
    return "/api/gateways/" + quote(gateway_id, safe="")


def gateway_targets(gateway_id: str, default: bool) -> dict[str, int]:
    """Return request target -> index in the list of ``render_gateway`` for one gateway.

    ``default``: this gateway also answers the targets without a prefix.
    """
    prefix = gateway_prefix(gateway_id)
    targets: dict[str, int] = {}
    for index, row in enumerate(GATEWAY_DOCUMENTS):
        for target in row.targets:
            if row.prefixed:
                targets[prefix + target] = index
            if default and row.unprefixed:
                targets[target] = index
            if row.by_id and gateway_id != VIRTUAL_ID:
                targets[target.replace("{id}", quote(gateway_id, safe=""))] = index
    return targets


def site_targets() -> dict[str, int]:
    """Return request target -> index in the list of ``render_site``."""
    return {target: index for index, row in enumerate(SITE_DOCUMENTS) if not row.internal for target in row.targets}
