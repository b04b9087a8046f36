"""Make readings from Tesla's servers (owner account or FleetAPI)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.gateways.collect import (
    CLOUD_SLOW_SECONDS,
    Asker,
    alert_names,
    as_dict,
    as_number,
    as_text,
    compute,
    sound_meters,
)
from pwserver.gateways.library_internals import CLOUD_FETCHERS, FLEET_FETCHERS, end_fleet_pause
from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.payload_repair import without_nans
from pwserver.gateways.prefetched import PrefetchedMethods
from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.charge import raw_percent, soe_percent
from pwserver.state.energies import ENERGIES
from pwserver.state.fact import finite
from pwserver.state.grid import ISLANDED_WORD, agreeing_alerts, cloud_word, grid_word
from pwserver.state.meter_powers import MAIN_METERS

_LIVE_STATUS: Final = "live_status of Tesla's servers"


class CloudCollector:
    """Makes readings over a cloud connection: powers and level in every poll, the site's settings once a minute."""

    def __init__(self, powerwall: Powerwall, asker: Asker) -> None:
        self.powerwall = powerwall
        self.client = powerwall.client
        self.asker = asker
        self.fleet = getattr(self.client, "fleet", None)
        if self.fleet is not None:
            self.battery, self.power, self.config, self.remaining = FLEET_FETCHERS
            self.prefetched = PrefetchedMethods(self.fleet, FLEET_FETCHERS)
        else:
            self.battery, self.power, self.config, self.remaining, self.tariff = CLOUD_FETCHERS
            self.prefetched = PrefetchedMethods(self.client, CLOUD_FETCHERS)
        self.reach = Reach.FLEETAPI if self.fleet is not None else Reach.CLOUD

    def collect(self) -> Reading:
        """Make one reading. Raises GatewayFailure."""
        asker, values, fetch = self.asker, self.prefetched.values, self.prefetched.fetch
        asker.begin()
        self.prefetched.forget(self.power, self.battery)
        if self.fleet is not None:
            end_fleet_pause(self.fleet)  # the request limiter keeps the pause after a 429, to the second
        # The first answer about the site is required: without it the library computes the grid and mode from defaults.
        if asker.memory.slow.get(self.config) is None:
            asker.memory.slow[self.config] = asker.require(lambda: fetch(self.config, force=True), _answered)
            asker.memory.schedule.due(self.config, asker.tick, CLOUD_SLOW_SECONDS)
            asker.memory.schedule.succeeded(self.config, asker.tick)
            asker.arrived(self.config)
        values[self.config] = self._slow(self.config)
        asker.require(lambda: fetch(self.power, force=True), _answered)
        arrived = asker.arrived(self.power)
        meters = self._meters()
        values[self.battery] = asker.optional("level", lambda: fetch(self.battery, force=True), _answered)
        values[self.remaining] = self._slow(self.remaining)
        asker.record("meters", True)
        power, battery, config = (self._raw(name) for name in (self.power, self.battery, self.config))
        detail = as_dict(compute(self.client.poll, "/api/system_status/grid_status"))
        word = cloud_word(power.get("island_status"), power.get("grid_status"))
        # The library reads only one of the two members, and reports a connected grid when it is missing.
        detail = {**detail, "grid_status": word} if detail is not None and word is not None else None
        soe = self._level(battery, power)
        asker.answered(_LIVE_STATUS, self.power, "meters", "grid", "vitals", "strings", "alerts")
        asker.answered("site_status of Tesla's servers", "level", "level", "system")
        asker.answered("site_info of Tesla's servers", self.config, "operation")
        asker.answered("backup_time_remaining of Tesla's servers", self.remaining, "remaining")
        asker.record("level", soe is not None)
        asker.record("grid", detail is not None)
        operation = self._operation(config)
        vitals = _agreeing_devices(as_dict(compute(self.client.get_vitals)), word)
        asker.record("vitals", vitals is not None)
        status = as_dict(compute(self.client.poll, "/api/status"))
        site_info = as_dict(compute(self.client.poll, "/api/site_info"))
        account = self.fleet or self.client
        # Tesla leaves a rule out of ``components`` while it has its default; without ``components`` nothing is known.
        rules_told = isinstance(config.get("components"), Mapping)
        hours = self._raw(self.remaining).get("time_remaining_hours") if self.fleet else values[self.remaining]
        return Reading(
            gateway_id=asker.gateway_id,
            timestamp=arrived,
            aggregates=meters,
            # ``live_status`` has the power of a generator, which the library does not pass on.
            listed_meters={
                "generator": {
                    "last_communication_time": power.get("timestamp"),
                    "instant_power": as_number(without_nans(power.get("generator_power"))),
                }
            },
            answers=asker.answers,
            vitals=vitals,
            strings={},  # not None: the servers have none, which is known
            soe_raw=soe,
            status=status,
            version=as_text((status or {}).get("version")),
            din=as_text((status or {}).get("din")),
            alerts=_alerts(compute(self.powerwall.alerts), word) if vitals is not None else None,
            temps={},  # likewise
            site_name=as_text((site_info or {}).get("site_name")),
            site_info=site_info,
            grid_status=grid_word(detail),
            grid_status_detail=detail,
            mode=as_text((operation or {}).get("real_mode")),
            reserve=as_number(config.get("backup_reserve_percent")),
            operation=operation,
            time_remaining=as_number(hours),
            grid_charging=compute(account.get_grid_charging) if rules_told else None,
            grid_export=as_text(compute(account.get_grid_export)) if rules_told else None,
            system_status=_agreeing_status(as_dict(compute(self.client.poll, "/api/system_status")), word),
            device_type=as_text((status or {}).get("device_type")),
            reach=self.reach,
            cloud=None
            if self.fleet is not None
            else {
                "battery": without_nans(values.get(self.battery)),
                "power": without_nans(values.get(self.power)),
                "config": without_nans(values.get(self.config)),
            },
            fleet=None
            if self.fleet is None
            else {
                "info": without_nans(values.get(self.config)),
                "status": without_nans(values.get(self.power)),
            },
            uptime=None,
            fan_speeds=None,
            networks=None,
            powerwalls=None,
            meters=None,
            meters_site=None,
            meters_solar=None,
            solars=None,
            solar_powerwall=None,
            pw3=None,
            tedapi_mode=None,
            tedapi_config=None,
            tedapi_status=None,
            tedapi_components=None,
            tedapi_battery=None,
            tedapi_controller=None,
            backup_events=None,
            tariff=self._tariff(),
        )

    def _level(self, battery: JsonMapping, power: JsonMapping) -> float | None:
        """Return the charge on the gateway's scale; None when neither answer has it.

        The library reads it in one of two answers, and makes a missing one 0 %, which is 5 % on this scale. So it is
        asked only when that very answer has a number; else the other answer is looked at.
        """
        its_own, other = (battery, power) if self.fleet is None else (power, battery)
        if soe_percent(its_own.get("percentage_charged")) is not None:
            return soe_percent(compute(self.powerwall.level))
        told = soe_percent(other.get("percentage_charged"))
        return None if told is None else raw_percent(told)

    def _meters(self) -> JsonObject:
        """Return the four meters without energies. Raises GatewayFailure when they make no sense."""
        meters = sound_meters(compute(self.client.poll, "/api/meters/aggregates"))
        for name in MAIN_METERS:
            if isinstance(meters.get(name), dict):
                meters[name].update(dict.fromkeys(ENERGIES))  # the servers report no energies; the library makes them 0
        return meters

    def _operation(self, config: JsonMapping) -> JsonObject | None:
        """Return mode and reserve; the reserve is None when the servers do not report it (the library makes one up)."""
        operation = as_dict(compute(self.client.poll, "/api/operation"))
        if operation is not None and finite(config.get("backup_reserve_percent")) is None:
            operation = {**operation, "backup_reserve_percent": None}
        return operation

    def _slow(self, name: str) -> Json:
        return self.asker.optional(
            name,
            lambda: self.prefetched.fetch(name, force=True),
            lambda answer: answer is not None,
            CLOUD_SLOW_SECONDS,
            keep=True,
        )

    def _raw(self, name: str) -> JsonMapping:
        """Return one raw answer without ``response`` around it, which the library's FleetAPI client removes itself."""
        found = self.prefetched.values.get(name)
        inner = found.get("response") if isinstance(found, Mapping) and self.fleet is None else found
        return inner if isinstance(inner, Mapping) else {}

    def _tariff(self) -> JsonObject | None:
        if self.fleet is not None:
            return as_dict(compute(self.client.poll, "/api/tesla/tariff_rate"))
        found = self.asker.optional(
            "tariff",
            lambda: self.prefetched.fetch(self.tariff, force=True),
            lambda answer: isinstance(answer, dict),
            self.asker.options.slow_interval_seconds,
            keep=True,
        )
        return as_dict(without_nans(found))


def _agreeing_devices(vitals: JsonMapping | None, word: str | None) -> JsonObject | None:
    if vitals is None:
        return None
    return {
        name: {**device, "alerts": agreeing_alerts(device["alerts"], word)}
        if isinstance(device, Mapping) and isinstance(device.get("alerts"), list)
        else device
        for name, device in vitals.items()
    }


def _agreeing_status(status: JsonObject | None, word: str | None) -> JsonObject | None:
    return status if status is None else {**status, "system_island_state": word}


def _alerts(found: object, word: str | None) -> list[str] | None:
    """Return the alerts, in which the judged state of the grid replaces the one that the library adds."""
    names = alert_names(found)
    if names is None:
        return None
    return sorted({*agreeing_alerts(names, word), *([word] if word == ISLANDED_WORD else [])})


def _answered(answer: object) -> bool:
    return isinstance(answer, Mapping) and bool(answer)
