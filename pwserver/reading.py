"""Define the data that all packages share: what a poll learned, and what is known about a gateway.

Plain data only: no behaviour, no I/O, nothing secret. Units are in the names or stated beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from typing import Any

from pwserver.json_types import JsonArray, JsonObject
from pwserver.modes import Reach
from pwserver.records import record


@record(frozen=True, slots=True)
class GatewayIdentity:
    """Holds the public facts of one configured gateway; passwords, e-mail addresses and paths never get here."""

    id: str
    name: str
    host: str | None = None
    port: int | None = None
    rsa_key_configured: bool = False
    wifi_host: str | None = None
    site_id: str | None = None
    timezone: str = "UTC"  # IANA name; days begin at its midnight
    timezone_set: bool = False  # True: the owner set it; False: a zone that the gateway reports takes precedence
    basic_lan: bool = False
    tedapi_expected: bool = False
    cloud_mode: bool = False
    fleetapi: bool = False
    type: str = "powerwall"  # or "inverter"
    virtual: bool = False  # the "aggregate" gateway, made of all the others
    timezone_told: bool = False  # the gateway has reported it
    way: str | None = None  # name of a ``modes.ConnectionMode``: how it is meant to be reached


@record(frozen=True, slots=True)
class Answered:
    """Describes one answer of the gateway, or of Tesla's servers, that a reading was made from."""

    name: str  # the request, for people: "GET /api/meters/aggregates", "TEDAPI status", "live_status of Tesla's cloud"
    at: float  # epoch seconds at which it arrived


@record(frozen=True, slots=True)
class Reading:
    """Holds everything that one poll of one gateway learned; ``None`` means unknown, never zero.

    Members that a gateway can report have no default, so that a collector that forgets one fails the type check.
    """

    gateway_id: str
    timestamp: float  # when the meters arrived: epoch seconds by this machine's clock, as a gateway's may be wrong
    aggregates: JsonObject  # site, battery, load, solar meters in the library's shape
    vitals: JsonObject | None
    strings: JsonObject | None
    soe_raw: float | None  # percent as the gateway counts it: Tesla's app hides the lowest 5 % (state/charge.py)
    status: JsonObject | None
    version: str | None
    din: str | None
    uptime: str | None
    alerts: list[str] | None
    temps: JsonObject | None  # device -> degrees Celsius
    site_name: str | None
    site_info: JsonObject | None
    grid_status: str | None  # UP, DOWN, SYNCING
    grid_status_detail: JsonObject | None
    mode: str | None
    reserve: float | None  # percent, app scale
    operation: JsonObject | None  # /api/operation as the gateway gives it (raw reserve)
    time_remaining: float | None  # hours
    grid_charging: bool | None
    grid_export: str | None
    system_status: JsonObject | None
    fan_speeds: JsonObject | None
    networks: JsonArray | None
    powerwalls: JsonObject | None
    meters: JsonArray | None
    meters_site: JsonArray | None
    meters_solar: JsonArray | None
    solars: JsonArray | None
    solar_powerwall: JsonObject | None
    device_type: str | None
    pw3: bool | None
    tedapi_mode: str | None  # full, v1r, hybrid
    reach: Reach | None  # the kind of connection that the data came over
    tedapi_config: JsonObject | None
    tedapi_status: JsonObject | None
    tedapi_components: JsonObject | None
    tedapi_battery: JsonArray | None
    tedapi_controller: JsonObject | None
    cloud: JsonObject | None  # battery, power, config: raw cloud answers
    fleet: JsonObject | None  # info, status: raw FleetAPI answers
    tariff: JsonObject | None
    backup_events: JsonObject | None  # v1r only: the body of /control/max_backup
    vitals_carried: bool = False  # some vitals were kept from an earlier poll, because a unit did not answer
    device_ages_seconds: Mapping[str, float] = field(default_factory=dict)  # device -> age, for carried devices only
    flags: Mapping[str, str] = field(default_factory=dict)  # implausible value -> the reason it was set aside
    listed_meters: JsonObject = field(default_factory=dict)  # further meters that the library drops, in the same shape
    # The judges write the next three, not the collectors: a replica must repeat their verdicts, not judge afresh.
    further_meters: list[str] = field(default_factory=list)  # the meters of ``listed_meters`` that the house really has
    unit_numbers: Mapping[str, int] = field(default_factory=dict)  # serial number -> the unit's permanent number
    counter_resets: Mapping[str, float] = field(default_factory=dict)  # counter -> epoch seconds of its restart
    # Family (meters, level, grid, system, vitals, operation, remaining ...) -> the answer its values were read from.
    answers: Mapping[str, Answered] = field(default_factory=dict)

    @classmethod
    def partial(cls, gateway_id: str, timestamp: float, aggregates: JsonObject, **told: Any) -> Reading:
        """Make a reading from a source that reports only these members; all others are unknown."""
        unknown = {one.name: None for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING}
        return cls(**{**unknown, "gateway_id": gateway_id, "timestamp": timestamp, "aggregates": aggregates, **told})

    @property
    def connection_mode(self) -> str | None:
        """Return the API's name for the connection: FleetAPI, Cloud, TEDAPI v1r, TEDAPI, Basic LAN, Local ..."""
        return self.reach.label if self.reach is not None else None

    @property
    def remote(self) -> bool:
        """Return whether Tesla's servers answered instead of the gateway itself."""
        return self.reach is not None and self.reach.remote


@record(frozen=True, slots=True)
class Capability:
    """Records how one family of data of one gateway (vitals, strings, fans ...) arrives."""

    last_success: float | None = None  # epoch seconds
    failures: int = 0  # in a row
    available: bool | None = None  # None: never asked


@record(frozen=True, slots=True)
class Ways:
    """Holds the facts from which ``state.abilities`` judges how a gateway can be commanded at this moment."""

    reach: Reach | None = None  # the gateway's own connection, or that of the last reading while it is down
    online: bool = False  # the last poll succeeded
    wired_v1r: bool = False  # requests are signed with the owner's key and go over the wired LAN, not the WiFi detour
    local_first: bool = False  # the owner prefers such a connection to Tesla's servers
    link: str | None = None  # the hybrid cloud link: down, unsure (which site?) or ready; None: not configured
    link_cause: str | None = None  # the reason why the link is down: the id of a row of ``causes.py``
    relayed: bool = False  # another server reads the gateway, and this one is its replica


@record(frozen=True, slots=True)
class GatewayStatus:
    """Describes the connection to one gateway at this moment."""

    state: str = "connecting"  # connecting ok degraded fallback auth-failed backing-off
    state_since: float = 0.0  # epoch seconds
    online: bool = False  # the last poll succeeded
    stale: bool = False  # the last poll failed, but the last good data are still served
    last_updated: float | None = None  # epoch seconds of the last good poll
    error: str | None = "Initializing..."
    cause: str | None = None  # the id of a row of ``causes.py``
    consecutive_failures: int = 0
    total_failures: int = 0
    total_successes: int = 0
    backoff_seconds: int = 0
    next_attempt: float | None = None  # epoch seconds
    calls_per_minute: int = 0
    calls_total: int = 0
    connection_mode: str | None = None
    tedapi_mode: str | None = None
    mode: str | None = None  # Local, Cloud, FleetAPI
    poll_seconds: float | None = None  # how long the last poll took
    fallback: JsonObject | None = None  # only for TEDAPI gateways
    cloud_control: JsonObject | None = None  # only with a hybrid link
    capabilities: Mapping[str, Capability] = field(default_factory=dict)
    ways: Ways | None = None  # None before the connection was made
    # Settings that the gateway acknowledged but no reading shows yet: setting -> value and time of the acknowledgement.
    pending: JsonObject = field(default_factory=dict)


@record(frozen=True, slots=True)
class ServerFacts:
    """Holds the facts about the server itself that documents may publish."""

    version: str
    library_version: str
    started: float  # epoch seconds
    default_gateway: str | None
    poll_interval_seconds: float
    settings: JsonObject  # all settings by variable, secrets masked: only for listing, never to decide anything
    control_enabled: bool = False
    missing_as_zero: bool = False
    raw_routes: bool = True  # the gateways' raw answers are served, too
    graceful_degradation: bool = True  # while a gateway is away, its last good data are served for ...
    cache_ttl_seconds: int = 30  # ... this long
    # The next two have no effect: clients of the predecessors expect them in the documents.
    fail_fast: bool = False
    health_check: bool = True
    site_id_set: bool = False
    login_file_set: bool = False
