"""Render the /api family: paths of the gateway's own web API, answered from the reading."""

from __future__ import annotations

from pwserver.documents.error_answer import ErrorAnswer, detail
from pwserver.documents.tesla_status import system_status
from pwserver.json_types import JsonArray, JsonObject
from pwserver.state.known_settings import known_settings
from pwserver.state.view import View

_SITE_NUMBERS = (
    "max_site_meter_power_kW",
    "min_site_meter_power_kW",
    "nominal_system_energy_kWh",
    "nominal_system_power_kW",
    "panel_max_current",
)
_GRID_CODE = (
    "grid_code",
    "grid_voltage_setting",
    "grid_freq_setting",
    "grid_phase_setting",
    "country",
    "state",
    "utility",
)

# Fixed answers of pypowerwall's proxy to paths that newer firmware no longer has; dashboards still ask for them.
CUSTOMER: JsonObject = {"registered": True}
REGISTRATION: JsonObject = {"status": "404 Response - API Disabled"}
CT_REFERENCES: JsonObject = {"ct1": "Phase1", "ct2": "Phase2", "ct3": "Phase1"}
PROBLEMS: JsonObject = {"problems": []}
TOGGLE_AUTH: JsonObject = {"toggle_auth_supported": False}
INSTALLER: JsonObject = {
    "company": "Tesla",
    "customer_id": "",
    "phone": "",
    "email": "",
    "location": "",
    "mounting": "",
    "wiring": "",
    "backup_configuration": "Whole Home",
    "solar_installation": "New",
    "solar_installation_type": "PV Panel",
    "run_sitemaster": True,
    "verified_config": True,
    "installation_types": ["Residential"],
}
BRANDS = [
    "ABB",
    "Advanced Energy Industries",
    "AEG Power Solutions",
    "AEconversion",
    "Altair Energy",
    "Chilicon Power",
    "ClipperCreek",
    "Darfon Electronics",
    "Delta Energy Systems",
    "Diehl AKO Stiftung",
    "Enphase Energy",
    "FIMER",
    "Fronius",
    "Ginlong Technologies",
    "GoodWe",
    "Growatt New Energy",
    "Huawei",
    "iGo",
    "Ingeteam",
    "Kaco New Energy",
    "Kostal Solar Electric",
    "Power Electronics",
    "Powercom",
    "Premier Power",
    "SMA Solar Technology",
    "SolarEdge",
    "Solax Power",
    "Solectria Renewables",
    "SunGrow",
    "Sunnyboy",
    "Sunnyside Solar",
    "Suntrica",
    "TMEIC",
    "Tesla",
    "Yaskawa Solectria",
]
NO_CLOUD = "Tesla cloud connection not available (requires hybrid, cloud or FleetAPI mode)"


def customer(view: View) -> JsonObject:
    """Write /api/customer, whose answer is fixed."""
    return CUSTOMER


def registration(view: View) -> JsonObject:
    """Write /api/customer/registration, whose answer is fixed."""
    return REGISTRATION


def ct_references(view: View) -> JsonObject:
    """Write /api/synchrometer/ct_voltage_references, whose answer is fixed."""
    return CT_REFERENCES


def problems(view: View) -> JsonObject:
    """Write /api/troubleshooting/problems, whose answer is fixed."""
    return PROBLEMS


def toggle_auth(view: View) -> JsonObject:
    """Write /api/auth/toggle/supported, whose answer is fixed."""
    return TOGGLE_AUTH


def installer(view: View) -> JsonObject:
    """Write /api/installer, whose answer is fixed."""
    return INSTALLER


def brands(view: View) -> list[str]:
    """Write /api/solars/brands, whose answer is fixed."""
    return BRANDS


def empty_list(view: View) -> JsonArray:
    """Write /api/site_info/grid_codes: an empty list."""
    return []


def empty_object(view: View) -> JsonObject:
    """Write /api/meters/readings: an empty object."""
    return {}


def grid_faults(view: View) -> JsonArray:
    """Write /api/system_status/grid_faults: grid faults."""
    faults = system_status(view).get("grid_faults")
    return faults if isinstance(faults, list) else []


def operation(view: View) -> JsonObject:
    """Write /api/operation, with the reserve on the raw scale, as in the local API, and also on the app's scale."""
    known = known_settings(view)
    return {
        "real_mode": known.mode,
        "backup_reserve_percent": known.reserve_raw,
        "backup_reserve_percent_app": known.reserve_app,
        "grid_charging": known.grid_charging,
        "grid_export": known.grid_export,
        "stale": known.stale,
        "last_updated": known.last_updated,
    }


def site_info(view: View) -> JsonObject:
    """Write /api/site_info: the gateway's own answer, else the same members with null."""
    found = view.reading.site_info if view.reading else None
    if found:
        return found
    return {
        "max_system_energy_kWh": None,
        "max_system_power_kW": None,
        "site_name": view.reading.site_name if view.reading else None,
        "timezone": view.gateway.timezone,
        **dict.fromkeys(_SITE_NUMBERS),
        "grid_code": dict.fromkeys(_GRID_CODE),
    }


def site_name(view: View) -> JsonObject:
    """Write /api/site_info/site_name: name and time zone from the gateway, else from the configuration."""
    found = (view.reading.site_info or {}) if view.reading else {}
    name = found.get("site_name") or (view.reading.site_name if view.reading else None)
    return {"site_name": name, "timezone": found.get("timezone") or view.gateway.timezone}


def sitemaster(view: View) -> JsonObject:
    """Write /api/sitemaster: a site controller that has just measured is running; the rest is null.

    Tesla's servers answer from what they have stored, so their answer says nothing about the controller.
    """
    measured = view.status.online and view.reading is not None and not view.reading.remote
    runs = True if measured else None
    return {
        "status": "StatusUp" if runs else None,
        "running": runs,
        "connected_to_tesla": None,
        "power_supply_mode": None,
        "can_reboot": None,
    }


def networks(view: View) -> JsonArray:
    """Write /api/networks: network interfaces."""
    return (view.reading.networks or []) if view.reading else []


def solar_powerwall(view: View) -> JsonObject:
    """Write /api/solar_powerwall: the solar inverter of a Powerwall+."""
    return (view.reading.solar_powerwall or {}) if view.reading else {}


def update_status(view: View) -> JsonObject:
    """Write /api/system/update/status; only the time is known: the server's clock in milliseconds."""
    milliseconds = int(view.now * 1000)
    version = view.reading.version if view.reading else None
    return {
        "state": None,
        "info": {"status": []},
        "current_time": milliseconds,
        "last_status_time": milliseconds,
        "version": version or "Unknown",
        "offline_updating": None,
        "offline_update_error": None,
        "estimated_bytes_per_second": None,
    }


def tariff_rate(view: View) -> JsonObject | ErrorAnswer:
    """Write /api/tesla/tariff_rate: the tariff that was read last; 503 without a cloud link, 502 if Tesla refused."""
    tariff = view.reading.tariff if view.reading else None
    if tariff:
        if "ERROR" in tariff:
            return detail(502, str(tariff["ERROR"]))
        return tariff
    link = view.status.cloud_control
    if view.gateway.cloud_mode or view.gateway.fleetapi or (link and link.get("connected")):
        problem = link.get("tariff_problem") if link else None
        return detail(503, f"No tariff received from Tesla{f': {problem}' if problem else ' yet'}")
    return detail(503, NO_CLOUD)
