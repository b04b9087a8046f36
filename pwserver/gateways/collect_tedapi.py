"""Make readings over TEDAPI: over WiFi, or v1r over the wired LAN.

An ordinary poll requests the status, the device controller and one query for each Powerwall 3 unit. The lifetime
energies are requested every 15 s, the firmware version every 30 s, the configuration and the components every few
minutes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from pwserver.gateways.collect import (
    MEDIUM_SECONDS,
    Asker,
    alert_names,
    as_dict,
    as_list,
    as_number,
    as_text,
    sound_meters,
    temperatures,
)
from pwserver.gateways.device_memory import CompletedDevices
from pwserver.gateways.library_internals import (
    TEDAPI_FETCHERS,
    disable_tedapi_cache,
    set_powerwall3,
    shorten_tedapi_pauses,
)
from pwserver.gateways.library_types import TEDAPI, Powerwall
from pwserver.gateways.payload_repair import repair, without_nans
from pwserver.gateways.prefetched import PrefetchedMethods
from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.charge import soe_percent
from pwserver.state.energies import ENERGIES
from pwserver.state.fact import finite, member
from pwserver.state.grid import ISLANDED_WORD, contactor_known, grid_word
from pwserver.state.meter_powers import MAIN_METERS

# Answers that only count in the poll that fetched them; the others stand until they are fetched again.
_FAST: Final = ("get_status", "get_device_controller", "get_pw3_vitals", "vitals", "get_native_meters_aggregates")
_SIDE_QUERIES_PER_MINUTE: Final = 10.0  # energies, firmware and the like
_MOST_PLACES: Final = 64  # a bound for a list from outside; sites have up to about ten
_LONGEST_LIBRARY_PAUSE_SECONDS: Final = 300.0  # the library's own pauses double up to two hours


class TedapiSource:
    """Asks the TEDAPI object of one connection, for the TEDAPI and the hybrid collectors."""

    def __init__(self, powerwall: Powerwall, tedapi: TEDAPI, asker: Asker) -> None:
        self.powerwall = powerwall
        self.tedapi = tedapi
        self.asker = asker
        self.v1r = bool(getattr(tedapi, "v1r", False))
        disable_tedapi_cache(tedapi)
        self.prefetched = PrefetchedMethods(tedapi, TEDAPI_FETCHERS)
        self.values = self.prefetched.values
        self.controller_asked = False
        self.units_asked = False

    def begin(self) -> None:
        """Forget what the last poll fetched, and shorten the pauses that the library has begun."""
        self.prefetched.forget(*_FAST)
        shorten_tedapi_pauses(self.tedapi, time.time() + _LONGEST_LIBRARY_PAUSE_SECONDS)

    def config(self, required: bool) -> JsonObject | None:
        """Return the gateway's configuration, refreshed once per slow interval, else the last good one.

        Raises GatewayFailure when it is required and there is none yet.
        """
        asker, name = self.asker, "config"
        last = asker.memory.slow.get(name)

        def fetch() -> Json:
            answer = self.prefetched.fetch("get_config", force=True)
            if isinstance(answer, dict):
                repair(answer)  # over v1r the library decodes it without ``library_internals.decode_payload``
            return without_nans(answer)

        if required and last is None:
            found = asker.require(fetch, _is_config)
            asker.memory.slow[name] = found
            asker.memory.schedule.due(name, asker.tick, asker.options.slow_interval_seconds)
            asker.memory.schedule.succeeded(name, asker.tick)
            asker.arrived(name)
        else:
            found = asker.optional(name, fetch, _is_config, asker.options.slow_interval_seconds, keep=True)
        self.values["get_config"] = found
        asker.record_asked("config", found is not None)
        return as_dict(found)

    def status(self) -> JsonObject:
        """Return a fresh status, the source of all four meters. Raises GatewayFailure."""
        found = self.asker.require(lambda: self.prefetched.fetch("get_status", force=True), _is_status)
        self.asker.arrived("status")
        return dict(found)

    def controller(self) -> bool:
        """Ask the device controller, and return whether it answered.

        Otherwise the status stands in for its answer: it has the same shape without temperatures and fans.
        """
        asker = self.asker
        found = asker.optional(
            "controller", lambda: self.prefetched.fetch("get_device_controller", force=True), _is_controller
        )
        self.controller_asked = asker.asked
        if found is None:
            self.values["get_device_controller"] = self.values.get("get_status")
        return found is not None

    def firmware(self) -> None:
        """Ask for the firmware version once per probe interval, and count the misses for ``fallback.py``."""
        asker = self.asker
        interval = max(5.0, float(asker.options.tedapi_probe_interval_seconds))
        # Not ``asker.optional``, which would ask less often after failures: a lost TEDAPI must be noticed soon.
        if asker.memory.schedule.due("firmware", asker.tick, interval) and asker.limiter.room(1):
            with asker.limiter.optional():
                try:
                    found = self.prefetched.fetch("get_firmware_version", force=True, details=True)
                except Exception:
                    found = None
            asker.memory.schedule.succeeded("firmware", asker.tick)
            asker.memory.version_misses = 0 if found is not None else asker.memory.version_misses + 1
            asker.record("firmware", found is not None)
            if found is not None:
                asker.memory.slow["firmware"] = found
        self.values["get_firmware_version"] = asker.memory.slow.get("firmware")

    def components(self) -> None:
        """Ask once per slow interval for the components of a Powerwall 3, without which its units cannot be asked."""
        self.values["get_components"] = self.asker.optional(
            "components",
            lambda: without_nans(self.prefetched.fetch("get_components", force=True)),
            lambda answer: isinstance(answer, dict) and bool(answer),
            self.asker.options.slow_interval_seconds,
            keep=True,
        )

    def units(self, count: int) -> None:
        """Ask each of ``count`` Powerwall 3 units for its own values, with one request per unit."""
        if not self.tedapi.pw3 or not self.values.get("get_components"):
            return
        units = max(1, count)
        per_minute = 60.0 / max(self.asker.options.poll_interval_seconds, 0.1)
        spare = max(1.0, self.asker.limiter.optional_ceiling - per_minute - _SIDE_QUERIES_PER_MINUTE)
        found = self.asker.optional(
            "units",
            lambda: self.prefetched.fetch("get_pw3_vitals", force=True),
            lambda answer: isinstance(answer, dict) and bool(answer),
            # The requests for many units may exceed the budget; then they are sent in every second poll, or less often.
            60.0 * units / spare if units * per_minute > spare else 0.0,
            calls=units,
        )
        self.units_asked = self.asker.asked
        self.asker.record_asked("components", found is not None)

    def vitals(self) -> JsonObject | None:
        """Compute the vitals of all devices once per poll, and let the library's other methods see the same result."""
        try:
            found = as_dict(self.asker.tidy(self.prefetched.fetch("vitals")))
        except Exception:
            found = None
        self.values["vitals"] = found
        return found

    def name_answers(self, *families: str) -> None:
        """Note which answer the devices were read from; each Powerwall 3 unit reports its figures in its own."""
        if self.tedapi.pw3 and self.values.get("get_pw3_vitals"):
            self.asker.answered("TEDAPI components of each Powerwall", "units", *families)
        elif self.values.get("get_device_controller") is self.values.get("get_status"):
            self.asker.answered("TEDAPI status", "status", *families)
        else:
            self.asker.answered("TEDAPI device controller", "controller", *families)

    def energies(self) -> JsonMapping | None:
        """Ask the gateway's local API for the lifetime energies, which TEDAPI lacks; None when not due or not there."""
        found = self.asker.optional(
            "energies",
            lambda: self.prefetched.fetch("get_native_meters_aggregates", force=True),
            lambda answer: isinstance(answer, dict),
            MEDIUM_SECONDS,
            calls=2,  # a login, then the meters
        )
        # The library would merge old energies into fresh powers; ``_meters`` merges them only when they are fresh.
        self.values["get_native_meters_aggregates"] = None
        return as_dict(without_nans(found))

    def is_powerwall3(self, config: JsonMapping | None) -> bool | None:
        """Judge by the configuration whether this is a Powerwall 3, else by the library's guess, and remember it.

        None while neither is known.
        """
        known = self.asker.memory.slow.get("pw3")
        blocks = config.get("battery_blocks") if config else None
        for block in blocks or ():
            kind, vin = str(block.get("type")), str(block.get("vin"))
            known = "Powerwall3" in kind or "LFPV" in kind or vin.startswith("1707000")  # 1707000: its part number
            if known:
                break
        if known is None and not self.v1r and config is not None:
            known = bool(self.tedapi.pw3)
        if known is not None:
            self.asker.memory.slow["pw3"] = known
            if blocks and not self.v1r:
                set_powerwall3(self.tedapi, known)
        return known


class TedapiCollector:
    """Makes readings over a full or v1r TEDAPI connection."""

    def __init__(self, powerwall: Powerwall, asker: Asker) -> None:
        self.powerwall = powerwall
        self.client = powerwall.client
        self.asker = asker
        self.source = TedapiSource(powerwall, self.client.tedapi, asker)

    @property
    def reach(self) -> Reach:
        """Return the kind of this connection."""
        return Reach.V1R if self.powerwall.tedapi_mode == "v1r" else Reach.TEDAPI

    def collect(self) -> Reading:
        """Make one reading with the requests that the module's docstring lists. Raises GatewayFailure."""
        asker, source, client = self.asker, self.source, self.client
        asker.begin()
        source.begin()
        config = source.config(required=True)
        pw3 = source.is_powerwall3(config)
        status = source.status()
        arrived = asker.memory.arrivals["status"]
        controller_came = source.controller()
        blocks = as_list((config or {}).get("battery_blocks")) or []
        # ``units`` needs the components. All of these are optional, and the later ones are the first to be left out.
        source.components()
        source.units(len(blocks))
        source.firmware()
        fresh_energies = source.energies()
        meters = self._meters(fresh_energies)
        vitals = source.vitals()
        # The status that stands in for the controller's answer has no fans, and would look like fans that are gone.
        fans = asker.derive(source.tedapi.get_fan_speeds) if controller_came or source.tedapi.pw3 else None
        system_status = as_dict(asker.derive(client.poll, "/api/system_status"))
        detail = _told_grid(as_dict(asker.derive(client.poll, "/api/system_status/grid_status")), status)
        if detail is None and system_status is not None:
            system_status = {**system_status, "system_island_state": None}
        # A Powerwall 3 gateway marks its own units as missing, although they answer for themselves.
        bus = source.values["get_device_controller"]
        away = asker.memory.guard.silent(vitals, asker.tick, bus, marked=not pw3)
        completed = asker.memory.guard.apply(vitals, system_status, as_dict(fans), config, asker.tick, away)
        source.values["vitals"] = completed.vitals
        self._record(vitals, completed, controller_came, fresh_energies)
        api_status = as_dict(asker.derive(client.poll, "/api/status"))
        asker.record("grid", detail is not None)
        operation = as_dict(asker.derive(client.poll, "/api/operation"))
        site_info = as_dict(asker.derive(client.poll, "/api/site_info"))
        mode = self.powerwall.tedapi_mode
        # Without a battery there are no such rules, but the library reports its defaults for them all the same.
        ruled = bool(blocks) and mode in ("full", "v1r")
        asker.answered("TEDAPI status", "status", "meters", "level", "grid", "system", "remaining")
        asker.answered("GET /api/meters/aggregates", "energies", "energy")
        asker.answered("TEDAPI config", "config", "operation")
        source.name_answers("vitals", "strings", "alerts", "units")
        soe = soe_percent(asker.derive(self.powerwall.level))
        asker.record("level", soe is not None)
        return Reading(
            gateway_id=asker.gateway_id,
            timestamp=arrived,
            aggregates=meters,
            listed_meters=_listed_meters(status),
            answers=asker.answers,
            vitals=completed.vitals,
            strings=as_dict(asker.derive(self.powerwall.strings)) if completed.vitals is not None else None,
            soe_raw=soe,
            status=api_status,
            version=as_text((api_status or {}).get("version")),
            din=as_text((api_status or {}).get("din")),
            uptime=as_text((api_status or {}).get("up_time_seconds")),
            alerts=alert_names(asker.derive(self.powerwall.alerts)) if completed.vitals is not None else None,
            temps=temperatures(completed.vitals),
            site_name=as_text((site_info or {}).get("site_name")),
            site_info=site_info,
            grid_status=grid_word(detail),
            grid_status_detail=detail,
            mode=as_text((operation or {}).get("real_mode")),
            reserve=as_number(asker.derive(self.powerwall.get_reserve)),
            operation=operation,
            time_remaining=_not_negative(asker.derive(client.get_time_remaining)),
            grid_charging=asker.derive(client.get_grid_charging) if ruled else None,
            grid_export=as_text(asker.derive(client.get_grid_export)) if ruled else None,
            system_status=completed.system_status,
            fan_speeds=completed.fans,
            device_type=as_text((api_status or {}).get("device_type")),
            pw3=pw3,
            tedapi_mode=mode if mode in ("full", "v1r", "hybrid") else None,
            reach=self.reach,
            tedapi_config=config,
            tedapi_status=asker.tidy(status),
            tedapi_components=as_dict(source.values.get("get_components")),
            tedapi_battery=blocks,
            tedapi_controller=as_dict(asker.tidy(source.values["get_device_controller"])) if controller_came else None,
            networks=None,
            powerwalls=None,
            meters=None,
            meters_site=None,
            meters_solar=None,
            solars=None,
            solar_powerwall=None,
            cloud=None,
            fleet=None,
            tariff=None,
            backup_events=self._backup_events(mode),
            vitals_carried=completed.carried,
            device_ages_seconds=completed.ages_seconds,
        )

    def _meters(self, fresh: JsonMapping | None) -> JsonObject:
        """Return the four meters, with energies only when they are fresh: the library makes missing ones 0."""
        try:
            raw = self.client.poll("/api/meters/aggregates")  # computed from the status; sends nothing
        except Exception:
            raw = None
        meters = sound_meters(raw)
        for name in MAIN_METERS:
            meter, told = meters.get(name), fresh.get(name) if fresh is not None else None
            if isinstance(meter, dict):
                meter.update({field: told.get(field) if isinstance(told, Mapping) else None for field in ENERGIES})
        return meters

    def _record(
        self, vitals: object, completed: CompletedDevices, controller_came: bool, energies: JsonMapping | None
    ) -> None:
        asker = self.asker
        asker.record("meters", True)
        asker.record("vitals", vitals is not None)
        if self.source.units_asked:
            asker.record("devices", not completed.ages_seconds)
        if controller_came or self.source.controller_asked:
            asker.record("controller", controller_came)
        asker.record("system_status", completed.system_status is not None)
        if controller_came:
            asker.record("fans", bool(completed.fans))
            asker.record("strings", any(name.startswith("PVAC--") for name in completed.vitals or ()))
        if energies is not None or not asker.memory.schedule.waiting("energies", asker.tick):
            asker.record("energy", energies is not None)

    def _backup_events(self, mode: str) -> JsonObject | None:
        if mode != "v1r":
            return None
        return as_dict(
            self.asker.optional(
                "backup events", self.client.get_backup_events, lambda answer: isinstance(answer, dict), 60.0, keep=True
            )
        )


def _told_grid(detail: JsonObject | None, status: JsonMapping) -> JsonObject | None:
    """Return the library's state of the grid; None where it took an unknown word for an outage."""
    if detail is None or detail.get("grid_status") != ISLANDED_WORD:
        return detail
    word = member(status, "esCan", "bus", "ISLANDER", "ISLAND_GridConnection", "ISLAND_GridConnected")
    return detail if contactor_known(word) else None


def _listed_meters(status: JsonMapping) -> JsonObject:
    """Return the meters of the status that the library drops, by place; of two at one place, the last."""
    found: JsonObject = {}
    listed = member(status, "control", "meterAggregates")
    for entry in listed[:_MOST_PLACES] if isinstance(listed, list) else ():
        place = entry.get("location") if isinstance(entry, Mapping) else None
        if isinstance(place, str) and place.lower() not in MAIN_METERS:
            found[place.lower()] = {
                "last_communication_time": member(status, "system", "time"),
                "instant_power": finite(entry.get("realPowerW")),
            }
    return found


def _not_negative(value: object) -> float | None:
    number = as_number(value)
    return number if number is not None and number >= 0 else None


def _is_config(answer: object) -> bool:
    return isinstance(answer, dict) and bool(answer.get("vin") or answer.get("site_info"))


def _is_status(answer: object) -> bool:
    return isinstance(answer, dict) and any(name in answer for name in ("control", "esCan", "system"))


def _is_controller(answer: object) -> bool:
    return _is_status(answer)
