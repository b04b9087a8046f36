"""Render documents about the server: /version from a reading, /stats and /health in two steps.

The poller renders ``site_facts`` (everything that follows from readings) as an internal document. A worker adds its
live numbers with ``stats`` and ``health``, so that both documents are exact at the moment of the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from pwserver.causes import CAUSE_BY_ID, POLLER
from pwserver.json_types import JsonMapping, JsonObject
from pwserver.state.condition import ALL_WELL, condition_of
from pwserver.state.gateway import AWAY
from pwserver.state.view import SiteView, View
from pwserver_ext.vitals import version_number

STARS = "**********"
URI_LIMIT = 100  # paths come from clients, and must not make the document grow
# The settings whose values the predecessors mask in /stats.
_MASKED = (
    "PW_PASSWORD",
    "PW_EMAIL",
    "PW_SITEID",
    "PW_AUTH_PATH",
    "PW_CACHE_FILE",
    "PW_CONTROL_SECRET",
    "PW_GW_PWD",
)
_FALLBACK: JsonObject = {
    "is_fallback_mode": False,
    "fallback_since": None,
    "recovery_attempts": 0,
    "last_recovery_attempt": None,
    "fallback_duration_seconds": None,
    "recovery_enabled": True,
}


class LiveNumbers(TypedDict, total=False):
    """Holds what only a worker knows at the moment of a request. All members are optional; counts default to 0."""

    now: float  # epoch seconds
    gets: int
    posts: int
    errors: int  # answers of 400 and above
    timeout: int  # answers that had no data
    uri: Mapping[str, int]  # path -> successful requests
    clear: float  # epoch seconds of the last /stats/clear
    mem_kb: int  # memory of all processes, shared pages counted once
    poller_alive: bool  # False: the readings are frozen, so no gateway counts as online
    history_problem: str | None  # the reason why there is no history any more
    history_in_memory: str | None  # why the history ends with the server; None where it is kept on the disk
    extra: JsonMapping  # further members of /health


def version(view: View) -> JsonObject:
    """Write /version; a site without a version is called SolarOnly, as by the predecessors."""
    known = view.reading.version if view.reading else None
    if known is None:
        return {"version": "SolarOnly", "vint": 0}
    return {"version": known, "vint": version_number(known)}


def masked_settings(settings: JsonMapping) -> JsonObject:
    """Return the settings by variable, with ten stars for each private one that is set."""
    shown: JsonObject = {}
    for name, value in settings.items():
        if name in _MASKED and value:
            value = STARS
        elif name == "PW_HTTPS" and isinstance(value, bool):
            value = "yes" if value else "no"
        shown[name] = value
    return shown


def site_facts(site: SiteView) -> JsonObject:
    """Return all that /stats and /health say about gateways and configuration, as plain JSON without secrets."""
    views, server = site.gateways, site.server
    main = site.main(views)
    online = sum(view.status.online for view in views)
    settings = masked_settings(server.settings)
    cloud_control = main.status.cloud_control if main else None
    mode = _mode(main)
    return {
        "pypowerwall_version": server.library_version,
        "server_version": server.version,
        "started": server.started,
        "mode": mode,
        "site_name": _site_name(main),
        "cloudmode": any(_mode(view) in ("Cloud", "FleetAPI") for view in views),
        "fleetapi": any(_mode(view) == "FleetAPI" for view in views),
        "tedapi": any(_uses_tedapi(view) for view in views),
        "basiclan": any(_basic_lan(view) for view in views),
        "cloudcontrol": bool(cloud_control and cloud_control.get("connected")),
        "cloud_control": cloud_control,
        "pw3": _pw3(views),
        "tedapi_mode": _tedapi_mode(main),
        "siteid": STARS if server.site_id_set else None,
        "cf": STARS if server.login_file_set else None,
        "config": settings,
        "connection_health": _health_of_connections(views, cloud_control),
        "gateways": {"total": len(views), "online": online, "offline": len(views) - online},
        "gateway_statuses": [_statuses_entry(view) for view in views],
        "gateway_details": [_details_entry(view) for view in views],
        "left_out": {name: site.state.flags.get(name, reason) for name, reason in site.state.left_out.items()},
        "fallback_mode": {
            view.gateway.id: {**_FALLBACK, **(view.status.fallback or {})} for view in views if _shows_fallback(view)
        },
        "mqtt": {
            "connected": bool((site.self_metrics or {}).get("pwserver_mqtt_connected")),
            "reason": (site.self_metrics or {}).get("mqtt_why_not_connected"),
        },
        "notices": (site.self_metrics or {}).get("notices"),
        "history_not_stored": (site.self_metrics or {}).get("history_not_stored"),
        "history_not_taken": list((site.self_metrics or {}).get("history_not_taken", ())),
        "cache_expire": server.poll_interval_seconds,
        "cache_ttl": server.cache_ttl_seconds,
        "graceful": server.graceful_degradation,
        "fail_fast": server.fail_fast,
        "health_check": server.health_check,
    }


def _health_of_connections(views: Sequence[View], cloud_control: JsonObject | None) -> JsonObject:
    failing = [view for view in views if not view.status.online and view.status.state != "connecting"]
    cloud_healthy = cloud_control.get("healthy") if cloud_control else None
    failures = sum(view.status.total_failures for view in views)
    successes = sum(view.status.total_successes for view in views)
    untried = bool(views) and not failing and not failures and not successes
    return {
        "consecutive_failures": max((view.status.consecutive_failures for view in views), default=0),
        "total_failures": failures,
        "total_successes": successes,
        "is_degraded": bool(failing) or cloud_healthy is False,
        "local_healthy": None if untried else not failing,  # nothing is known before the first attempt has ended
        "cloud_healthy": cloud_healthy,
        "last_success_time": max((view.status.last_updated or 0 for view in views), default=0),
        "cache_size": sum(view.reading is not None for view in views),
    }


def stats(facts: JsonObject, live: LiveNumbers) -> JsonObject:
    """Write /stats, which is always served with 200, even without a gateway."""
    now = live.get("now", facts["started"])
    body: JsonObject = {
        "pypowerwall": _signature(facts),
        "pypowerwall_version": facts["pypowerwall_version"],
        "server_version": facts["server_version"],
        "mode": facts["mode"],
        "gets": live.get("gets", 0),
        "posts": live.get("posts", 0),
        "errors": live.get("errors", 0),
        "timeout": live.get("timeout", 0),
        "uri": limited(live.get("uri", {})),
        "ts": int(now),
        "start": int(facts["started"]),
        "clear": int(live.get("clear", facts["started"])),
        "uptime": str(timedelta(seconds=max(0, int(now - facts["started"])))),
        "mem": live.get("mem_kb", 0),
    }
    for name in (
        "site_name",
        "cloudmode",
        "fleetapi",
        "tedapi",
        "basiclan",
        "cloudcontrol",
        "cloud_control",
        "pw3",
        "tedapi_mode",
        "siteid",
    ):
        body[name] = facts[name]
    body["counter"] = 0  # kept for clients of the predecessor; there is nothing to count here
    body["cf"] = facts["cf"]
    body["config"] = facts["config"]
    body["connection_health"] = _connection_health(facts, live)
    body["gateways"] = _counts(facts, live)
    body["gateway_statuses"] = [_frozen(entry, live, "last_error") for entry in facts["gateway_statuses"]]
    body["fallback_mode"] = facts["fallback_mode"]
    return body


def health(facts: JsonObject, live: LiveNumbers) -> JsonObject:
    """Write /health, which is always served with 200; ``status`` and the details describe the state."""
    now = live.get("now", facts["started"])
    counts = _counts(facts, live)
    connection = _connection_health(facts, live)
    last = connection.pop("last_success_time")
    connection["last_success_time"] = last or None
    connection["last_success_age_seconds"] = max(0.0, now - last) if last else None
    details = [_aged(_without_poller(entry, live), now) for entry in facts["gateway_details"]]
    body: JsonObject = {
        "status": _word(counts),
        "version": facts["server_version"],
        "gateways": counts["total"],
        "gateways_online": counts["online"],
        "gateways_offline": counts["offline"],
        "gateways_well": sum(entry["condition"] in ALL_WELL for entry in details),
        "gateway_ids": [entry["id"] for entry in facts["gateway_details"]],
        "gateway_details": details,
        "left_out": facts["left_out"],
        "fallback_mode": facts["fallback_mode"],
        "pypowerwall": _signature(facts),
        "mode": facts["mode"],
        "tedapi_mode": facts["tedapi_mode"],
        "connection_health": connection,
        "proxy_stats": {
            "total_gets": live.get("gets", 0),
            "total_posts": live.get("posts", 0),
            "total_errors": live.get("errors", 0),
            "total_timeouts": live.get("timeout", 0),
        },
        "pypowerwall_cache_expire": facts["cache_expire"],
        "degradation_cache_ttl_seconds": facts["cache_ttl"],
        "graceful_degradation": facts["graceful"],
        "fail_fast_mode": facts["fail_fast"],
        "health_check_enabled": facts["health_check"],
        "startup_time": datetime.fromtimestamp(int(facts["started"])).isoformat(),
        "current_time": datetime.fromtimestamp(now).isoformat(),
        "history_problem": live.get("history_problem"),
        "history_in_memory": live.get("history_in_memory"),
        "history_not_stored": facts["history_not_stored"],
        "history_not_taken": facts["history_not_taken"],
    }
    body.update(live.get("extra", {}))
    return body


def mqtt_status(facts: JsonMapping) -> JsonObject:
    """Write /api/mqtt/status, without user name and password; ``reason`` says why there is no connection."""
    enabled, connected = bool(facts.get("host")), bool(facts.get("connected", False))
    return {
        "enabled": enabled,
        "host": facts.get("host") or None,
        "port": facts.get("port", 1883),
        "connected": connected,
        "reason": None if connected or not enabled else facts.get("reason") or "the server has just started",
        "topic_prefix": facts.get("topic_prefix", "pypowerwall"),
        "ha_discovery": facts.get("ha_discovery", True),
        "qos": facts.get("qos", 1),
        "retain": facts.get("retain", True),
        "tls": facts.get("tls", False),
    }


def limited(uri: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of at most 100 paths: the busiest by name, the rest together as ``other``."""
    if len(uri) <= URI_LIMIT:
        return dict(uri)
    ranked = sorted(uri.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ranked[: URI_LIMIT - 1])
    shown["other"] = shown.get("other", 0) + sum(count for _, count in ranked[URI_LIMIT - 1 :])
    return shown


def _signature(facts: JsonObject) -> str:
    return f"{facts['pypowerwall_version']} Server {facts['server_version']}"


def _mode(view: View | None) -> str:
    if view is None:
        return "Local"
    if view.status.mode:
        return view.status.mode
    if view.gateway.fleetapi:
        return "FleetAPI"
    return "Cloud" if view.gateway.cloud_mode else "Local"


def _tedapi_mode(view: View | None) -> str | None:
    """Return the kind of TEDAPI in use, or "off"; None before a gateway that is to speak it has answered."""
    if view is None:
        return "off"
    known = view.status.tedapi_mode or (view.reading.tedapi_mode if view.reading else None)
    if known is None and view.gateway.tedapi_expected and _connection_mode(view) is None:
        return None
    return known or "off"


def _connection_mode(view: View) -> str | None:
    return view.status.connection_mode or (view.reading.connection_mode if view.reading else None)


def _uses_tedapi(view: View) -> bool:
    mode = _connection_mode(view)
    return view.gateway.tedapi_expected if mode is None else mode.startswith("TEDAPI")


def _basic_lan(view: View) -> bool:
    mode = _connection_mode(view)
    return view.gateway.basic_lan if mode is None else mode == "Basic LAN"


def _shows_fallback(view: View) -> bool:
    return view.status.fallback is not None or view.gateway.tedapi_expected


def _pw3(views: list[View]) -> bool | None:
    known = [view.reading.pw3 if view.reading else None for view in views]
    if any(known):
        return True
    unknown_v1r = any(view.gateway.rsa_key_configured and pw3 is None for view, pw3 in zip(views, known, strict=True))
    return None if unknown_v1r else False


def _site_name(view: View | None) -> str | None:
    if view is None:
        return None
    return (view.reading.site_name if view.reading else None) or view.gateway.name


def _statuses_entry(view: View) -> JsonObject:
    return {
        "id": view.gateway.id,
        "name": view.gateway.name,
        "host": view.gateway.host,
        "online": view.status.online,
        "last_error": view.status.error,
        "last_updated": view.status.last_updated,
        "consecutive_failures": view.status.consecutive_failures,
        "backoff_seconds": view.status.backoff_seconds,
    }


def _details_entry(view: View) -> JsonObject:
    status = view.status
    entry: JsonObject = {
        "id": view.gateway.id,
        "online": status.online,
        "error": status.error,
        "state": status.state,
        "state_since": status.state_since,
        "stale": status.stale,
        "cause": status.cause,
        "advice": view.state.availability.advice,
        "condition": condition_of(view.state).word,
        "last_updated": status.last_updated,
        "connection_mode": status.connection_mode,
        "next_attempt": status.next_attempt,
        "consecutive_failures": status.consecutive_failures,
        "calls_per_minute": status.calls_per_minute,
        "calls_total": status.calls_total,
        "poll_seconds": status.poll_seconds,
    }
    if status.capabilities:
        entry["capabilities"] = {
            name: {"available": known.available, "last_success": known.last_success, "failures": known.failures}
            for name, known in status.capabilities.items()
        }
    judged = view.state.judged
    if judged.set_aside:
        entry["set_aside"] = dict(judged.set_aside)
    if judged.notes:
        entry["notes"] = dict(judged.notes)
    return entry


def _connection_health(facts: JsonObject, live: LiveNumbers) -> JsonObject:
    known = dict(facts["connection_health"])
    if live.get("poller_alive") is False:
        known["is_degraded"] = True
        known["local_healthy"] = False
    return known


def _counts(facts: JsonObject, live: LiveNumbers) -> dict[str, int]:
    counts = dict(facts["gateways"])
    if live.get("poller_alive") is False:
        counts["online"], counts["offline"] = 0, counts["total"]
    return counts


def _frozen(entry: JsonObject, live: LiveNumbers, error: str) -> JsonObject:
    if live.get("poller_alive") is False and entry["online"]:
        return {**entry, "online": False, error: CAUSE_BY_ID[POLLER].sentence}
    return entry


def _without_poller(entry: JsonObject, live: LiveNumbers) -> JsonObject:
    """Return the entry as it is, or after the poller has stopped with that cause, as ``/api/site`` has it then."""
    if live.get("poller_alive") is not False:
        return entry
    cause = CAUSE_BY_ID[POLLER]
    why = {"cause": cause.id, "error": cause.sentence, "advice": cause.advice, "condition": AWAY}
    return {**entry, "online": False, **why}


def _aged(entry: JsonObject, now: float) -> JsonObject:
    updated = entry["last_updated"]
    return {**entry, "age_seconds": max(0.0, now - updated) if updated else None}


def _word(counts: Mapping[str, int]) -> str:
    if not counts["total"]:
        return "no_gateways"
    if counts["online"] == counts["total"]:
        return "healthy"
    return "degraded" if counts["online"] else "unhealthy"
