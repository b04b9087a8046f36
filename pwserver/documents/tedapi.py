"""Render the raw answers of gateways and servers as the library returns them: /tedapi/*, /cloud/*, /fleetapi/*."""

from __future__ import annotations

from pwserver.json_types import Json, JsonObject
from pwserver.state.view import View

USAGE = "Use /tedapi/config, /tedapi/status, /tedapi/components, /tedapi/battery, /tedapi/controller"
CLOUD_USAGE = "Use /cloud/battery, /cloud/power, /cloud/config"
FLEET_USAGE = "Use /fleetapi/info, /fleetapi/status"
OFFLINE = "Gateway offline - TEDAPI unavailable"
UNAVAILABLE = "TEDAPI not enabled or unavailable"
NO_CLOUD = "Cloud API not enabled"
NO_FLEET = "FleetAPI not enabled"
NO_ANSWER = "No answer received from Tesla yet"
SWITCHED_OFF = "Raw answers are switched off (PW_RAW_ROUTES)"


def usage(view: View) -> JsonObject:
    """Write /tedapi: the paths below it."""
    return {"error": USAGE}


def config(view: View) -> Json:
    """Write /tedapi/config: the gateway configuration."""
    return _tedapi(view, view.reading.tedapi_config if view.reading else None)


def status(view: View) -> Json:
    """Write /tedapi/status: the gateway status."""
    return _tedapi(view, view.reading.tedapi_status if view.reading else None)


def components(view: View) -> Json:
    """Write /tedapi/components: the components of the units."""
    return _tedapi(view, view.reading.tedapi_components if view.reading else None)


def battery(view: View) -> Json:
    """Write /tedapi/battery: battery blocks."""
    return _tedapi(view, view.reading.tedapi_battery if view.reading else None)


def controller(view: View) -> Json:
    """Write /tedapi/controller: the device controller."""
    return _tedapi(view, view.reading.tedapi_controller if view.reading else None)


def cloud_usage(view: View) -> JsonObject:
    """Write /cloud: the paths below it."""
    return {"error": CLOUD_USAGE if _is_cloud(view) else NO_CLOUD}


def cloud_battery(view: View) -> Json:
    """Write /cloud/battery: the battery as the Tesla cloud gives it."""
    return _cloud(view, "battery")


def cloud_power(view: View) -> Json:
    """Write /cloud/power: the power as the Tesla cloud gives it."""
    return _cloud(view, "power")


def cloud_config(view: View) -> Json:
    """Write /cloud/config: the site configuration as the Tesla cloud gives it."""
    return _cloud(view, "config")


def fleet_usage(view: View) -> JsonObject:
    """Write /fleetapi: the paths below it."""
    return {"error": FLEET_USAGE if _is_fleet(view) else NO_FLEET}


def fleet_info(view: View) -> Json:
    """Write /fleetapi/info: the site information as FleetAPI gives it."""
    return _fleet(view, "info")


def fleet_status(view: View) -> Json:
    """Write /fleetapi/status: the live status as FleetAPI gives it."""
    return _fleet(view, "status")


def raw_routes_on(view: View) -> bool:
    """Return whether PW_RAW_ROUTES is on; an owner may switch off the dumps, as they contain details of the site."""
    return view.server.raw_routes


def _tedapi(view: View, answer: object) -> Json:
    if not raw_routes_on(view):
        return {"error": SWITCHED_OFF}
    if not view.status.online:
        return {"error": OFFLINE}
    # The configuration of the virtual gateway is merely a list of units, and not a raw answer of a gateway.
    return {"error": UNAVAILABLE} if answer is None or view.gateway.virtual else answer


def _is_cloud(view: View) -> bool:
    mode = view.status.mode or (view.reading.connection_mode if view.reading else None)
    if mode is not None:
        return mode == "Cloud"
    return view.gateway.cloud_mode and not view.gateway.fleetapi


def _is_fleet(view: View) -> bool:
    mode = view.status.mode or (view.reading.connection_mode if view.reading else None)
    if mode is not None:
        return mode == "FleetAPI"
    return view.gateway.fleetapi


def _cloud(view: View, name: str) -> Json:
    if not _is_cloud(view):
        return {"error": NO_CLOUD}
    return _dump(view, (view.reading.cloud or {}).get(name) if view.reading else None)


def _fleet(view: View, name: str) -> Json:
    if not _is_fleet(view):
        return {"error": NO_FLEET}
    return _dump(view, (view.reading.fleet or {}).get(name) if view.reading else None)


def _dump(view: View, answer: object) -> Json:
    if not raw_routes_on(view):
        return {"error": SWITCHED_OFF}
    return {"error": NO_ANSWER} if answer is None else answer
