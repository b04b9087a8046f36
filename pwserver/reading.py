"""The vocabulary shared by every room: what a poll learned, and what is known about a gateway.

Plain data only: no behaviour, no I/O, nothing secret. Units are in the names or stated beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from pwserver.modes import Reach

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """The public facts of one configured gateway; passwords, e-mails and paths never get here."""

    id: str
    name: str
    host: str | None = None
    port: int | None = None
    rsa_key_configured: bool = False
    wifi_host: str | None = None
    site_id: str | None = None
    timezone: str = "UTC"  # IANA name; days begin at its midnight
    timezone_set: bool = False  # by the owner; else the gateway's own counts, where it tells one
    basic_lan: bool = False
    tedapi_expected: bool = False
    cloud_mode: bool = False
    fleetapi: bool = False
    type: str = "powerwall"  # or "inverter"
    virtual: bool = False  # the "aggregate" gateway, made of all the others
    way: str | None = None  # name of a ``modes.ConnectionMode``: how it is meant to be reached


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of the gateway, or of Tesla's servers, that a reading was made of."""

    name: str  # the request, for people: "GET /api/meters/aggregates", "TEDAPI status", "live_status of Tesla's cloud"
    at: float  # epoch seconds at which it arrived


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one poll of one gateway learned. ``None`` means unknown, never zero.

    What a gateway can tell has no default here: a collector that forgets a member does not pass the type checker.
    """

    gateway_id: str
    timestamp: float  # epoch seconds, our clock, when the meters arrived
    aggregates: JsonObject  # site, battery, load, solar meters in the library's shape
    vitals: JsonObject | None
    strings: JsonObject | None
    soe_raw: float | None  # percent as the gateway counts it
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
    networks: list[Any] | None
    powerwalls: JsonObject | None
    meters: list[Any] | None
    meters_site: list[Any] | None
    meters_solar: list[Any] | None
    solars: list[Any] | None
    solar_powerwall: JsonObject | None
    device_type: str | None
    pw3: bool | None
    tedapi_mode: str | None  # full, v1r, hybrid
    reach: Reach | None  # the kind of connection it came over
    tedapi_config: JsonObject | None
    tedapi_status: JsonObject | None
    tedapi_components: JsonObject | None
    tedapi_battery: list[Any] | None
    tedapi_controller: JsonObject | None
    cloud: JsonObject | None  # battery, power, config: raw cloud answers
    fleet: JsonObject | None  # info, status: raw FleetAPI answers
    tariff: JsonObject | None
    backup_events: JsonObject | None  # v1r only: the body of /control/max_backup
    vitals_carried: bool = False  # multi-Powerwall guard: vitals kept from an earlier poll
    device_ages_seconds: Mapping[str, float] = field(default_factory=dict)  # device -> age, where older
    flags: Mapping[str, str] = field(default_factory=dict)  # implausible value -> why it was set aside
    listed_meters: JsonObject = field(default_factory=dict)  # further meters that the library drops, in the same shape
    further_meters: list[str] = field(default_factory=list)  # those the house has; the judge writes it, for replicas
    unit_numbers: Mapping[str, int] = field(default_factory=dict)  # serial number -> its number for good; as above
    counter_resets: Mapping[str, float] = field(default_factory=dict)  # counter -> epoch seconds; as above
    # Family (meters, level, grid, system, vitals, operation, remaining ...) -> the answer its values were read from.
    answers: Mapping[str, Answered] = field(default_factory=dict)

    @classmethod
    def partial(cls, gateway_id: str, timestamp: float, aggregates: JsonObject, **told: Any) -> Reading:
        """Make a reading of a source that tells only these members: all others are unknown."""
        unknown = {one.name: None for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING}
        return cls(**{**unknown, "gateway_id": gateway_id, "timestamp": timestamp, "aggregates": aggregates, **told})

    @property
    def connection_mode(self) -> str | None:
        """Return what was reached, as the API calls it: FleetAPI, Cloud, TEDAPI v1r, TEDAPI, Basic LAN, Local ..."""
        return self.reach.label if self.reach is not None else None

    @property
    def remote(self) -> bool:
        """Tell whether Tesla's servers answered instead of the gateway itself."""
        return self.reach is not None and self.reach.remote


@dataclass(frozen=True, slots=True)
class Capability:
    """One family of data of one gateway (vitals, strings, fans ...): when it last came, how often it failed."""

    last_success: float | None = None  # epoch seconds
    failures: int = 0  # in a row
    available: bool | None = None  # None: never asked


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways over which a gateway can be commanded at this moment: facts for ``state.abilities`` to judge."""

    reach: Reach | None = None  # the gateway's own connection; of the last reading while there is none
    online: bool = False  # the last poll succeeded
    wired_v1r: bool = False  # signed, with a key of the owner, and not on its detour over WiFi
    local_first: bool = False  # the owner wants such a connection to be asked before Tesla's servers
    link: str | None = None  # of the Tesla login beside it: down, unsure (which site?), ready; None: there is none
    link_cause: str | None = None  # why it is down: the id of a row of ``causes.py``
    relayed: bool = False  # another server reads the gateway, and this one repeats what it says


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """What is known about the connection to one gateway right now."""

    state: str = "connecting"  # connecting ok degraded fallback auth-failed backing-off
    state_since: float = 0.0  # epoch seconds
    online: bool = False  # the last poll succeeded
    stale: bool = False  # it did not, but its last good data are still served
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
    pending: JsonObject = field(default_factory=dict)  # commanded, not yet read back: setting -> value, acknowledged


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What documents may say about the server itself."""

    version: str
    library_version: str
    started: float  # epoch seconds
    default_gateway: str | None
    poll_interval_seconds: float
    settings: JsonObject  # all settings by variable, secrets already masked: to be listed, not to be asked
    control_enabled: bool = False
    missing_as_zero: bool = False
    raw_routes: bool = True  # what gateways answered is served as it came
    graceful_degradation: bool = True  # the last good data are served while a gateway is away, for this long:
    cache_ttl_seconds: int = 30
    fail_fast: bool = False  # without effect, told as the predecessors tell it; so is the next
    health_check: bool = True
    site_id_set: bool = False
    login_file_set: bool = False
