"""Where a document differs on purpose from what a predecessor recorded. Mirrored in docs/compatibility.md.

One row: which recordings, which paths, which members (file name patterns), how they differ, and why. A row that no
recorded answer needs is an error, and so is a difference without a row (see test_compatibility.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.documents.compare import Difference

SERVER = "*server-0.13.0*"
PROXY = "*proxy-t97"
ANY = "*"


@dataclass(frozen=True, slots=True)
class Deviation:
    """``kinds`` as in ``compare.Difference``. An empty member means the whole body. ``served``: it takes the real
    server to see it (tests/compat); the rendered documents alone do not show it.
    """

    path: str
    member: str
    reason: str
    kinds: Sequence[str] = ("extra",)
    recordings: str = ANY
    served: bool = False

    def covers(self, recording: str, difference: Difference) -> bool:
        return (
            difference.kind in self.kinds
            and fnmatchcase(recording, self.recordings)
            and fnmatchcase(difference.path, _literal(self.path))
            and fnmatchcase(difference.member, _literal(self.member))
        )


def _literal(pattern: str) -> str:
    # "?" and "[]" stand for themselves here; only "*" is a wildcard.
    return pattern.replace("[", "[[").replace("?", "[?]").replace("[[", "[[]")


_TYPE = ("type",)
_VALUE = ("value",)
_MISSING = ("missing",)
_STATUS = ("status",)
_NULLED = ("value", "type")

_ZERO = "an unknown number is null, never an invented 0 (PW_MISSING_AS_ZERO brings the zeros back)"
_EMPTY = "an unknown number is an empty field, never an invented 0 (PW_MISSING_AS_ZERO brings the zeros back)"
_OUTAGE = "an unknown grid status is null: absence of data is not an outage"
_WORD = "an unknown word is null: scripts send a mail for every new word"
_STALE = "a gateway that is away is left out of sums and named, never frozen in; nothing to add is null"
_GRID_OF_ALL = "the grid of a sum is what all gateways that know say, null where they differ; not one gateway's word"
_OBJECT = "the shape is the same in every state, so that clients need one parser"
_BOTH = "members of both predecessors"
_LIST = "an empty list or object instead of null or an error word, as pypowerwall-server has it"
_UNITS = (
    "units that only vitals know are listed, with every key; the second unit was lost because serial numbers coincide"
)

_TEMPLATE = "pypowerwall's template and no measurement (see state/provenance.py): what is known elsewhere, else null"
_ZONE = "this machine's time zone, as nobody chose America/Los_Angeles"
_LIBRARY = "libraries made for a gateway, such as Home Assistant's, cannot read the answer otherwise"
_LIBRARY_ERROR = "says why beside what is unknown: Home Assistant gives up for good where a member is absent without it"
_UNTOLD = "nobody tells it: null instead of a fixed word"

DEVIATIONS: tuple[Deviation, ...] = (
    # Missing is never 0.
    Deviation("/json", "reserve", _ZERO, _TYPE),
    Deviation("/json", "time_remaining_hours", _ZERO, _TYPE, "local-mode/*"),
    Deviation("/json", "*energy*", _ZERO, _TYPE, "local-mode/*"),
    Deviation("/json", "grid_status", _OUTAGE, _TYPE),
    Deviation("/csv?headers", "", _EMPTY, _VALUE, "outage/*"),
    Deviation("/csv/v2*", "", _EMPTY, _VALUE),
    Deviation("/pw/power", "*", _ZERO, _TYPE, "outage/*"),
    Deviation("/control/reserve", "reserve", _ZERO, _TYPE),
    Deviation("/pod", "PW*", "a yes or no that nobody tells is null, never an invented no", _TYPE),
    Deviation(
        "/control/status", "abilities", "what can be set over the present connection, or why not, and what helps"
    ),
    Deviation("/control/status", "help", "what helps where something cannot be set, by what stands in the way"),
    Deviation(
        "/api/mqtt/status", "reason", "why there is no connection to the broker; null with one, and without MQTT"
    ),
    Deviation("/control/status", "controls", "names, ranges and choices of all controls, for pages and programs"),
    # Unknown words.
    Deviation("/api/status", "version", _WORD, _TYPE),
    Deviation("/pw/status", "version", _WORD, _TYPE),
    Deviation("/api/system_status/grid_status", "grid_status", _WORD, _TYPE, SERVER),
    Deviation("/pw/grid_status", "grid_status", _WORD, _TYPE, SERVER),
    Deviation("/api/status", "device_type", "the gateway's own value is passed on", _TYPE, "local-mode/*server*"),
    Deviation("/pw/status", "device_type", "the gateway's own value is passed on", _TYPE, "local-mode/*server*"),
    Deviation("/api/status", "*", _TEMPLATE, _NULLED),
    Deviation("/pw/status", "*", _TEMPLATE, _NULLED),
    Deviation("/api/sitemaster", "*", _UNTOLD, _TYPE),
    Deviation("/api/system/update/status", "*", _UNTOLD, (*_TYPE, *_VALUE, *_MISSING)),
    # What libraries made for a gateway read.
    *(
        Deviation(path, "error", _LIBRARY_ERROR)
        for path in (
            "/api/status",
            "/pw/status",
            "/api/system_status",
            "/pw/system_status",
            "/api/system_status/grid_status",
            "/pw/grid_status",
            "/api/system_status/soe",
            "/api/powerwalls",
        )
    ),
    Deviation("/api/system_status/grid_status", "grid_services_active", _LIBRARY, _TYPE, SERVER),
    Deviation("/pw/grid_status", "grid_services_active", _LIBRARY, _TYPE, SERVER),
    Deviation("/api/system_status", "battery_blocks[].pinv_grid_state", _LIBRARY, _TYPE),
    Deviation("/pw/system_status", "battery_blocks[].pinv_grid_state", _LIBRARY, _TYPE),
    Deviation("/api/meters/site", "", "the main meter instead of an empty list", _VALUE, SERVER),
    Deviation("/api/meters/solar", "[].location", _LIBRARY, recordings=SERVER),
    Deviation("/api/powerwalls", "*", _OBJECT, recordings="local-mode/*"),
    Deviation("/api/solars", "", "the inverters of the gateway's configuration", _VALUE, SERVER),
    # Same shape in every state.
    Deviation("/freq", "freq", _OBJECT, _MISSING, "outage/*"),
    Deviation("/freq", "grid_status", _OBJECT, recordings="outage/*"),
    Deviation("/pod", "*", _OBJECT, recordings="outage/*"),
    Deviation("/api/system_status/grid_status", "", _OBJECT, _TYPE, PROXY),
    Deviation("/pw/grid_status", "grid_*", _OBJECT, recordings=PROXY),
    Deviation("/pod", "nominal_*", _OBJECT, recordings="local-mode/*server*"),
    # Units known to vitals only (Powerwall 2 with the local API).
    Deviation("/freq", "PW*", _UNITS, recordings="local-mode/*"),
    Deviation("/freq", "PW1_*", _UNITS, _VALUE, "local-mode/*server*"),
    Deviation("/pod", "PW*", _UNITS, recordings="local-mode/*"),
    # Members of one predecessor that the other lacks.
    Deviation("/soe", "raw_percentage", _BOTH, recordings=PROXY),
    Deviation("/api/system_status/soe", "raw_percentage", _BOTH, recordings=PROXY),
    Deviation("/json", "soe_raw", _BOTH, recordings=PROXY),
    Deviation("/pod", "PW*_Type", _BOTH, recordings=PROXY),
    Deviation("/pw/version", "vint", _BOTH, recordings=PROXY),
    Deviation("/api/operation", "*", _BOTH, recordings=PROXY),
    Deviation("/api/operation", "", _OBJECT, _TYPE, "local-mode/*proxy*"),
    Deviation("/stats", "*", _BOTH, recordings=PROXY),
    Deviation("/health", "*", _BOTH),
    # Better than both.
    Deviation("/api/operation", "backup_reserve_percent_app", "the same reserve in the app's scale", recordings=SERVER),
    Deviation("/api/meters/solar", "[].Cached_readings", "the member Telegraf samples read", recordings=SERVER),
    Deviation("/api/meters/solar", "", "the solar meter instead of null", _TYPE, PROXY),
    Deviation("/api/gateways/*/api/operation", "*", "the same document as /api/operation", recordings=SERVER),
    Deviation("/api/gateways*", "*data.operation", "operation is part of a reading"),
    Deviation("/api/aggregate/", "gateways.*.data.operation", "operation is part of a reading"),
    Deviation("/api/gateways*", "*stale", "says that the data are the last good ones"),
    Deviation("/api/aggregate/", "gateways.*.stale", "says that the data are the last good ones"),
    Deviation(
        "/api/*",
        "*solar_powerwall*",
        "declared but never filled by the predecessor",
        (*_TYPE, "extra"),
        "local-mode/*server*",
    ),
    Deviation(
        "/api/solar_powerwall", "*", "declared but never filled by the predecessor", recordings="local-mode/*server*"
    ),
    # Sums.
    Deviation("/api/aggregate/*", "sources", "who is in the sum, how old, who is left out and why"),
    Deviation("/api/aggregate/*", "weighted", "charge is weighted by capacity where every capacity is known"),
    Deviation("/api/aggregate/*", "*percentage_mean", "the plain mean the predecessors gave, beside the weighted one"),
    Deviation("/api/aggregate/*", "total*capacity", "the predecessor never filled the capacity", (*_VALUE, *_TYPE)),
    Deviation("/api/aggregate/", "grid_status", _GRID_OF_ALL, _TYPE, "multi-gateway/*"),
    Deviation("/api/aggregate/", "total_*", _STALE, _TYPE, "outage/*"),
    Deviation("/api/aggregate/power", "*", _STALE, _TYPE, "outage/*"),
    Deviation("/api/aggregate/soe", "*percentage", _STALE, _TYPE, "outage/*"),
    Deviation("/api/aggregate/battery", "battery_*", _STALE, _TYPE, "outage/*"),
    # Routes only one of them has.
    Deviation("/cloud*", "", "served as the proxy does", _STATUS, SERVER),
    Deviation("/fleetapi*", "", "served as the proxy does", _STATUS, SERVER),
    Deviation("/api/aggregate/status", "", "in the first releases, lost in 0.13.0", _STATUS, SERVER),
    # What the proxy asks the gateway live: canned samples, error words, null.
    Deviation("/api/meters", "", "the recorded list is the library's sample data", (*_VALUE, *_TYPE), PROXY),
    Deviation("/api/solars", "*", "the recorded list is the library's sample data", (*_VALUE, *_TYPE), PROXY),
    Deviation("/api/solars/brands", "", "a fixed list; pypowerwall-server's is shorter", (*_VALUE, *_TYPE), PROXY),
    Deviation("/api/meters/site", "", _LIST, _TYPE, "local-mode/*proxy*"),
    Deviation("/api/meters/readings", "", _LIST, _TYPE, PROXY),
    Deviation("/api/site_info/grid_codes", "", _LIST, _TYPE, PROXY),
    Deviation("/api/networks", "", _LIST, _TYPE, "pypowerwall-proxy-t97"),
    Deviation("/api/system/networks", "", "one source for both names", _TYPE, PROXY),
    Deviation("/api/system_status", "", _OBJECT, _TYPE, "local-mode/*proxy*"),
    Deviation("/pw/system_status", "", _OBJECT, _TYPE, "local-mode/*proxy*"),
    Deviation("/pw/battery_blocks", "", _OBJECT, _TYPE, "local-mode/*proxy*"),
    Deviation("/api/system/update/status", "version", "the recorded version is sample data", _VALUE, PROXY),
    Deviation("/api/system/update/status", "", "a fixed answer instead of null", _TYPE, "local-mode/*proxy*"),
    Deviation("/api/customer", "", "a fixed answer instead of null", _TYPE, "local-mode/*proxy*"),
    Deviation("/api/installer", "", "a fixed answer instead of null", _TYPE, "local-mode/*proxy*"),
    Deviation("/api/synchrometer/*", "", "a fixed answer instead of null", _TYPE, "local-mode/*proxy*"),
    Deviation("/api/auth/toggle/supported", "toggle_auth_supported", "as pypowerwall-server has it", _VALUE, PROXY),
    Deviation("/control/mode", "mode", "what the gateway says; the proxy asks another connection", _VALUE, PROXY),
    Deviation("/control/grid_charging", "grid_charging", "what the gateway says, see /control/mode", _VALUE, PROXY),
    Deviation("/control/grid_export", "grid_export", "what the gateway says, see /control/mode", _VALUE, PROXY),
    Deviation("/tedapi*", "error", "wording", _VALUE),
    # Server pages.
    Deviation("/stats", "tedapi_mode", "off instead of null: verify.sh prints it", _TYPE, SERVER),
    Deviation(
        "/stats", "connection_health.local_healthy", "null before the first attempt", _TYPE, "outage/*never-connected"
    ),
    Deviation("/stats", "site_name", "null while there is no gateway", recordings="outage/*no-gateways"),
    Deviation(
        "/stats", "connection_health.consecutive_failures", "the largest of all gateways", _VALUE, "multi-gateway/*"
    ),
    Deviation("/stats", "connection_health.is_degraded", "one meaning of degraded", _VALUE, "local-mode/*proxy*"),
    Deviation("/health", "connection_health.is_degraded", "one meaning of degraded", _VALUE, "local-mode/*proxy*"),
    Deviation("/stats", "mem_cache", "caches of the proxy that do not exist here", _MISSING, PROXY),
    Deviation("/stats", "authmode", "an internal of the proxy", _MISSING, "pypowerwall-proxy-t97"),
    Deviation("/stats", "tedapi_api_version", "an internal of the library", _MISSING, PROXY),
    Deviation("/stats", "fallback_mode.*", "by gateway id, as pypowerwall-server has it", _MISSING, PROXY),
    Deviation("/stats", "mode", "as pypowerwall-server has it", _VALUE, "pypowerwall-proxy-t97"),
    Deviation("/stats", "cf", "masked", _VALUE, PROXY),
    Deviation("/stats", "config.*", "another configuration was recorded; private values have ten stars", _VALUE, PROXY),
    Deviation("/stats", "config.*", "another configuration was recorded", _MISSING, PROXY),
    Deviation("/health", "cached_data", "caches of the proxy that do not exist here", _MISSING, PROXY),
    Deviation("/health", "transports", "gateway_details says it for every gateway", _MISSING, PROXY),
    Deviation("/health", "fallback_mode.*", "by gateway id, as pypowerwall-server has it", _MISSING, PROXY),
    Deviation("/health", "mode", "as pypowerwall-server has it", _VALUE, "pypowerwall-proxy-t97"),
)

_WORDING = "wording; status, member and type are what counts"
_COUNTS = "counts what happened to this server"
_PATHS = "unknown paths are 404"


def _served(path: str, member: str, reason: str, kinds: Sequence[str] = _VALUE, recordings: str = ANY) -> Deviation:
    return Deviation(path, member, reason, kinds, recordings, served=True)


SERVED: tuple[Deviation, ...] = (
    # Routes.
    _served("/soe/", "", "answered without a redirect", _STATUS, SERVER),
    _served("/api/gateways", "", "answered without a redirect", _STATUS, SERVER),
    _served("/api/aggregate", "", "answered without a redirect", _STATUS, SERVER),
    _served("HEAD *", "", "HEAD on every GET route", _STATUS, PROXY),
    _served("/help", "", "leads to the API pages", _STATUS),
    _served("/stats/clear", "", "served as the proxy does", _STATUS, SERVER),
    _served("/pw/bogus", "", _PATHS, _STATUS, PROXY),
    _served("/viz-static/*", "", "own pages with assets of their own", _STATUS, PROXY),
    _served("/favicon.ico", "", "labelled as the icon it is", ("media type",), PROXY),
    _served("/static/powerflow/*", "", "own pages with assets of their own", _STATUS, SERVER),
    _served("/api/gateways/*/api/bogus", "", "a list of paths instead of a tunnel into the gateway", _STATUS, SERVER),
    # Server pages.
    _served("/stats", "processes", "every process, its restarts and counters", ("extra",)),
    _served("/stats", "config.*", "every setting is shown", ("extra",), SERVER),
    _served("/stats", "config.*", "null where nothing is set; private values have ten stars", _TYPE),
    _served("/stats", "cf", "null where no file is set", _TYPE),
    _served("/stats", "connection_health.*", "polls are counted from the first one on", _VALUE, "outage/*"),
    _served("/stats", "gateway_statuses[].last_error", _WORDING),
    _served("/stats", "gateway_statuses[].*", _COUNTS),
    _served("/health", "gateway_details[].error", _WORDING),
    _served("/health/reset", "", "a POST with the token, as pypowerwall-server has it", _STATUS, PROXY),
    _served("/api/timeseries/*", "gateways.default", "recorded before its second poll", ("extra",), "local-mode/*"),
    _served("/api/timeseries/*", "days", "recorded before its second poll", _VALUE, "local-mode/*"),
    _served("/api/timeseries/status", "signal_series", "charge and energy of every unit are recorded too", _VALUE),
    _served("/api/timeseries/status", "timezones", "where the house's days begin", ("extra",)),
    _served("/api/timeseries/status", "first_days", "since when anything is recorded", ("extra",)),
    *(
        _served("/api/timeseries/*", member, "where the home's energy came from, and how much is known", ("extra",))
        for member in (
            *("*_to_home_kwh", "*self_powered_*", "*covered_seconds", "*gap_seconds", "*filled_seconds"),
            *("sum", "total*"),
        )
    ),
    # Gateways.
    _served("/api/*", "*timezone", _ZONE, _VALUE, "outage/*never-connected"),
    _served("/api/gateways*", "*error", _WORDING, (*_VALUE, *_TYPE)),
    _served("/api/aggregate/", "*error", _WORDING),
    _served("/api/*", "*data.device_type", "the gateway's own value is passed on", _TYPE),
    _served("/api/*", "*data.solar_powerwall", "declared but never filled by the predecessor", _TYPE, "multi-*"),
    _served(
        "/tedapi/*",
        "esCan.bus.*packageSerialNumber",
        "null where the gateway left it out: the library needs it",
        ("extra",),
    ),
    # Templates of the library.
    *(
        _served(path, member, _TEMPLATE, _NULLED)
        for path in ("/aggregates", "/api/meters/aggregates", "/pw/*", "/api/gateways*", "/api/aggregate/")
        for member in ("*frequency", "*instant_*_power", "*last_phase_*", "*timeout", "*num_meters_*", "*i_*_current")
    ),
    _served("/api/system_status", "*", _TEMPLATE, _NULLED),
    _served("/pw/system_status", "*", _TEMPLATE, _NULLED),
    _served("/api/gateways*", "*data.status.*", _TEMPLATE, _NULLED),
    _served("/api/gateways*", "*data.system_status.*", _TEMPLATE, _NULLED),
    _served("/api/gateways*", "*data.powerwalls", _TEMPLATE, _NULLED),
    _served("/api/aggregate/", "*data.status.*", _TEMPLATE, _NULLED),
    _served("/api/aggregate/", "*data.system_status.*", _TEMPLATE, _NULLED),
    _served("/api/aggregate/", "*data.powerwalls", _TEMPLATE, _NULLED),
    _served("/api/powerwalls", "*", _TEMPLATE, (*_NULLED, "missing", "extra")),
    _served("/api/meters/site", "*", _TEMPLATE, (*_NULLED, "missing", "extra")),
    _served("/api/meters/solar", "*", _TEMPLATE, _NULLED),
)

# Recorded paths that are no documents: pages, other rooms' routes, and what must not be served.
NOT_DOCUMENTS = (
    "/api/gateways/*/api/bogus",
    "/api/gateways/nope",
    "/api/gateways/default*",  # without any gateway
    "/api/nonexistent",
    "/control/bogus",
    "/health/reset",
    "/help",
    "/nonexistent",
    "/pw/bogus",
    "/stats/clear",
    "/viz-static/*",
)
