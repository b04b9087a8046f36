"""Make readings over the gateway's local API (customer login): Powerwall 2/+, hybrid with TEDAPI, Basic LAN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pwserver.gateways.collect import (
    MEDIUM_SECONDS,
    Asker,
    alert_names,
    as_dict,
    as_list,
    as_number,
    as_text,
    compute,
    sound_meters,
    temperatures,
)
from pwserver.gateways.collect_tedapi import TedapiSource
from pwserver.gateways.device_memory import CompletedDevices
from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.payload_repair import without_nans
from pwserver.gateways.prefetched import PrefetchedPoll
from pwserver.gateways.silent_devices import Silent, strings_without_silent, without_silent
from pwserver.json_types import Json, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.charge import soe_percent
from pwserver.state.grid import grid_word

_AGGREGATES: Final = "/api/meters/aggregates"
_SOE: Final = "/api/system_status/soe"
_GRID: Final = "/api/system_status/grid_status"
_VITALS: Final = "/api/devices/vitals"
_SOLAR: Final = "/api/solar_powerwall"
_SYSTEM: Final = "/api/system_status"
_OPERATION: Final = "/api/operation"
_STATUS: Final = "/api/status"
_OPERATION_SECONDS: Final = 30.0  # mode and reserve change by hand only; a command asks for them at once

_SLOW_OBJECTS: Final = (_STATUS, "/api/site_info", "/api/site_info/site_name", "/api/powerwalls")
_SLOW_LISTS: Final = ("/api/networks", "/api/meters", "/api/meters/site", "/api/meters/solar", "/api/solars")


class LocalCollector:
    """Makes readings over a local connection. On a Basic LAN port it asks only for meters, level and grid status."""

    def __init__(self, powerwall: Powerwall, asker: Asker) -> None:
        self.powerwall = powerwall
        self.client = powerwall.client
        self.asker = asker
        self.basic_lan = False
        self._tested = False
        self.prefetched = PrefetchedPoll(self.client)
        self.values = self.prefetched.values
        self.source = TedapiSource(powerwall, self.client.tedapi, asker) if self.client.tedapi else None

    def test_again(self) -> None:
        """Let the next poll test once more whether this is only a Basic LAN port."""
        self._tested = False
        self.asker.memory.schedule.ask_again(_STATUS)

    def _test(self, detail: JsonObject | None) -> None:
        """Judge whether this is a Basic LAN port.

        The wired port of a Powerwall 3 reports a grid status, but refuses ``/api/status``. A timeout proves nothing.
        """
        if self._tested or self.source is not None:
            return
        status = self._object(_STATUS, self.asker.options.slow_interval_seconds, keep_seconds=math.inf)
        refused = any(item.path == _STATUS and item.status is not None for item in self.asker.limiter.exchanges)
        if status is not None or (refused and grid_word(detail) is not None):
            self._tested = True
            self.basic_lan = status is None

    @property
    def reach(self) -> Reach:
        """Return the kind of this connection."""
        if self.basic_lan:
            return Reach.BASIC_LAN
        return Reach.HYBRID if self.source is not None else Reach.LOCAL

    def ask_now(self, path: str) -> Json:
        """Return a fresh answer of the gateway, for a command; None when none came."""
        try:
            return without_nans(self.prefetched.fetch(path))
        except Exception:
            return None

    def collect(self) -> Reading:
        """Make one reading. Raises GatewayFailure."""
        asker = self.asker
        asker.begin()
        self.values.clear()
        meters = sound_meters(
            asker.require(lambda: self.prefetched.fetch(_AGGREGATES), lambda answer: isinstance(answer, dict))
        )
        arrived = asker.arrived(_AGGREGATES)
        asker.record("meters", True)
        asker.answered(f"GET {_AGGREGATES}", _AGGREGATES, "meters")
        level = self._fast("level", _SOE)
        detail = self._fast("grid", _GRID)
        percent = soe_percent((level or {}).get("percentage"))
        asker.answered(f"GET {_SOE}", _SOE, "level")
        asker.answered(f"GET {_GRID}", _GRID, "grid")
        self._test(detail)
        if self.basic_lan:
            return Reading.partial(
                gateway_id=asker.gateway_id,
                timestamp=arrived,
                aggregates=meters,
                soe_raw=percent,
                grid_status=grid_word(detail),
                grid_status_detail=detail,
                reach=self.reach,
                answers=asker.answers,
            )
        # The vitals come first: the library computes strings and alerts below from their answer.
        completed, away, config = self._devices()
        vitals = completed.vitals
        strings = as_dict(compute(self.powerwall.strings)) if vitals or self.values.get(_SOLAR) else None
        if self.source is None:
            strings = strings_without_silent(strings, vitals, away)  # the library reads its own copy of the vitals
        # The last answer stands in for two intervals: one miss changes nothing, but a silent gateway must show as such.
        system = self._object(_SYSTEM, MEDIUM_SECONDS, keep_seconds=2 * MEDIUM_SECONDS)
        asker.record_asked("system_status", system is not None)
        system = without_silent(system, vitals, away)
        operation = self._object(_OPERATION, _OPERATION_SECONDS, keep_seconds=4 * _OPERATION_SECONDS)
        self._ask_slowly()
        status = as_dict(self.values.get(_STATUS))
        asker.record("firmware", status is not None)
        asker.answered(f"GET {_SYSTEM}", _SYSTEM, "system", "remaining")
        asker.answered(f"GET {_OPERATION}", _OPERATION, "operation")
        name = as_dict(self.values.get("/api/site_info/site_name")) or as_dict(self.values.get("/api/site_info")) or {}
        mode = self.powerwall.tedapi_mode
        return Reading(
            gateway_id=asker.gateway_id,
            timestamp=arrived,
            aggregates=meters,
            vitals=vitals,
            strings=strings,
            soe_raw=percent,
            status=status,
            version=as_text((status or {}).get("version")),
            din=as_text((status or {}).get("din")),
            uptime=as_text((status or {}).get("up_time_seconds")),
            alerts=alert_names(compute(self.powerwall.alerts)) if vitals or self.values.get(_SOLAR) else None,
            temps=temperatures(vitals),
            site_name=as_text(name.get("site_name")),
            site_info=as_dict(self.values.get("/api/site_info")),
            grid_status=grid_word(detail),
            grid_status_detail=detail,
            mode=as_text((operation or {}).get("real_mode")),
            reserve=as_number(compute(self.powerwall.get_reserve)),
            operation=operation,
            time_remaining=as_number(compute(self.client.get_time_remaining)),
            system_status=system,
            fan_speeds=completed.fans,
            networks=as_list(self.values.get("/api/networks")),
            powerwalls=as_dict(self.values.get("/api/powerwalls")),
            meters=as_list(self.values.get("/api/meters")),
            meters_site=as_list(self.values.get("/api/meters/site")),
            meters_solar=as_list(self.values.get("/api/meters/solar")),
            solars=as_list(self.values.get("/api/solars")),
            solar_powerwall=as_dict(self.values.get(_SOLAR)),
            device_type=as_text((status or {}).get("device_type")),
            pw3=self.source.is_powerwall3(config) if self.source is not None else None,
            tedapi_mode=mode if mode in ("full", "v1r", "hybrid") and self.source is not None else None,
            reach=self.reach,
            tedapi_config=without_nans(config),
            tedapi_battery=as_list(without_nans((config or {}).get("battery_blocks"))),
            tedapi_controller=as_dict(without_nans(self.source.values.get("get_device_controller")))
            if self.source is not None
            else None,
            grid_charging=None,
            grid_export=None,
            tedapi_status=None,
            tedapi_components=None,
            cloud=None,
            fleet=None,
            tariff=None,
            backup_events=None,
            vitals_carried=completed.carried,
            device_ages_seconds=completed.ages_seconds,
            answers=asker.answers,
        )

    def _ask_slowly(self) -> None:
        """Ask once per slow interval for what changes rarely."""
        interval_seconds = self.asker.options.slow_interval_seconds
        for path in _SLOW_OBJECTS:
            self._object(path, interval_seconds, keep_seconds=math.inf)
        for path in _SLOW_LISTS:
            self.values[path] = self._ask(path, interval_seconds, lambda answer: isinstance(answer, list))

    def _devices(self) -> tuple[CompletedDevices, Silent, JsonObject | None]:
        """Return the devices, those of which the gateway only repeats the last figures, and the configuration."""
        source, asker, guard = self.source, self.asker, self.asker.memory.guard
        if source is None:
            vitals = self._own_vitals()
            away = guard.silent(vitals, asker.tick)
            completed = guard.apply(vitals, None, None, None, asker.tick, away)
            return completed, away, None
        source.begin()
        config = source.config(required=False)
        if not source.controller():
            # Over a hybrid connection no TEDAPI status is fetched that could stand in for the controller.
            source.values["get_device_controller"] = None
        source.components()
        source.units(len((config or {}).get("battery_blocks") or ()))
        fans = as_dict(compute(source.tedapi.get_fan_speeds))
        vitals = source.vitals()
        bus = source.values["get_device_controller"]
        away = guard.silent(vitals, asker.tick, bus, marked=not source.is_powerwall3(config))
        completed = guard.apply(vitals, None, fans, config, asker.tick, away)
        source.values["vitals"] = completed.vitals
        source.name_answers("vitals", "strings", "alerts")
        asker.record("vitals", completed.vitals is not None and not completed.ages_seconds)
        return completed, away, config

    def _own_vitals(self) -> JsonObject | None:
        """Ask for the gateway's own device vitals, which only firmware before 23.44 has.

        Later firmware still has ``/api/solar_powerwall``, from which the library makes strings and alerts.
        """
        found = self._ask(_VITALS, 0.0, lambda answer: isinstance(answer, bytes) and bool(answer), keep_seconds=0.0)
        self.values[_VITALS] = found
        vitals = as_dict(compute(self.client.vitals)) if found else None
        self.asker.record_asked("vitals", vitals is not None)
        if vitals is None:
            self._object(_SOLAR, 0.0, keep_seconds=0.0)
            self.asker.answered(f"GET {_SOLAR}", _SOLAR, "strings", "alerts", "solar_powerwall")
        else:
            self._object(_SOLAR, 2 * MEDIUM_SECONDS, keep_seconds=4 * MEDIUM_SECONDS)
            self.asker.answered(f"GET {_VITALS}", _VITALS, "vitals", "strings", "alerts")
            self.asker.answered(f"GET {_SOLAR}", _SOLAR, "solar_powerwall")
        return vitals

    def _fast(self, family: str, path: str) -> JsonObject | None:
        found = self._object(path, 0.0, keep_seconds=0.0)
        self.asker.record_asked(family, found is not None)
        return found

    def _object(self, path: str, interval_seconds: float, keep_seconds: float) -> JsonObject | None:
        found = self._ask(path, interval_seconds, lambda answer: as_dict(answer) is not None, keep_seconds)
        self.values[path] = found
        return as_dict(found)

    def _ask(
        self, path: str, interval_seconds: float, good: Callable[[object], bool], keep_seconds: float = math.inf
    ) -> Json:
        return self.asker.optional(
            path,
            lambda: without_nans(self.prefetched.fetch(path)),
            good,
            interval_seconds,
            keep=keep_seconds > 0,
            keep_seconds=keep_seconds,
        )
