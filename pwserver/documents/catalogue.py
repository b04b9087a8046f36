"""THE table of documents. Routing, snapshots, OpenAPI, tests and benchmarks are driven by it.

Adding an endpoint is adding a row here and a pure function in the module of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from pwserver.documents import (
    control_reads,
    csv_lines,
    devices,
    gateways,
    house,
    influx,
    meters,
    origins,
    prometheus,
    pw,
    shapes,
    site,
    site_shapes,
    status,
    tedapi,
    tesla,
)
from pwserver.documents.document import JSON, TEXT, Document, Scope, raw_gate
from pwserver.documents.merge import VIRTUAL_ID
from pwserver.documents.schema import ANY, STRING, Schema, array
from pwserver.reading import Reading
from pwserver.state.view import View

_NO_GATEWAYS = {503: "no gateway is configured"}
_OFFLINE = {503: "the gateway is away, or has nothing for this path"}
_ALWAYS: dict[int, str] = {}
_NOT_YET = {503: "nothing has been measured yet, or the poller is gone"}

ORIGINS = "#origins"  # of the numbers of the site document

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
    # Below a gateway's prefix every /api path follows the raw rule instead, see _raw_documents.
    return Document(
        target, render, "tesla", summary, schema, aliases=aliases, errors=_NO_GATEWAYS, prefixed=False, has=has
    )


def _constant(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "tesla", summary, schema, needs_gateway=False, prefixed=False)


def _raw(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "raw", summary, schema, errors=_NO_GATEWAYS)


def _guide(target: str, render: _Render, summary: str, *aliases: str) -> Document:
    return Document(target, render, "raw", summary, shapes.USAGE, aliases=aliases, needs_gateway=False)


def _control(target: str, render: _Render, schema: Schema, summary: str) -> Document:
    return Document(target, render, "control", summary, schema, needs_gateway=False)


def _site(target: str, render: Callable[..., Any], schema: Schema, summary: str, *aliases: str) -> Document:
    family = "gateways" if target.startswith("/api/gateways") else "aggregate"
    return Document(target, render, family, summary, schema, scope=Scope.SITE, aliases=aliases, errors=_ALWAYS)


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
    _core("/aggregates", meters.aggregates, shapes.AGGREGATES, "The four meters", "/pw/aggregates"),
    _core("/soe", meters.soe, shapes.SOE, "State of energy, raw scale"),
    _core("/vitals", devices.vitals, shapes.VITALS, "All devices", "/pw/vitals"),
    _core("/strings", devices.strings, shapes.STRINGS, "Solar strings"),
    _core("/freq", devices.freq, shapes.FREQ, "Frequency, voltage and power of every unit; grid status"),
    _core("/pod", devices.pod, shapes.POD, "Battery state of every unit"),
    _core("/json", meters.summary, shapes.SUMMARY, "The most wanted numbers in one object"),
    _core("/battery", meters.battery, shapes.BATTERY, "Battery power"),
    _core("/temps", devices.temps, shapes.TEMPS, "Temperatures by device", "/pw/temps"),
    _core("/temps/pw", devices.temps_numbered, shapes.TEMPS_NUMBERED, "Temperatures by unit number"),
    _core("/alerts", devices.alerts, shapes.ALERTS, "Active alerts, sorted"),
    _core("/alerts/pw", devices.alerts_numbered, shapes.ALERTS_NUMBERED, "Active alerts as numbers for recorders"),
    _core("/fans", devices.fans, shapes.FANS, "Fans by device"),
    _core("/fans/pw", devices.fans_numbered, shapes.FANS_NUMBERED, "Fans by number"),
    # --- csv
    _core("/csv", csv_lines.csv_v1, shapes.CSV, "Powers and level on one line", family="csv", text=True),
    _core("/csv?headers", csv_lines.csv_v1_headers, shapes.CSV, "The same with a header line", family="csv", text=True),
    _core("/csv/v2", csv_lines.csv_v2, shapes.CSV, "With grid status and reserve", family="csv", text=True),
    _core(
        "/csv/v2?headers", csv_lines.csv_v2_headers, shapes.CSV, "The same with a header line", family="csv", text=True
    ),
    # --- raw answers
    _guide("/tedapi", tedapi.usage, "What there is below /tedapi", "/tedapi/"),
    _raw("/tedapi/config", tedapi.config, shapes.ERROR_OR_OBJECT, "Gateway configuration"),
    _raw("/tedapi/status", tedapi.status, shapes.ERROR_OR_OBJECT, "Gateway status"),
    _raw("/tedapi/components", tedapi.components, shapes.ERROR_OR_OBJECT, "Components"),
    _raw("/tedapi/battery", tedapi.battery, shapes.ERROR_OR_LIST, "Battery blocks"),
    _raw("/tedapi/controller", tedapi.controller, shapes.ERROR_OR_OBJECT, "Device controller"),
    _guide("/cloud", tedapi.cloud_usage, "What there is below /cloud"),
    _raw("/cloud/battery", tedapi.cloud_battery, ANY, "Battery as the Tesla cloud gives it"),
    _raw("/cloud/power", tedapi.cloud_power, ANY, "Power as the Tesla cloud gives it"),
    _raw("/cloud/config", tedapi.cloud_config, ANY, "Site configuration as the Tesla cloud gives it"),
    _guide("/fleetapi", tedapi.fleet_usage, "What there is below /fleetapi"),
    _raw("/fleetapi/info", tedapi.fleet_info, ANY, "Site information as FleetAPI gives it"),
    _raw("/fleetapi/status", tedapi.fleet_status, ANY, "Live status as FleetAPI gives it"),
    # --- the gateway's own web API
    _api("/api/meters/aggregates", meters.aggregates, shapes.AGGREGATES, "The four meters"),
    _api("/api/meters", tesla.meters, shapes.OBJECTS, "Meters", has=lambda r: r.meters is not None),
    _api("/api/meters/site", tesla.meters_site, shapes.OBJECTS, "Site meters", has=lambda r: r.meters_site is not None),
    _api("/api/meters/solar", tesla.meters_solar, shapes.OBJECTS, "Solar meters"),
    _constant("/api/meters/readings", tesla.empty_object, shapes.OBJECT, "Meter readings; always empty"),
    _api(
        "/api/system_status",
        tesla.system_status,
        shapes.SYSTEM_STATUS,
        "Batteries and limits",
        "/pw/system_status",
        has=lambda r: r.system_status is not None,
    ),
    _api(
        "/api/system_status/soe",
        meters.soe_app,
        shapes.SOE_APP,
        "State of energy, app scale",
        has=lambda r: r.soe_raw is not None,
    ),
    _api(
        "/api/system_status/grid_status",
        tesla.grid_status,
        shapes.GRID_STATUS_DETAIL,
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
        shapes.OPERATION,
        "Mode, reserve (raw scale) and grid settings",
        has=lambda r: r.operation is not None or r.mode is not None,
    ),
    _api(
        "/api/status",
        tesla.status,
        shapes.STATUS,
        "Identity and firmware",
        "/pw/status",
        has=lambda r: r.status is not None,
    ),
    _api("/api/site_info", tesla.site_info, shapes.SITE_INFO, "Site", has=lambda r: r.site_info is not None),
    _api("/api/site_info/site_name", tesla.site_name, shapes.SITE_NAME_ZONE, "Name and time zone"),
    _constant("/api/site_info/grid_codes", tesla.empty_list, array(ANY), "Grid codes; always empty"),
    _api("/api/sitemaster", tesla.sitemaster, shapes.SITEMASTER, "Whether the site controller runs"),
    _api(
        "/api/powerwalls",
        tesla.powerwalls,
        shapes.OBJECT,
        "Powerwalls; sample data in some modes",
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
        shapes.UPDATE_STATUS,
        "Firmware update; times are the server's",
    ),
    _constant("/api/customer", tesla.customer, shapes.CUSTOMER, "Fixed answer"),
    _constant("/api/customer/registration", tesla.registration, shapes.REGISTRATION, "Fixed answer"),
    _constant("/api/installer", tesla.installer, shapes.INSTALLER, "Fixed answer"),
    _api("/api/solars", tesla.solars, shapes.OBJECTS, "Solar inverters", has=lambda r: r.solars is not None),
    _constant("/api/solars/brands", tesla.brands, array(STRING), "Fixed answer"),
    _api(
        "/api/solar_powerwall",
        tesla.solar_powerwall,
        shapes.OBJECT,
        "Solar inverter of a Powerwall+",
        has=lambda r: r.solar_powerwall is not None,
    ),
    _constant("/api/synchrometer/ct_voltage_references", tesla.ct_references, shapes.CT_REFERENCES, "Fixed answer"),
    _constant("/api/troubleshooting/problems", tesla.problems, shapes.PROBLEMS, "Fixed answer"),
    _constant("/api/auth/toggle/supported", tesla.toggle_auth, shapes.TOGGLE_AUTH, "Fixed answer"),
    Document(
        "/api/tesla/tariff_rate",
        tesla.tariff_rate,
        "tesla",
        "Tariff, from a Tesla cloud connection",
        shapes.TARIFF,
        errors={502: "Tesla refused", 503: "no cloud connection, no tariff yet, or no gateway"},
        prefixed=False,
    ),
    # --- /pw
    _pw("/pw/level", pw.level, shapes.LEVEL, "State of energy, raw scale"),
    _pw("/pw/power", pw.power, shapes.POWER, "The four powers"),
    _pw("/pw/site", pw.site, shapes.METER, "Site meter", "/pw/grid"),
    _pw("/pw/solar", pw.solar, shapes.METER, "Solar meter"),
    _pw("/pw/battery", pw.battery, shapes.METER, "Battery meter"),
    _pw("/pw/load", pw.load, shapes.METER, "Load meter", "/pw/home"),
    _pw("/pw/battery_blocks", devices.battery_blocks, shapes.BLOCKS, "Battery blocks by serial number"),
    _pw("/pw/strings", devices.string_details, shapes.STRING_DETAILS, "Solar strings, verbose"),
    _pw("/pw/din", pw.din, shapes.DIN, "Device identification number"),
    _pw("/pw/uptime", pw.uptime, shapes.UPTIME, "Uptime of the gateway"),
    _pw("/pw/version", pw.version, shapes.VERSION_WORD, "Firmware version, never null"),
    _pw("/pw/site_name", pw.site_name, shapes.SITE_NAME, "Site name"),
    _pw("/pw/alerts", pw.alerts, shapes.ALERT_LIST, "Active alerts"),
    _pw("/pw/is_connected", pw.is_connected, shapes.IS_CONNECTED, "Whether the last poll succeeded"),
    _pw("/pw/get_reserve", pw.get_reserve, shapes.RESERVE, "Backup reserve, app scale"),
    _pw("/pw/get_mode", pw.get_mode, shapes.MODE, "Operating mode"),
    _pw("/pw/get_time_remaining", pw.get_time_remaining, shapes.TIME_REMAINING, "Hours of backup left"),
    # --- server and control reads
    _core("/version", status.version, shapes.VERSION, "Firmware version", family="server"),
    _control("/control/status", control_reads.status, shapes.CONTROL_STATUS, "What control is possible"),
    _control("/control/reserve", control_reads.reserve, shapes.CONTROL_RESERVE, "Backup reserve, app scale"),
    _control("/control/mode", control_reads.mode, shapes.CONTROL_MODE, "Operating mode"),
    _control("/control/grid_charging", control_reads.grid_charging, shapes.CONTROL_CHARGING, "Charging from the grid"),
    _control("/control/grid_export", control_reads.grid_export, shapes.CONTROL_EXPORT, "Exporting to the grid"),
    _control("/control/max_backup", control_reads.max_backup, shapes.MAX_BACKUP, "Backup events, v1r only"),
    # --- one gateway as a whole
    Document("", gateways.gateway_status, "gateways", "Everything about one gateway", shapes.GATEWAY, unprefixed=False),
    Document(
        "/api/site/{id}",
        house.house,
        "site",
        "One gateway as a page draws it: figures, units, strings, alerts, what can be set, how the connection is",
        site_shapes.SITE_HOUSE,
        errors={404: "there is no such gateway"},
        needs_gateway=False,
        prefixed=False,
        unprefixed=False,
        by_id=True,
        expired=house.house_without_poller,
    ),
    # Where its numbers come from: a worker answers /api/explain with this and the document of the same snapshot.
    Document(ORIGINS, origins.house_origins, "site", "Origins", ANY, prefixed=False, unprefixed=False, internal=True),
    # --- all gateways
    Document(
        "/api/site",
        house.overview,
        "site",
        "Every configured gateway and the sum of all, as a page draws them",
        site_shapes.SITE_OVERVIEW,
        scope=Scope.SITE,
        errors=_ALWAYS,
        expired=house.overview_without_poller,
    ),
    _site("/api/gateways/", gateways.all_gateways, shapes.GATEWAYS, "Everything about every gateway", "/api/gateways"),
    _site("/api/aggregate/", site.overview, shapes.AGGREGATE, "Sums over all gateways", "/api/aggregate"),
    _site("/api/aggregate/power", site.power, shapes.AGGREGATE_POWER, "Powers of all gateways together"),
    _site("/api/aggregate/soe", site.soe, shapes.AGGREGATE_SOE, "State of energy of all batteries together"),
    _site("/api/aggregate/battery", site.battery, shapes.AGGREGATE_BATTERY, "All batteries together"),
    _site("/api/aggregate/strings", site.strings, shapes.BY_GATEWAY, "Strings by gateway"),
    _site("/api/aggregate/alerts", site.alerts, shapes.ALERTS_BY_GATEWAY, "Alerts by gateway"),
    _site("/api/aggregate/vitals", site.vitals, shapes.BY_GATEWAY, "Devices by gateway"),
    _site("/api/aggregate/status", site.status, shapes.AGGREGATE_STATUS, "Connections of all gateways"),
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
    Document(ORIGINS, origins.site_origins, "site", "Origins", ANY, scope=Scope.SITE, internal=True),
    # The facts workers need for /stats and /health; a worker reads them from the snapshot like any document.
    Document("#facts", status.site_facts, "server", "Facts", ANY, scope=Scope.SITE, internal=True),
    # --- made by a worker
    _worker("/stats", status.stats, shapes.STATS, "Counters, configuration, connections"),
    _worker("/health", status.health, shapes.HEALTH, "Health; always 200"),
    _worker("/api/mqtt/status", status.mqtt_status, shapes.MQTT_STATUS, "MQTT connection"),
)


def _raw_documents() -> list[Document]:
    """``/api/gateways/{id}/api/*``: the same bodies, but 503 while the gateway is away."""
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
    """Names outside /api of documents inside it (``/pw/status``) keep their ordinary rule below a gateway's prefix
    too.
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


# Plain target -> index into SITE_DOCUMENTS of its other form, and which Accept header asks for that.
FORMS: Mapping[str, tuple[int, Callable[[str], bool]]] = {
    row.target.partition("#")[0]: (index, row.chosen_by)
    for index, row in enumerate(SITE_DOCUMENTS)
    if row.chosen_by is not None
}


def gateway_prefix(gateway_id: str) -> str:
    return "/api/gateways/" + quote(gateway_id, safe="")


def gateway_targets(gateway_id: str, default: bool) -> dict[str, int]:
    """Request target -> index into ``render_gateway``'s list. ``default``: this gateway also answers the unprefixed
    ones.
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
    """Request target -> index into ``render_site``'s list."""
    return {target: index for index, row in enumerate(SITE_DOCUMENTS) if not row.internal for target in row.targets}
