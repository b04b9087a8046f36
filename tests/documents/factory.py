"""Views and sites made from the recorded answers of the predecessors, for any test that needs real-looking data.

recorded("pypowerwall-server-0.13.0")     path -> {"status", "content_type", "body"}
recorded_view() / recorded_view("local-mode/pypowerwall-server-0.13.0")
recorded_site("multi-gateway/pypowerwall-server-0.13.0")
powerwall3_view(units=3)                  a made-up Powerwall 3 site with everything a reading can hold
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from pwserver.modes import Reach, reach_named
from pwserver.reading import Capability, GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import SiteView, View

RECORDED = Path(__file__).parent / "recorded"
SERVER = "pypowerwall-server-0.13.0"
PROXY = "pypowerwall-proxy-t97"
NOW = 1_795_339_243.0

_FIELDS = {field.name for field in fields(Reading)}


@cache
def recorded(name: str) -> dict[str, Any]:
    """One recording by its file name without ``.json``. Shared: do not change it."""
    loaded: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return loaded


def body(recording: str, path: str) -> Any:
    """The recorded body of a path, None when there is none."""
    return recorded(recording).get(path, {}).get("body")


def server_facts(recording: str = SERVER, **changes: Any) -> ServerFacts:
    """Facts like those of the recorded server; control on, as there."""
    facts = ServerFacts(
        version="0.13.0",
        library_version="0.22.2",
        started=1_795_336_469.0,
        default_gateway=None,
        poll_interval_seconds=5,
        settings=dict(body(recording, "/stats")["config"]),
        control_enabled=True,
        login_file_set=True,
    )
    return replace(facts, **changes)


def identity(found: Mapping[str, Any]) -> GatewayIdentity:
    """The ``gateway`` member of a GatewayStatus as an identity."""
    names = {field.name for field in fields(GatewayIdentity)}
    return GatewayIdentity(**{key: value for key, value in found.items() if key in names})


def reading(gateway_id: str, data: Mapping[str, Any], **more: Any) -> Reading:
    """The ``data`` member of a GatewayStatus as a reading; ``more``: fields the list of gateways does not show."""
    known = {key: value for key, value in data.items() if key in _FIELDS}
    reach = reach_named(data.get("connection_mode"), data.get("tedapi_mode"))
    return Reading.partial(**{"gateway_id": gateway_id, "reach": reach, **known, **more})


def status_of(found: Mapping[str, Any], counts: Mapping[str, Any] | None = None) -> GatewayStatus:
    """The state of a connection as a GatewayStatus body, and its entry in /stats, tell it."""
    online, data, counts = found["online"], found["data"], counts or {}
    connecting = found["error"] == "Initializing..."
    fallback = found["gateway"]["tedapi_expected"]
    failures = counts.get("consecutive_failures", 0 if online or connecting else 1)
    return GatewayStatus(
        state="ok" if online else ("connecting" if connecting else "backing-off"),
        online=online,
        stale=not online and data is not None,
        last_updated=data["timestamp"] if data else None,
        error=found["error"],
        consecutive_failures=failures,
        total_failures=failures,
        backoff_seconds=counts.get("backoff_seconds", 0),
        cloud_control=counts.get("cloud_control"),
        total_successes=1 if data else 0,
        connection_mode=data["connection_mode"] if data else None,
        tedapi_mode=data["tedapi_mode"] if data else None,
        mode="Local",
        fallback={} if fallback else None,
        capabilities={"vitals": Capability(data["timestamp"], 0, True)} if data else {},
    )


def view_of(
    found: Mapping[str, Any],
    server: ServerFacts | None = None,
    now: float = NOW,
    counts: Mapping[str, Any] | None = None,
    **more: Any,
) -> View:
    """A GatewayStatus body (``/api/gateways/{id}``) as a View."""
    who = identity(found["gateway"])
    data = found["data"]
    server = server or server_facts()
    return View(who, status_of(found, counts), reading(who.id, data, **more) if data else None, server, now)


def recorded_view(name: str = SERVER, gateway_id: str = "default", **facts: Any) -> View:
    """One recorded gateway, with the raw answers of its transport where they were recorded."""
    more: dict[str, Any] = {}
    for part in ("status", "components", "battery", "controller"):
        answer = body(name, f"/tedapi/{part}")
        if answer and "error" not in answer:
            more[f"tedapi_{part}"] = answer
    operation = recorded(name).get(f"/api/gateways/{gateway_id}/api/operation", {})
    if operation.get("status") == 200:
        more["operation"] = operation["body"]
    if body(name, "/api/meters/site"):
        more["meters_site"] = body(name, "/api/meters/site")
    found = body(name, f"/api/gateways/{gateway_id}") or body(name, "/api/gateways/")[gateway_id]
    proxy = recorded(name.replace(SERVER, PROXY)) if name.startswith("local-mode") else {}
    if "/api/solar_powerwall" in proxy:
        more["solar_powerwall"] = proxy["/api/solar_powerwall"]["body"]
    stats = body(name, "/stats")
    counts = {"cloud_control": stats["cloud_control"]}
    counts.update(next(entry for entry in stats["gateway_statuses"] if entry["id"] == gateway_id))
    now = body(name, "/api/aggregate/power")["timestamp"]
    return view_of(found, server_facts(name, default_gateway=gateway_id, **facts), now, counts, **more)


def recorded_site(name: str = SERVER, **facts: Any) -> SiteView:
    """All gateways of a recording, in its order."""
    found = body(name, "/api/gateways/")
    now = body(name, "/api/aggregate/power")["timestamp"]
    main = next(iter(found), None)
    server = server_facts(name, default_gateway=main, **facts)
    views = [replace(recorded_view(name, key), server=server, now=now) for key in found]
    return SiteView(views, server, now)


def site_of(*views: View) -> SiteView:
    """A site of these views; the first is the default gateway."""
    server = replace(views[0].server, default_gateway=views[0].gateway.id) if views else server_facts()
    return SiteView([replace(view, server=server) for view in views], server, views[0].now if views else NOW)


def without_reading(view: View, error: str = "Gateway did not answer") -> View:
    """The same gateway, never heard of or heard of too long ago."""
    status = replace(view.status, online=False, stale=False, error=error, cause="timeout", total_failures=3)
    return replace(view, reading=None, status=status)


def stale(view: View) -> View:
    """The same gateway after a failed poll: the last good data, not online."""
    return replace(view, status=replace(view.status, online=False, stale=True, error="timeout", total_failures=1))


def powerwall3_view(gateway_id: str = "home", units: int = 3, now: float = NOW, **changes: Any) -> View:
    """A Powerwall 3 leader with followers, one expansion pack, fans, temperatures, strings, alerts and a tariff."""
    serials = [f"TG{gateway_id.upper():0>6}{number:04d}" for number in range(1, units + 1)]
    part = "1707000-11-J"
    vitals: dict[str, Any] = {
        "VITALS": {"text": "made up", "timestamp": now - 1, "gateway": "10.0.0.1", "pyPowerwall": "0.22.2"},
        f"STSTSM--{part}--{serials[0]}": {"serialNumber": serials[0], "partNumber": part, "alerts": ["GridCodesWrite"]},
        "TESYNC--None--None": {"ISLAND_FreqL1_Main": 59.98, "ISLAND_GridConnected": True, "METER_X_CTA_I": 4.5},
        f"TEMSA--{part}--{serials[0]}": {"METER_Z_VL1N": 121.5, "METER_Z_CTA_InstRealPower": -1050},
    }
    blocks: list[dict[str, Any]] = []
    strings: dict[str, Any] = {}
    fans: dict[str, Any] = {}
    for index, serial in enumerate(serials):
        name = f"{part}--{serial}"
        vitals[f"TEINV--{name}"] = {"serialNumber": serial}
        vitals[f"TEPINV--{name}"] = {
            "serialNumber": serial,
            "PINV_Fout": 59.97 + index / 100,
            "PINV_VSplit1": 121.1,
            "PINV_VSplit2": 120.9,
            "PINV_Pout": -1.25,
            "PCH_AmbientTemp": 31.5 + index,
            "PCH_FanSpeed_A": 1200 + index,
            "PCH_FanDuty_A": 33.5,
            "PCH_FanSpeed_B": 0,
            "PCH_FanDuty_B": 0.0,
            "alerts": [f"PINV_a067_{index}"],
        }
        vitals[f"TEPOD--{name}"] = {
            "serialNumber": serial,
            "POD_nom_energy_remaining": 6800.5 + index,
            "POD_nom_full_pack_energy": 13500.25,
            "POD_nom_energy_to_be_charged": 6699.75,
            "POD_enable_line": True,
            "POD_ActiveHeating": False,
            "HVP_PackTempMax": 24.5 + index,
            "HVP_PackTempMin": 22.0,
            "HVP_ShuntTemperature": 28.0,
        }
        pvac = {"serialNumber": serial, "PVAC_Pout": 2000 + index, "PVAC_State": "PVAC_Active"}
        pvs = {"serialNumber": serial, "PVS_State": 3}
        suffix = str(index) if index else ""
        for letter in "ABCDEF":
            pvac[f"PVAC_PVCurrent_{letter}"] = 5.016
            pvac[f"PVAC_PVMeasuredVoltage_{letter}"] = 301.25
            pvac[f"PVAC_PVMeasuredPower_{letter}"] = 1511.07
            pvac[f"PVAC_PvState_{letter}"] = "Pv_Active"
            pvs[f"PVS_String{letter}_Connected"] = True
            strings[letter + suffix] = {
                "Connected": True,
                "Current": 5.016,
                "Power": 1511.07,
                "Voltage": 301.25,
                "State": "Pv_Active",
            }
        vitals[f"PVAC--{name}"] = pvac
        vitals[f"PVS--{name}"] = pvs
        fans[f"TEPINV--{name}"] = {
            key: value for key, value in vitals[f"TEPINV--{name}"].items() if key.startswith("PCH_Fan")
        }
        blocks.append(_block(part, serial, "", index))
    blocks.append(_block("1807000-20-B", f"EXP{gateway_id}", "BatteryExpansion", units))
    config = [
        {"vin": f"{part}--{serial}", "type": "Powerwall3" if index == 0 else "Powerwall3Follower"}
        for index, serial in enumerate(serials)
    ]
    config[0]["battery_expansions"] = [{"din": f"1807000-20-B--EXP{gateway_id}"}]  # type: ignore[assignment]
    data: dict[str, Any] = {
        "aggregates": {
            "site": {"instant_power": -2100.25, "energy_imported": 1234567.4, "energy_exported": 7654321.6},
            "battery": {"instant_power": -3499.75, "energy_imported": 3330000, "energy_exported": 2220000},
            "load": {"instant_power": 900.0, "energy_imported": 5550000.0, "energy_exported": 0},
            "solar": {"instant_power": 6500.0, "energy_imported": 0, "energy_exported": 9990000.5},
        },
        "vitals": vitals,
        "strings": strings,
        "soe_raw": 81.04,
        "status": {"din": f"{part}--{serials[0]}", "version": "25.10.1 abcdef12", "is_new": False},
        "version": "25.10.1 abcdef12",
        "din": f"{part}--{serials[0]}",
        "uptime": "127h34m16.275122187s",
        "alerts": ["SystemConnectedToGrid", "PINV_a067_0", "GridCodesWrite"],
        "temps": {f"TEPOD--{part}--{serial}": 24.5 + index for index, serial in enumerate(serials)},
        "site_name": "Home ☀",
        "site_info": {"site_name": "Home ☀", "timezone": "Europe/Berlin", "max_system_power_kW": 34.5},
        "grid_status": "UP",
        "grid_status_detail": {"grid_status": "SystemGridConnected", "grid_services_active": False},
        "mode": "self_consumption",
        "reserve": 20.0,
        "operation": {"real_mode": "self_consumption", "backup_reserve_percent": 24.0},
        "time_remaining": 19.1234567,
        "grid_charging": True,
        "grid_export": "battery_ok",
        "system_status": {
            "nominal_full_pack_energy": 13500.25 * (units + 1),
            "nominal_energy_remaining": 6800.5 * (units + 1),
            "max_charge_power": 11500 * units,
            "max_discharge_power": 11500 * units,
            "battery_blocks": blocks,
            "grid_faults": [],
        },
        "fan_speeds": fans,
        "networks": [],
        "powerwalls": {"powerwalls": []},
        "pw3": True,
        "tedapi_mode": "v1r",
        "reach": Reach.V1R,
        "tedapi_config": {"vin": f"{part}--{serials[0]}", "battery_blocks": config},
        "tedapi_status": {"control": {"alerts": {"active": []}}},
        "tedapi_components": {"components": [{"signals": [{"name": f"s{n}", "value": n}]} for n in range(40 * units)]},
        "tedapi_battery": config,
        "tedapi_controller": {"control": {}},
        "tariff": {"name": "TOU", "currency": "EUR", "version": 1},
        "backup_events": {
            "manual_backup": {"start_time": 1, "duration_seconds": 3600, "active": True, "priority": 2**64 - 1},
            "backup_events": [],
        },
    }
    data.update(changes)
    who = GatewayIdentity(id=gateway_id, name=gateway_id.title(), host="10.0.0.1", rsa_key_configured=True)
    state = GatewayStatus(
        state="ok",
        online=True,
        last_updated=now - 1,
        error=None,
        total_successes=10,
        connection_mode="TEDAPI v1r",
        tedapi_mode="v1r",
        mode="Local",
        poll_seconds=0.2,
        fallback={},
        capabilities={"vitals": Capability(now - 1, 0, True)},
    )
    found = reading(gateway_id, data, timestamp=data.pop("timestamp", now - 1))
    return View(who, state, found, server_facts(default_gateway=gateway_id), now)


def _block(part: str, serial: str, kind: str, index: int) -> dict[str, Any]:
    return {
        "Type": kind,
        "PackagePartNumber": part,
        "PackageSerialNumber": serial,
        "nominal_energy_remaining": 6800.5,
        "nominal_full_pack_energy": 13500.25,
        "pinv_state": "PINV_GridFollowing",
        "pinv_grid_state": "Grid_Compliant",
        "p_out": -1.25 - index,
        "q_out": 0,
        "v_out": 242.0,
        "f_out": 59.99,
        "i_out": -5.2,
        "energy_charged": None,
        "energy_discharged": None,
        "off_grid": False,
        "vf_mode": False,
        "wobble_detected": False,
        "charge_power_clamped": True,
        "backup_ready": True,
        "OpSeqState": "Active",
        "version": "abc",
    }
