"""Touch what is private in pypowerwall. No other module may; the table ``TOUCHES`` has the reason for each touch.

Private are names that begin with an underscore, names of the library's modules, classes and objects that get another
value here, and members in which the library keeps its own state. ``tests/library`` looks each row of ``TOUCHES`` up in
the installed version, and proves that no other module of pwserver touches any of them.

This is also the only module that imports pypowerwall, and it does so late: workers are spared the import. Two thirds of
its time and 10 MB would go into what only Tesla's servers need, which is loaded when a connection is to ask them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlencode

from pwserver.config.login_files import LoginFileProblem
from pwserver.gateways import login_store
from pwserver.gateways.payload_repair import repair
from pwserver.gateways.request_limiter import active_limiter
from pwserver.records import record
from pwserver.regular_file import open_regular

Method = Callable[..., Any]


@record(frozen=True, slots=True)
class LibraryTouch:
    """Describes one private part of pypowerwall that pwserver touches, and why."""

    name: str  # ``module:member``
    needed: str
    unnecessary: str  # completes the sentence "It is unnecessary when the library ..."
    replaced: bool = False  # the name is public to read; only giving it another value is the touch


def _replaced(name: str, needed: str, unnecessary: str) -> LibraryTouch:
    return LibraryTouch(name, needed, unnecessary, replaced=True)


_SESSION: Final = "takes the HTTP session as an argument"
_OWN_FETCH: Final = "takes the fetched answers as an argument of what it computes"
_STORE: Final = "takes an object that loads and stores the login"
_PAUSE: Final = "has an argument that leaves pauses to the caller"
_LATE: Final = "loads what Tesla's servers need when it is used"
_CLOSE: Final = "has a method that closes its sockets without asking the gateway anything"

_LOCAL: Final = "pypowerwall.local.pypowerwall_local"
_TEDAPI: Final = "pypowerwall.tedapi"
_V1R: Final = "pypowerwall.tedapi.tedapi_v1r"
_CLOUD: Final = "pypowerwall.cloud.pypowerwall_cloud"
_TESLAPY: Final = "pypowerwall.cloud.teslapy"
_FLEET: Final = "pypowerwall.fleetapi.fleetapi"
_FLEET_CLIENT: Final = "pypowerwall.fleetapi.pypowerwall_fleetapi"

TEDAPI_FETCHERS: Final = (
    "get_status",
    "get_device_controller",
    "get_config",
    "get_components",
    "get_firmware_version",
    "get_pw3_vitals",
    "get_native_meters_aggregates",
    "vitals",
)
CLOUD_FETCHERS: Final = (
    "get_battery",
    "get_site_power",
    "get_site_config",
    "get_time_remaining",
    "get_api_tariff_rate",
)
FLEET_FETCHERS: Final = ("get_site_status", "get_live_status", "get_site_info", "get_backup_time_remaining")
_FLEET_LOGIN: Final = (
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DOMAIN",
    "REDIRECT_URI",
    "AUDIENCE",
    "partner_token",
    "partner_account",
    "access_token",
    "refresh_token",
    "site_id",
)

TOUCHES: Final = (
    _replaced(f"{_LOCAL}:requests", "Requests are counted, bounded in time, and never repeated.", _SESSION),
    _replaced(f"{_TEDAPI}:requests", "Requests are counted, bounded in time, and never repeated.", _SESSION),
    _replaced(f"{_V1R}:requests", "Requests are counted, bounded in time, and never repeated.", _SESSION),
    _replaced(f"{_TESLAPY}:requests", "Requests are counted, and answers bounded in size.", _SESSION),
    _replaced(f"{_FLEET}:requests", "Requests are counted, and answers bounded in size.", _SESSION),
    _replaced(f"{_TESLAPY}:httpx", "The same over HTTP/2.", _SESSION),
    _replaced(f"{_FLEET}:httpx", "The same over HTTP/2.", _SESSION),
    _replaced(f"{_TEDAPI}:json", "Arithmetic must survive nulls in payloads.", "computes with missing values"),
    _replaced(f"{_LOCAL}:open", "A login cache that is a FIFO would block, and the file is never closed.", _STORE),
    _replaced(f"{_V1R}:open", "An RSA key that is a FIFO would block.", "takes the content of the key"),
    _replaced(f"{_CLOUD}:open", "A file with the chosen site that is a FIFO would block.", _STORE),
    _replaced(f"{_CLOUD}:Tesla", "The session to the owner API gets pwserver's limits and store of logins.", _SESSION),
    _replaced(f"{_CLOUD}:Battery", "It is loaded when Tesla's servers are to be asked, not before.", _LATE),
    _replaced(f"{_CLOUD}:SolarPanel", "It is loaded when Tesla's servers are to be asked, not before.", _LATE),
    _replaced(f"{_TESLAPY}:Tesla._cache_load", "A renewed login may not be in the file.", _STORE),
    _replaced(f"{_TESLAPY}:Tesla._cache_dump", "A full disk must not cost the owner the login.", _STORE),
    LibraryTouch(f"{_TESLAPY}:Tesla.cache_file", "Names the file of the login.", _STORE),
    _replaced(f"{_FLEET_CLIENT}:FleetAPI", "The FleetAPI client gets pwserver's store of logins.", _STORE),
    _replaced(f"{_FLEET}:FleetAPI.load_config", "A renewed login may not be in the file.", _STORE),
    _replaced(f"{_FLEET}:FleetAPI.save_config", "A full disk must not cost the owner the login.", _STORE),
    LibraryTouch(f"{_FLEET}:FleetAPI.configfile", "Names the file of the login.", _STORE),
    *(LibraryTouch(f"{_FLEET}:FleetAPI.{name}", "Is a part of the stored login.", _STORE) for name in _FLEET_LOGIN),
    _replaced(
        "pypowerwall:Powerwall._validate_init_configuration",
        "It refuses host names with _, IPv6 in brackets, and a login in a read-only folder, which all work.",
        "accepts them",
    ),
    *(_replaced(f"{_TEDAPI}:TEDAPI.{name}", "Each poll fetches once.", _OWN_FETCH) for name in TEDAPI_FETCHERS),
    *(_replaced(f"{_CLOUD}:PyPowerwallCloud.{name}", "Each poll fetches once.", _OWN_FETCH) for name in CLOUD_FETCHERS),
    *(_replaced(f"{_FLEET}:FleetAPI.{name}", "Each poll fetches once.", _OWN_FETCH) for name in FLEET_FETCHERS),
    _replaced(f"{_LOCAL}:PyPowerwallLocal.poll", "Each poll fetches once.", _OWN_FETCH),
    LibraryTouch(f"{_LOCAL}:PyPowerwallLocal.pwcooldown", "It sends nothing for 5 minutes after a 429.", _PAUSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.pwcooldown", "It sends nothing for 5 minutes after a 429.", _PAUSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.wifi_cooldown", "Follower units would be left out for up to two hours.", _PAUSE),
    LibraryTouch(
        f"{_TEDAPI}:TEDAPI.lan_recover_after", "The way back to the wired LAN would take up to two hours.", _PAUSE
    ),
    LibraryTouch(f"{_FLEET}:FleetAPI._backoff_until", "Pauses that Tesla asks for are kept here, exactly.", _PAUSE),
    LibraryTouch(
        f"{_TEDAPI}:TEDAPI.lan_failed",
        "Signed commands need the wired LAN, and the library may have left it for WiFi.",
        "tells which way it talks",
    ),
    LibraryTouch(
        f"{_TEDAPI}:TEDAPI.pwcacheexpire", "A hybrid connection caches for 5 s, unasked.", "passes its argument on"
    ),
    LibraryTouch(
        f"{_TEDAPI}:TEDAPI.pwconfigexpire", "A hybrid connection caches for 5 s, unasked.", "passes its argument on"
    ),
    _replaced(
        f"{_TEDAPI}:TEDAPI.pw3",
        "A Powerwall 2 with an odd web page would be asked the questions of a Powerwall 3.",
        "judges the hardware by its configuration",
    ),
    LibraryTouch(f"{_LOCAL}:PyPowerwallLocal.session", "Its own close would log out.", _CLOSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.session", "Its own close leaves sockets open.", _CLOSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.wifi_session", "Its own close leaves sockets open.", _CLOSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.api_session", "Its own close leaves sockets open.", _CLOSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.v1r_transport", "Holds the session of signed requests.", _CLOSE),
    LibraryTouch(f"{_TEDAPI}:TEDAPI.wifi_v1r_transport", "Holds the session of signed requests over WiFi.", _CLOSE),
    LibraryTouch(f"{_V1R}:TEDAPIv1r.session", "Its own close leaves sockets open.", _CLOSE),
)


# ── preparing the library, once ──────────────────────────────────────────────────────────────────────────────────────

_loading = threading.Lock()  # functools.cache alone would let two gateways' threads patch the library twice
_OF_TESLA: Final = ("Tesla", "Battery", "SolarPanel")  # what the library's cloud client takes from teslapy
_TALKATIVE: Final = ("requests_oauthlib", "oauthlib", "httpx", "httpcore", "hpack", "h2", "urllib3")


def load(*, tesla: bool = True) -> ModuleType:
    """Import pypowerwall and prepare it, once. Safe from several threads. ``tesla``: for Tesla's servers, too."""
    with _loading:
        found = _prepared()
        if tesla:
            _prepare_for_tesla()
        return found


@functools.cache
def _prepared() -> ModuleType:
    with _without_tesla(), _without_guesses():
        import pypowerwall
        import pypowerwall.cloud.pypowerwall_cloud as cloud
        import pypowerwall.fleetapi.fleetapi as fleetapi
        import pypowerwall.fleetapi.pypowerwall_fleetapi as fleet_client
        import pypowerwall.local.pypowerwall_local as local
        import pypowerwall.tedapi as tedapi
        import pypowerwall.tedapi.tedapi_v1r as v1r

    from pwserver.gateways.http_sessions import LocalSession

    _silence()
    for module in (tedapi, v1r, local):
        replace_names(module, requests=requests_view(LocalSession))
    replace_names(tedapi, json=ModuleView(json, loads=decode_payload))
    for module in (local, v1r, cloud):
        # The module calls the builtin ``open``, which a module's own name hides; ``replace_names`` would not find it.
        vars(module)["open"] = open_without_waiting
    stored = type("StoredFleetAPI", (fleetapi.FleetAPI,), {})
    replace_names(stored, load_config=_load_fleet_login, save_config=_save_fleet_login)
    replace_names(fleet_client, FleetAPI=stored)
    found: ModuleType = pypowerwall
    return found


@contextlib.contextmanager
def _without_tesla() -> Iterator[None]:
    """Let the library import empty modules in place of those that only Tesla's servers need, unless they are loaded."""
    empty = {name: ModuleType(name) for name in (_TESLAPY, "httpx") if name not in sys.modules}
    for name, module in empty.items():
        vars(module).update(dict.fromkeys(_OF_TESLA, type(None)))
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in empty:
            del sys.modules[name]


@contextlib.contextmanager
def _without_guesses() -> Iterator[None]:
    """Let requests take text without a named encoding for UTF-8, which all gateways write.

    What guesses encodings takes a megabyte. Requests does without where it is not installed, and warns of that.
    """
    hidden = [name for name in ("chardet", "charset_normalizer") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's word for: not to be had
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection", module="requests")
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@functools.cache
def _prepare_for_tesla() -> None:
    """Load what Tesla's servers need, give it pwserver's limits and store of logins, and hand it to the library."""
    import httpx
    import pypowerwall.cloud.pypowerwall_cloud as cloud
    import pypowerwall.cloud.teslapy as teslapy
    import pypowerwall.fleetapi.fleetapi as fleetapi

    from pwserver.gateways.http2_client import LimitedClient
    from pwserver.gateways.http_sessions import LimitedSession, RemoteSession

    for module in (teslapy, fleetapi):
        view = ModuleView(httpx, Client=LimitedClient)
        replace_names(module, requests=requests_view(RemoteSession), httpx=view)
    limited = type("LimitedTesla", (LimitedSession, teslapy.Tesla), {})
    replace_names(limited, _cache_load=_load_cloud_login, _cache_dump=_save_cloud_login)
    replace_names(cloud, Tesla=limited, Battery=teslapy.Battery, SolarPanel=teslapy.SolarPanel)


def replace_names(owner: Any, **names: Any) -> None:
    """Replace attributes of a module or class of the library. Raises RuntimeError when it does not have one of them.

    A name that a new version no longer has would otherwise be replaced in vain.
    """
    for name, thing in names.items():
        if not hasattr(owner, name):
            raise RuntimeError(f"this pypowerwall has no {owner.__name__}.{name}: unsupported version")
        setattr(owner, name, thing)


def _silence() -> None:
    """Silence the library's log, which has dozens of lines for one outage, with e-mail addresses and tokens in them.

    ``connection_log.py`` logs what matters.
    """
    for name in ("pypowerwall", "teslapy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pypowerwall")


class ModuleView:
    """Stands in for a module that the library imported, with a few names replaced.

    So only the library sees the replacements, and other users of requests or httpx in this process do not.
    """

    def __init__(self, module: Any, **names: Any) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def requests_view(session: type[Any]) -> ModuleView:
    """Return a view of ``requests`` whose sessions, also those of ``get`` and ``post``, are of class ``session``."""
    import requests

    def one_shot(method: str) -> Method:
        def call(url: str, **kwargs: Any) -> Any:
            with session() as one:
                return one.request(method, url, **kwargs)

        return call

    return ModuleView(requests, Session=session, get=one_shot("GET"), post=one_shot("POST"))


_HUGE: Final = re.compile(r"\d[eE]\+?\d{3}")  # a number that may exceed a float: the largest is about 1.8e308


def decode_payload(text: str | bytes) -> dict[str, Any]:
    """Decode one gateway payload and repair it, so that the library's arithmetic survives nulls.

    Raises ``json.JSONDecodeError`` or ``TypeError``, as the library expects, when it is no JSON object.
    """
    limiter = active_limiter()
    found = json.loads(text, parse_constant=lambda _: None)
    if not isinstance(found, dict):
        raise TypeError("not a JSON object")
    # JSON has no infinity (RFC 8259 section 6), but Python decodes a number such as 1e999 to one.
    infinite = _HUGE.search(text if isinstance(text, str) else text.decode("latin-1")) is not None
    if (repair(found) or infinite) and limiter is not None:
        limiter.holed = True
    return found


def open_without_waiting(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
    """Open a file like ``open``, but never wait for the other end of a FIFO, and leave no file open after reading.

    The library does not close the files that it reads.
    """
    named.setdefault("opener", lambda path, flags: open_regular(path, flags, 0o666))
    if mode != "r":
        return open(file, mode, *more, **named)
    with open(file, mode, *more, **named) as source:
        return io.StringIO(source.read())


# ── logins: methods that stand in for the library's own ──────────────────────────────────────────────────────────────


def _load_cloud_login(tesla: Any) -> dict[str, Any]:
    """Return the newest login, which may not be in the file, in place of ``Tesla._cache_load``."""
    try:
        found = login_store.load(tesla.cache_file)
    except LoginFileProblem:
        return {}
    for account in found.values():
        token = account.get("sso") if isinstance(account, dict) else None
        if isinstance(token, dict) and not _is_moment(token.get("expires_at")):
            # The library compares it with the time, and would fail. An expired login is renewed before it is used.
            token["expires_at"] = 0
    return found


def _is_moment(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e11


def _save_cloud_login(tesla: Any, cache: dict[str, Any]) -> None:
    login_store.save(tesla.cache_file, cache)


def _load_fleet_login(fleet: Any) -> dict[str, Any] | bool:
    """Load the newest login in place of ``FleetAPI.load_config``, and choose the first site if none is chosen."""
    try:
        found = login_store.load(fleet.configfile)
    except LoginFileProblem:
        return False
    for name in _FLEET_LOGIN:
        setattr(fleet, name, found.get(name))
    if not fleet.site_id:
        sites = [site for site in fleet.getsites() or [] if isinstance(site, dict) and site.get("energy_site_id")]
        fleet.site_id = sites[0]["energy_site_id"] if sites else None
    return found


def _save_fleet_login(fleet: Any) -> None:
    login_store.save(fleet.configfile, {name: getattr(fleet, name) for name in _FLEET_LOGIN})


# ── one connection ───────────────────────────────────────────────────────────────────────────────────────────────────


def construct(arguments: dict[str, Any], *, tesla: bool) -> Any:
    """Return a ``pypowerwall.Powerwall`` after one attempt to connect; its ``connected`` says whether that worked.

    ``tesla``: it may ask Tesla's servers.

    The library's own class only logs a failure to connect. Raises any exception that its constructor raises for
    unusable arguments.
    """

    class ConnectingOnce(load(tesla=tesla).Powerwall):  # type: ignore[misc]
        connected = False

        def connect(self, retry: bool = False) -> bool:
            self.connected = bool(super().connect(False))  # with True, the library tries for ever, and blocks
            return self.connected

        def _validate_init_configuration(self) -> None:
            """Accept every configuration, as pwserver has checked it already."""

    return ConnectingOnce(**arguments)


def replace_methods(target: Any, names: Iterable[str], make: Callable[[str], Method]) -> dict[str, Method]:
    """Replace methods of one object by the results of ``make`` for their names, and return the original methods."""
    original: dict[str, Method] = {name: getattr(target, name) for name in names}
    for name in original:
        setattr(target, name, make(name))
    return original


def calendar_history(powerwall: Any, parameters: dict[str, str]) -> Any:
    """Ask Tesla for a part of its own history, over a connection in cloud or FleetAPI mode. May raise anything.

    Only public members are used, but those made for this are of no use: of the owner API's the default end is the time
    of the import, and FleetAPI's writes the time zone and the start as one parameter.
    """
    fleet = getattr(powerwall.client, "fleet", None)
    if fleet is None:
        return powerwall.client.site.api("CALENDAR_HISTORY_DATA", **parameters)
    # With a question mark in it, the library does not keep the answer.
    return fleet.poll(f"api/1/energy_sites/{fleet.site_id}/calendar_history?{urlencode(parameters)}", force=True)


def end_pause(client: Any) -> None:
    """End the pause that a local client takes after a 429."""
    client.pwcooldown = 0


def end_fleet_pause(fleet: Any) -> None:
    """End the pause that a FleetAPI client takes after a 429."""
    fleet._backoff_until = 0.0


def shorten_tedapi_pauses(tedapi: Any, latest: float) -> None:
    """End the pause after a 429, and let no other pause last beyond ``latest`` (epoch seconds)."""
    tedapi.pwcooldown = 0
    tedapi.wifi_cooldown = min(tedapi.wifi_cooldown, latest)
    tedapi.lan_recover_after = min(tedapi.lan_recover_after, latest)


def disable_tedapi_cache(tedapi: Any) -> None:
    """Make a TEDAPI client ask the gateway each time instead of answering from its cache."""
    tedapi.pwcacheexpire = tedapi.pwconfigexpire = 0


def set_powerwall3(tedapi: Any, known: bool) -> None:
    """Set whether a TEDAPI client asks the questions of a Powerwall 3."""
    tedapi.pw3 = known


def has_left_wired_lan(powerwall: Any) -> bool:
    """Return whether a v1r connection uses WiFi because the wired LAN failed."""
    return bool(getattr(getattr(getattr(powerwall, "client", None), "tedapi", None), "lan_failed", False))


def kept_sessions(powerwall: Any) -> Iterator[Any]:
    """Yield the sessions of a local connection that may hold sockets."""
    client = getattr(powerwall, "client", None)
    tedapi = getattr(client, "tedapi", None)
    transports = [getattr(tedapi, name, None) for name in ("v1r_transport", "wifi_v1r_transport")]
    for owner in (client, tedapi, *transports):
        for name in ("session", "wifi_session", "api_session"):
            session = getattr(owner, name, None)
            if session is not None and hasattr(session, "close"):
                yield session
