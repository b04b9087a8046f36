"""Write the gateway's own web API (/api/*), which older firmware has completely, and newer firmware in part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pwserver.json_types import JsonObject

from .blocks import FIRMWARE, GIT_HASH, uptime_milliseconds
from .hardware import Hardware, even_split
from .house import Plant, Snapshot
from .powerwall2 import INVERTER, inverter

_NEVER = "0001-01-01T00:00:00Z"


def aggregates(snapshot: Snapshot, moment: datetime) -> JsonObject:
    """Write /api/meters/aggregates: powers in watts, lifetime energies in watt-hours."""
    flows, energy = snapshot.flows, snapshot.energy
    stamp = moment.isoformat()

    def meter(watts: float, exported: float, imported: float, **more: object) -> JsonObject:
        current = round(watts / 242.3, 4)
        return {
            "last_communication_time": stamp,
            "instant_power": watts,
            "instant_reactive_power": 0,
            "instant_apparent_power": abs(watts),
            "frequency": 60.0,
            "energy_exported": round(exported, 4),
            "energy_imported": round(imported, 4),
            "instant_average_voltage": 242.3,
            "instant_average_current": current,
            "i_a_current": 0,
            "i_b_current": 0,
            "i_c_current": 0,
            "last_phase_voltage_communication_time": _NEVER,
            "last_phase_power_communication_time": _NEVER,
            "last_phase_energy_communication_time": _NEVER,
            "timeout": 1500000000,
            "instant_total_current": current,
            **more,
        }

    meters = {
        "site": meter(flows.site, energy.site_exported, energy.site_imported, num_meters_aggregated=1),
        "battery": meter(flows.battery, energy.battery_discharged, energy.battery_charged, num_meters_aggregated=2),
        "load": meter(flows.load, 0.0, energy.load),
        "solar": meter(flows.solar, energy.solar, energy.solar_consumed, num_meters_aggregated=1),
    }
    if flows.generator is not None:
        meters["generator"] = meter(flows.generator, energy.generated, 0.0)
    return meters


def grid_status(snapshot: Snapshot) -> JsonObject:
    """Write /api/system_status/grid_status."""
    names = {"up": "SystemGridConnected", "down": "SystemIslandedActive", "syncing": "SystemTransitionToGrid"}
    return {"grid_status": names[snapshot.grid], "grid_services_active": False}


def status(
    snapshot: Snapshot, moment: datetime, din: str, version: str = FIRMWARE, git_hash: str = GIT_HASH
) -> JsonObject:
    """Write /api/status."""
    seconds = uptime_milliseconds(snapshot) / 1000.0
    hours, rest = divmod(seconds, 3600.0)
    start = datetime.fromtimestamp(snapshot.time - seconds, moment.tzinfo)
    return {
        "din": din,
        "start_time": start.strftime("%Y-%m-%d %H:%M:%S %z"),
        "up_time_seconds": f"{int(hours)}h{int(rest // 60)}m{rest % 60:.9f}s",
        "is_new": False,
        "version": version,
        "git_hash": git_hash,
        "commission_count": 0,
        "device_type": "teg",
        "teg_type": "unknown",
        "sync_type": "v2.1",
        "cellular_disabled": False,
        "can_reboot": True,
    }


def system_status(snapshot: Snapshot, plant: Plant, units: Sequence[Hardware]) -> JsonObject:
    """Write /api/system_status, with battery powers in watts."""
    count = max(len(units), 1)
    limit = plant.pack_watts * len(units)
    stored = even_split(int(snapshot.stored_wh), count, 1.0)
    shares = even_split(snapshot.flows.battery, count)
    names = {"up": "SystemGridConnected", "down": "SystemIslandedActive", "syncing": "SystemTransitionToGrid"}
    return {
        "command_source": "Configuration",
        "battery_target_power": snapshot.flows.battery,
        "battery_target_reactive_power": 0,
        "nominal_full_pack_energy": int(snapshot.capacity_wh),
        "nominal_energy_remaining": int(snapshot.stored_wh),
        "max_power_energy_remaining": 0,
        "max_power_energy_to_be_charged": 0,
        "max_charge_power": limit,
        "max_discharge_power": limit,
        "max_apparent_power": limit,
        "instantaneous_max_discharge_power": limit,
        "instantaneous_max_charge_power": limit,
        "instantaneous_max_apparent_power": limit,
        "hardware_capability_charge_power": 0,
        "hardware_capability_discharge_power": 0,
        "grid_services_power": 0,
        "system_island_state": names[snapshot.grid],
        "available_blocks": len(units),
        "available_charger_blocks": 0,
        "battery_blocks": [
            {
                "Type": "",
                "PackagePartNumber": unit.part,
                "PackageSerialNumber": unit.serial,
                "disabled_reasons": [],
                "pinv_state": "PINV_GridFollowing" if snapshot.grid == "up" else "PINV_GridForming",
                "pinv_grid_state": "Grid_Compliant" if snapshot.grid == "up" else "Grid_Uncompliant",
                "nominal_energy_remaining": int(remaining),
                "nominal_full_pack_energy": capacity,
                "p_out": share,
                "q_out": 30,
                "v_out": 242.3,
                "f_out": 60.0,
                "i_out": round(share / 242.3, 2),
                "energy_charged": round(snapshot.energy.battery_charged / count),
                "energy_discharged": round(snapshot.energy.battery_discharged / count),
                "off_grid": snapshot.grid == "down",
                "vf_mode": snapshot.grid != "up",
                "wobble_detected": False,
                "charge_power_clamped": False,
                "backup_ready": True,
                "OpSeqState": "Active",
                "version": GIT_HASH,
            }
            for unit, remaining, share, capacity in zip(units, stored, shares, plant.pack_wh, strict=False)
        ],
        "ffr_power_availability_high": limit,
        "ffr_power_availability_low": limit,
        "load_charge_constraint": 0,
        "max_sustained_ramp_rate": 2512500,
        "grid_faults": [],
        "can_reboot": "Yes",
        "smart_inv_delta_p": 0,
        "smart_inv_delta_q": 0,
        "last_toggle_timestamp": "2026-01-02T03:04:05-08:00",
        "solar_real_power_limit": -1,
        "score": 10000,
        "blocks_controlled": len(units),
        "primary": True,
        "auxiliary_load": 0,
        "all_enable_lines_high": True,
        "inverter_nominal_usable_power": limit,
        "expected_energy_remaining": 0,
    }


def site_info(config: JsonObject) -> JsonObject:
    """Write /api/site_info from that section of config.json."""
    info = config.get("site_info") or {}
    return {
        "max_system_energy_kWh": info.get("nominal_system_energy_ac"),
        "max_system_power_kW": info.get("nominal_system_power_ac"),
        "site_name": info.get("site_name"),
        "timezone": info.get("timezone"),
        "max_site_meter_power_kW": info.get("max_site_meter_power_ac"),
        "min_site_meter_power_kW": info.get("min_site_meter_power_ac"),
        "nominal_system_energy_kWh": info.get("nominal_system_energy_ac"),
        "nominal_system_power_kW": info.get("nominal_system_power_ac"),
        "panel_max_current": info.get("panel_max_current"),
        "grid_code": {
            "grid_code": info.get("grid_code"),
            "grid_voltage_setting": 240,
            "grid_freq_setting": 60,
            "grid_phase_setting": "Split",
            "country": info.get("country"),
            "state": info.get("state"),
            "utility": info.get("utility"),
        },
    }


def powerwalls(units: Sequence[Hardware], din: str, snapshot: Snapshot) -> JsonObject:
    """Write /api/powerwalls."""
    return {
        "enumerating": False,
        "updating": False,
        "checking_if_offgrid": False,
        "running_phase_detection": False,
        "phase_detection_last_error": "no phase information",
        "bubble_shedding": False,
        "on_grid_check_error": "on grid check not run",
        "grid_qualifying": snapshot.grid == "syncing",
        "grid_code_validating": False,
        "phase_detection_not_available": True,
        "powerwalls": [
            {
                "Type": "",
                "PackagePartNumber": unit.part,
                "PackageSerialNumber": unit.serial,
                "type": "ACPW",
                "grid_state": "Grid_Compliant" if snapshot.grid == "up" else "Grid_Uncompliant",
                "grid_reconnection_time_seconds": 0,
                "under_phase_detection": False,
                "updating": False,
                "commissioning_diagnostic": None,
                "update_diagnostic": None,
                "bc_type": None,
                "in_config": True,
            }
            for unit in units
        ],
        "gateway_din": din,
        "sync": {"updating": False, "commissioning_diagnostic": None, "update_diagnostic": None},
        "msa": None,
        "states": None,
    }


def meter_readings(snapshot: Snapshot, moment: datetime, location: str) -> list[JsonObject]:
    """Write /api/meters/site or /api/meters/solar: one Neurio each."""
    watts = snapshot.flows.site if location == "site" else snapshot.flows.solar
    energy = snapshot.energy
    imported, exported = (
        (energy.site_imported, energy.site_exported) if location == "site" else (energy.solar_consumed, energy.solar)
    )
    half = watts / 2.0
    return [
        {
            "id": 0,
            "location": location,
            "type": "neurio_tcp",
            "cts": [True, True, False, False],
            "inverted": [False, False, False, False],
            "connection": {
                "short_id": "1234" if location == "site" else "4321",
                "device_serial": "OBB0000000001" if location == "site" else "OBB0000000002",
                "https_conf": {},
            },
            "Cached_readings": {
                "last_communication_time": moment.isoformat(),
                "instant_power": watts,
                "instant_reactive_power": -128,
                "instant_apparent_power": abs(watts),
                "frequency": 0,
                "energy_exported": round(exported, 4),
                "energy_imported": round(imported, 4),
                "instant_average_voltage": 121.1,
                "instant_average_current": round(abs(watts) / 242.3, 4),
                "i_a_current": round(half / 121.0, 4),
                "i_b_current": round(half / 121.3, 4),
                "i_c_current": 0,
                "v_l1n": 121.0,
                "v_l2n": 121.3,
                "real_power_a": half,
                "real_power_b": half,
                "reactive_power_a": -60,
                "reactive_power_b": -68,
                "last_phase_voltage_communication_time": _NEVER,
                "last_phase_power_communication_time": _NEVER,
                "last_phase_energy_communication_time": _NEVER,
                "timeout": 1500000000,
                "instant_total_current": round(abs(watts) / 242.3, 4),
            },
            "ct_voltage_references": {"ct1": "Phase1", "ct2": "Phase2", "ct3": "Phase1"},
        }
    ]


NETWORKS: list[JsonObject] = [
    {
        "network_name": "ethernet_tesla_internal_default",
        "interface": "EthType",
        "enabled": True,
        "dhcp": True,
        "extra_ips": [{"ip": "192.168.90.2", "netmask": 24}],
        "active": True,
        "primary": True,
        "lastTeslaConnected": True,
        "lastInternetConnected": True,
        "iface_network_info": {
            "network_name": "ethernet_tesla_internal_default",
            "ip_networks": [{"IP": "10.0.1.2", "Mask": "////AA=="}],
            "gateway": "10.0.1.1",
            "interface": "EthType",
            "state": "DeviceStateReady",
            "state_reason": "DeviceStateReasonNone",
            "signal_strength": 0,
            "hw_address": "02:00:00:00:00:01",
        },
        "security_type": "NONE",
        "username": None,
    }
]

# Paths whose answers never change.
FIXED: JsonObject = {
    "/api/networks": NETWORKS,
    "/api/solars": [{"brand": "Tesla", "model": "Solar Inverter 7.6", "power_rating_watts": 7600}],
    "/api/solars/brands": ["ABB", "Enphase", "SMA", "SolarEdge", "Tesla"],
    "/api/system/update/status": {
        "state": "/update_succeeded",
        "info": {"status": ["nonactionable"]},
        "current_time": 1767323045000,
        "last_status_time": 1767323045000,
        "version": FIRMWARE,
        "offline_updating": False,
        "offline_update_error": "",
        "estimated_bytes_per_second": None,
    },
    "/api/sitemaster": {
        "status": "StatusUp",
        "running": True,
        "connected_to_tesla": True,
        "power_supply_mode": False,
        "can_reboot": "Yes",
    },
    "/api/customer/registration": {
        "privacy_notice": None,
        "limited_warranty": None,
        "grid_services": None,
        "marketing": None,
        "registered": True,
        "timed_out_registration": False,
    },
    "/api/customer": {"registered": True},
    "/api/installer": {
        "company": "Simulated Installer",
        "customer_id": "",
        "phone": "",
        "email": "",
        "backup_configurations": [],
    },
    "/api/auth/toggle/supported": {"toggle_auth_supported": True},
    "/api/synchrometer/ct_voltage_references": {"ct1": "Phase1", "ct2": "Phase2", "ct3": "Phase1"},
    "/api/troubleshooting/problems": {"problems": []},
    "/api/system_status/grid_faults": [],
    "/api/site_info/grid_codes": ["60Hz_240V_s_UL1741SA:2019_California", "60Hz_240V_s_IEEE1547a:2014"],
    "/api/system/testing": {"running": False, "status": "", "charge_tests": None},
}


def solar_powerwall(snapshot: Snapshot) -> JsonObject:
    """Write /api/solar_powerwall, which has the inverter's strings in firmware without the binary vitals."""
    pvac, pvs = inverter(INVERTER, snapshot.flows.solar, snapshot.solar_share, ())
    logging, connected = pvac["PVAC_Logging"], pvs["PVS_Status"]
    status = pvac["PVAC_Status"]
    strings = []
    for number, name in enumerate("ABCD", start=1):
        volts, amperes = logging[f"PVAC_PVMeasuredVoltage_{name}"], logging[f"PVAC_PVCurrent_{name}"]
        strings.append(
            {
                "string_id": number,
                "connected": connected[f"PVS_String{name}_Connected"],
                "measured_voltage": volts,
                "current": amperes,
                "measured_power": round(max(volts, 0.0) * amperes, 1),
            }
        )
    return {
        "pvac_status": {
            "state": status["PVAC_State"],
            "disabled": False,
            "disabled_reasons": [],
            "grid_state": "Grid_Compliant" if snapshot.grid == "up" else "Grid_Uncompliant",
            "inv_state": "INV_Grid_Connected",
            "v_out": status["PVAC_Vout"],
            "f_out": status["PVAC_Fout"],
            "p_out": status["PVAC_Pout"],
            "q_out": -10,
            "i_out": round(snapshot.flows.solar / 242.3, 2),
            "string_vitals": strings,
        },
        "pvs_status": {
            "state": connected["PVS_State"],
            "disabled": False,
            "enable_output": True,
            "v_ll": connected["PVS_vLL"],
            "self_test_state": connected["PVS_SelfTestState"],
        },
        "pv_power_limit": 7600,
        "power_status_setpoint": "on",
        "pvac_alerts": {"LastRxTime": snapshot.time, "ReceivedMuxBitmask": 0, "PVAC_alertMatrixIndex": 0},
        "pvs_alerts": {"LastRxTime": snapshot.time, "ReceivedMuxBitmask": 0, "PVS_a018_MciStringB": True},
    }
