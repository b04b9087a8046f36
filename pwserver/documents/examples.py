"""Render examples for the API pages from one small made-up site, so that no example can be wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from pwserver.documents.document import Document, Scope
from pwserver.documents.encode import to_json
from pwserver.documents.error_answer import ErrorAnswer
from pwserver.documents.status import LiveNumbers, site_facts
from pwserver.json_types import Json, JsonObject
from pwserver.modes import Reach
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import SiteView, View

_NOW = 1_750_000_000.0
_DIN = "1707000-11-J--TG0123456789AB"


def example_of(document: Document) -> Json:
    """Return an example of the body that a client gets: an object for JSON, or a str for text."""
    if document.example is not None:
        return document.example
    if document.scope is Scope.GATEWAY:
        body = document.render(_view())
    elif document.scope is Scope.SITE:
        body = document.render(_site())
    elif document.target == "/api/mqtt/status":
        body = document.render({"host": "broker.lan", "connected": True})
    else:
        live: LiveNumbers = {"now": _NOW, "gets": 1200, "posts": 1, "uri": {"/aggregates": 600}, "mem_kb": 31000}
        body = document.render(site_facts(_site()), live)
    return _decoded(body)


def _decoded(body: object) -> Json:
    """Return what a renderer gave as a client reads it."""
    shown = body.body if isinstance(body, ErrorAnswer) else body
    decoded: Json = shown if isinstance(shown, str) else json.loads(to_json(shown))
    return decoded


def _meter(watts: float, volts: float, exported: float, imported: float) -> JsonObject:
    return {
        "last_communication_time": "2025-06-15T15:06:39Z",
        "instant_power": watts,
        "instant_reactive_power": 0,
        "instant_apparent_power": 0,
        "frequency": 0,
        "energy_exported": exported,
        "energy_imported": imported,
        "instant_average_voltage": volts,
        "instant_average_current": watts / volts,
        "i_a_current": 0,
        "i_b_current": 0,
        "i_c_current": 0,
        "timeout": 1500000000,
        "num_meters_aggregated": 1,
        "instant_total_current": watts / volts,
    }


@cache
def _view() -> View:
    pod = {"POD_nom_energy_remaining": 10800, "POD_nom_full_pack_energy": 13500, "HVP_PackTempMax": 24.5}
    inverter = {"PINV_Fout": 60.01, "PINV_VSplit1": 121.2, "PINV_VSplit2": 121.0, "PINV_Pout": -3.5}
    fans = {"PCH_FanSpeed_A": 1200, "PCH_FanDuty_A": 33.0, "PCH_FanSpeed_B": 1180, "PCH_FanDuty_B": 33.0}
    serial = _DIN.rpartition("--")[2]
    block = {
        "Type": "",
        "PackagePartNumber": "1707000-11-J",
        "PackageSerialNumber": serial,
        "nominal_energy_remaining": 10800,
        "nominal_full_pack_energy": 13500,
        "p_out": -3.5,
        "v_out": 242.2,
        "f_out": 60.01,
    }
    string = {"Connected": True, "Current": 5.0, "Power": 1505.0, "State": "Pv_Active", "Voltage": 301.0}
    reading = Reading.partial(
        gateway_id="home",
        timestamp=_NOW - 2,
        aggregates={
            "site": _meter(-2100, 242.2, 687650, 887602),
            "battery": _meter(-3500, 242.2, 136540, 161080),
            "load": _meter(900, 242.2, 0, 1120094),
            "solar": _meter(6500, 242.2, 257720, 0),
        },
        vitals={
            f"TEPOD--{_DIN}": {"serialNumber": serial, "alerts": [], **pod},
            f"TEPINV--{_DIN}": {"serialNumber": serial, "alerts": [], **inverter, **fans},
            f"TESYNC--{_DIN}": {"serialNumber": serial, "ISLAND_FreqL1_Main": 60.0, "METER_X_VL1N": 121.2},
        },
        strings={"A": string},
        soe_raw=80.0,
        status={"din": _DIN, "version": "25.10.1 abcdef12", "up_time_seconds": "127h34m16.2s"},
        version="25.10.1 abcdef12",
        din=_DIN,
        uptime="127h34m16.2s",
        alerts=["SystemConnectedToGrid"],
        temps={f"TEPOD--{_DIN}": 24.5},
        site_name="Home",
        grid_status="UP",
        grid_status_detail={"grid_status": "SystemGridConnected", "grid_services_active": None},
        mode="self_consumption",
        reserve=20.0,
        operation={"real_mode": "self_consumption", "backup_reserve_percent": 24.0},
        time_remaining=12.0,
        grid_charging=False,
        grid_export="battery_ok",
        system_status={"nominal_full_pack_energy": 13500, "nominal_energy_remaining": 10800, "battery_blocks": [block]},
        fan_speeds={f"TEPINV--{_DIN}": fans},
        pw3=True,
        tedapi_mode="v1r",
        reach=Reach.V1R,
        tedapi_config={"vin": _DIN, "battery_blocks": [{"vin": _DIN, "type": "Powerwall3"}]},
        tedapi_status={"control": {}},
        tedapi_components={"components": []},
        tedapi_battery=[{"vin": _DIN, "type": "Powerwall3"}],
        tedapi_controller={"control": {}},
        tariff={"name": "Time of use", "currency": "USD"},
        backup_events={"manual_backup": None, "backup_events": []},
    )
    status = GatewayStatus(
        state="ok",
        online=True,
        last_updated=_NOW - 2,
        error=None,
        total_successes=720,
        connection_mode="TEDAPI v1r",
        tedapi_mode="v1r",
        mode="Local",
        fallback={},
    )
    who = GatewayIdentity(id="home", name="Home", host="192.168.91.1", rsa_key_configured=True, tedapi_expected=True)
    server = ServerFacts(
        version="1.0.0",
        library_version="0.22.2",
        started=_NOW - 3600,
        default_gateway="home",
        poll_interval_seconds=5,
        settings={"PW_HOST": "192.168.91.1", "PW_CACHE_EXPIRE": 5},
        control_enabled=True,
    )
    return View(who, status, reading, server, _NOW)


@cache
def _site() -> SiteView:
    view = _view()
    return SiteView([view], view.server, _NOW)


def none_of(document: Document) -> Json:
    """Return the body of a gateway's document without data: never connected, or the data have expired."""
    view = _view()
    status = replace(view.status, online=False, state="backing-off", error="No route to host", total_failures=1)
    nothing = replace(view, reading=None, status=status)
    refusal = document.gate(nothing) if document.gate is not None else None
    body = document.render(nothing) if refusal is None else refusal
    return _decoded(body)
