"""Render /api/gateways*: everything known about one gateway, and the list of all."""

from __future__ import annotations

from pwserver.documents.devices import alerts
from pwserver.documents.encode import Encoded
from pwserver.documents.meters import charge
from pwserver.documents.tedapi import raw_routes_on
from pwserver.json_types import JsonObject
from pwserver.reading import GatewayIdentity, Reading
from pwserver.state.operating_settings import reserve_percent
from pwserver.state.view import SiteView, View


def identity(gateway: GatewayIdentity) -> JsonObject:
    """Return the public facts of a gateway, in the order of the predecessors."""
    return {
        "id": gateway.id,
        "name": gateway.name,
        "host": gateway.host,
        "port": gateway.port,
        "rsa_key_configured": gateway.rsa_key_configured,
        "wifi_host": gateway.wifi_host,
        "site_id": gateway.site_id,
        "timezone": gateway.timezone,
        "basic_lan": gateway.basic_lan,
        "tedapi_expected": gateway.tedapi_expected,
        "cloud_mode": gateway.cloud_mode,
        "fleetapi": gateway.fleetapi,
        "type": gateway.type,
    }


def last_error(view: View) -> str | None:
    """Return the error of the last attempt; None before the first failure."""
    return view.status.error if view.status.total_failures or view.status.consecutive_failures else None


def written_status(view: View) -> Encoded:
    """Write /api/gateways/{id}, and the same object in the documents about all gateways."""
    return view.once(gateway_status, lambda: Encoded(gateway_status(view)))


def gateway_status(view: View) -> JsonObject:
    """Return identity, all data of the reading or null, and the state of the connection."""
    status = view.status
    body: JsonObject = {
        "gateway": {**identity(view.gateway), "online": status.online, "last_error": last_error(view)},
        "data": reading_data(view, view.reading) if view.reading else None,
        "online": status.online,
        "last_updated": status.last_updated,
        "error": status.error,
        "stale": status.stale,
    }
    if view.gateway.virtual:
        body["virtual"] = True
    if view.value is not None:
        body["value"] = view.value.document(view.now)
    return body


def reading_data(view: View, reading: Reading) -> JsonObject:
    """Return all members of a reading under the names that clients know.

    ``freq`` was always null in the predecessor, and stays null.
    """
    data: JsonObject = {
        "vitals": reading.vitals,
        "strings": reading.strings,
        "aggregates": reading.aggregates,
        "alerts": None if reading.alerts is None else alerts(view),
        "temps": reading.temps,
        "grid_status": reading.grid_status,
        "grid_status_detail": reading.grid_status_detail,
        "reserve": reserve_percent(reading.reserve),
        "time_remaining": reading.time_remaining,
        "system_status": reading.system_status,
        "fan_speeds": reading.fan_speeds,
        "networks": reading.networks,
        "powerwalls": reading.powerwalls,
        "meters": reading.meters,
        "solars": reading.solars,
        "solar_powerwall": reading.solar_powerwall,
        "soe_raw": reading.soe_raw,
        "soe": charge(view).app_percent.value,
        "freq": None,
        "din": reading.din,
        "uptime": reading.uptime,
        "version": reading.version,
        "status": reading.status,
        "device_type": reading.device_type,
        "site_name": reading.site_name,
        "site_info": reading.site_info,
        "mode": reading.mode,
        "operation": reading.operation,
        "grid_charging": reading.grid_charging,
        "grid_export": reading.grid_export,
        "pw3": reading.pw3,
        "tedapi_mode": reading.tedapi_mode,
        "connection_mode": reading.connection_mode,
        "tedapi_config": reading.tedapi_config if raw_routes_on(view) else None,
        "timestamp": reading.timestamp,
    }
    if reading.device_ages_seconds:
        data["device_ages_seconds"] = dict(reading.device_ages_seconds)
    if reading.flags:
        data["flags"] = dict(reading.flags)
    return data


def all_gateways(site: SiteView) -> JsonObject:
    """Write /api/gateways: every configured gateway in the order of the configuration, without the virtual one."""
    return {view.gateway.id: written_status(view) for view in site.gateways}
