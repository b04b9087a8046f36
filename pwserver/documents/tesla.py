"""Render the /api family: paths of the gateway's own web API, answered from the reading."""

from __future__ import annotations

from pwserver.documents.error_answer import ErrorAnswer, detail
from pwserver.documents.meters import meter
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
_STATUS_DEFAULTS: JsonObject = {
    "din": None,
    "start_time": None,
    "up_time_seconds": None,
    "is_new": None,
    "version": None,
    "git_hash": None,
    "commission_count": None,
    "device_type": None,
    "teg_type": None,
    "sync_type": None,
    "cellular_disabled": None,
    "can_reboot": None,
}
_POWERWALLS = (
    "enumerating",
    "updating",
    "checking_if_offgrid",
    "running_phase_detection",
    "phase_detection_last_error",
    "bubble_shedding",
    "on_grid_check_error",
    "grid_qualifying",
    "grid_code_validating",
    "phase_detection_not_available",
    "sync",
    "msa",
    "states",
)
_POWERWALL = (
    "type",
    "grid_state",
    "grid_reconnection_time_seconds",
    "under_phase_detection",
    "updating",
    "commissioning_diagnostic",
    "update_diagnostic",
    "bc_type",
    "in_config",
)
# The gateway's words, for a reading that only has the judged state; SYNCING has several, so that none is chosen.
_WORDS = {"UP": "SystemGridConnected", "DOWN": "SystemIslandedActive"}

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


def grid_status(view: View) -> JsonObject:
    """Write /api/system_status/grid_status: the gateway's word, or null.

    Clients would take a made-up word for a change of the grid.
    """
    reading = view.reading
    if reading and reading.grid_status_detail:
        return reading.grid_status_detail
    word = _WORDS.get(reading.grid_status or "") if reading else None
    return {"grid_status": word, "grid_services_active": None}


def system_status(view: View) -> JsonObject:
    """Write /api/system_status: batteries and limits."""
    return (view.reading.system_status or {}) if view.reading else {}


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


def status(view: View) -> JsonObject:
    """Write /api/status: the gateway's status with every promised member; an unknown version is null."""
    found = view.reading.status if view.reading else None
    body = {**_STATUS_DEFAULTS, **(found or {})}
    body["version"] = body["version"] or None
    return body


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


def powerwalls(view: View) -> JsonObject:
    """Write /api/powerwalls: the gateway's own list, else the known units, with null for what is not known of them."""
    if view.reading is None:
        return {}
    if view.reading.powerwalls:
        return view.reading.powerwalls
    units = view.state.judged.units
    if not units:
        return {}
    return {
        **dict.fromkeys(_POWERWALLS),
        "powerwalls": [
            {
                **dict.fromkeys(_POWERWALL),
                "Type": unit.type,
                "PackagePartNumber": unit.part,
                "PackageSerialNumber": unit.serial,
            }
            for unit in units
        ],
        "gateway_din": view.reading.din,
    }


def networks(view: View) -> JsonArray:
    """Write /api/networks: network interfaces."""
    return (view.reading.networks or []) if view.reading else []


def meters(view: View) -> JsonArray:
    """Write /api/meters: the installed meters."""
    return (view.reading.meters or []) if view.reading else []


def meters_site(view: View) -> JsonArray:
    """Write /api/meters/site: the gateway's own list, else the site meters of its configuration.

    If there is only one site meter, its values are those of the main meter.
    """
    if view.reading is None:
        return []
    if view.reading.meters_site:
        return view.reading.meters_site
    configured = (view.reading.tedapi_config or {}).get("meters")
    entries = [entry for entry in configured if isinstance(entry, dict)] if isinstance(configured, list) else []
    site = [(number, entry) for number, entry in enumerate(entries) if entry.get("location") == "site"]
    return [
        {
            "id": number,
            **{name: entry.get(name) for name in ("location", "type", "cts", "inverted", "connection")},
            "Cached_readings": meter(view, "site") if len(site) == 1 else None,
        }
        for number, entry in site
    ]


def meters_solar(view: View) -> JsonArray:
    """Write /api/meters/solar: the gateway's own list, else the solar meter in both places where clients look."""
    if view.reading and view.reading.meters_solar:
        return view.reading.meters_solar
    solar = meter(view, "solar")
    return [{**solar, "Cached_readings": solar}] if solar else []


def solars(view: View) -> JsonArray:
    """Write /api/solars: solar inverters."""
    return (view.reading.solars or []) if view.reading else []


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
        return detail(503, "No tariff received from Tesla yet")
    return detail(503, NO_CLOUD)
