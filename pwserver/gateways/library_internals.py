"""Touch what is private in pypowerwall: the one module that may, with a table of each touch and its reason.

Private are names that begin with an underscore, names of the library's modules, classes and objects that get another
value here, and members in which the library keeps its own state. ``tests/library`` looks each row of ``TOUCHES`` up in
the installed version, and proves that no other module of pwserver touches any of them.

This is also the only module that imports pypowerwall, and late: it costs 0.3 s and 34 MB, which workers do without.
"""

from __future__ import annotations

import functools
import io
import json
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from pwserver.config.login_files import LoginFileProblem
from pwserver.gateways import login_store
from pwserver.gateways.payload_repair import repair
from pwserver.gateways.request_limiter import active_limiter
from pwserver.regular_file import open_regular

Method = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class LibraryTouch:
    """One private thing of pypowerwall: where it is (``module:member``), why we need it, and what would free us."""

    name: str
    needed: str
    unnecessary: str  # completes "It is unnecessary when the library ..."
    replaced: bool = False  # it gets another value, and reading it stays everybody's right


def _replaced(name: str, needed: str, unnecessary: str) -> LibraryTouch:
    return LibraryTouch(name, needed, unnecessary, replaced=True)


_SESSION: Final = "takes the HTTP session as an argument"
_OWN_FETCH: Final = "takes the fetched answers as an argument of what it computes"
_STORE: Final = "takes an object that loads and stores the login"
_PAUSE: Final = "has an argument that leaves pauses to the caller"
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
    _replaced(f"{_LOCAL}:open", "A login cache that is a FIFO would block; it is never closed.", _STORE),
    _replaced(f"{_V1R}:open", "An RSA key that is a FIFO would block.", "takes the content of the key"),
    _replaced(f"{_CLOUD}:open", "A file with the chosen site that is a FIFO would block.", _STORE),
    _replaced(f"{_CLOUD}:Tesla", "The session to the owner API gets our limits and our store of logins.", _SESSION),
    _replaced(f"{_TESLAPY}:Tesla._cache_load", "A renewed login may not be in the file.", _STORE),
    _replaced(f"{_TESLAPY}:Tesla._cache_dump", "A full disk must not cost the owner the login.", _STORE),
    LibraryTouch(f"{_TESLAPY}:Tesla.cache_file", "Names the file of the login.", _STORE),
    _replaced(f"{_FLEET_CLIENT}:FleetAPI", "The FleetAPI client gets our store of logins.", _STORE),
    _replaced(f"{_FLEET}:FleetAPI.load_config", "A renewed login may not be in the file.", _STORE),
    _replaced(f"{_FLEET}:FleetAPI.save_config", "A full disk must not cost the owner the login.", _STORE),
    LibraryTouch(f"{_FLEET}:FleetAPI.configfile", "Names the file of the login.", _STORE),
    *(LibraryTouch(f"{_FLEET}:FleetAPI.{name}", "Is a part of the stored login.", _STORE) for name in _FLEET_LOGIN),
    _replaced(
        "pypowerwall:Powerwall._validate_init_configuration",
        "It refuses container names with _, IPv6 in brackets, and a login in a read-only folder, which all work.",
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
    LibraryTouch(f"{_FLEET}:FleetAPI._backoff_until", "We keep the pauses of Tesla ourselves, to the second.", _PAUSE),
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

_loading = threading.Lock()
_TALKATIVE: Final = ("requests_oauthlib", "oauthlib", "httpx", "httpcore", "hpack", "h2", "urllib3")


def load() -> ModuleType:
    """Import pypowerwall and prepare it, once. Safe from several threads."""
    with _loading:
        return _prepared()


@functools.cache
def _prepared() -> ModuleType:
    import httpx
    import pypowerwall
    import pypowerwall.cloud.pypowerwall_cloud as cloud
    import pypowerwall.cloud.teslapy as teslapy
    import pypowerwall.fleetapi.fleetapi as fleetapi
    import pypowerwall.fleetapi.pypowerwall_fleetapi as fleet_client
    import pypowerwall.local.pypowerwall_local as local
    import pypowerwall.tedapi as tedapi
    import pypowerwall.tedapi.tedapi_v1r as v1r

    from pwserver.gateways.http2_client import LimitedClient
    from pwserver.gateways.http_sessions import LimitedSession, LocalSession, RemoteSession

    _silence()
    for module in (tedapi, v1r, local):
        replace_names(module, requests=requests_view(LocalSession))
    replace_names(tedapi, json=ModuleView(json, loads=decode_payload))
    for module in (local, v1r, cloud):
        vars(module)["open"] = open_without_waiting  # a builtin: only a name of the module's own can replace it
    for module in (teslapy, fleetapi):
        view = ModuleView(httpx, Client=LimitedClient)
        replace_names(module, requests=requests_view(RemoteSession), httpx=view)
    limited = type("LimitedTesla", (LimitedSession, teslapy.Tesla), {})
    replace_names(limited, _cache_load=_load_cloud_login, _cache_dump=_save_cloud_login)
    replace_names(cloud, Tesla=limited)
    stored = type("StoredFleetAPI", (fleetapi.FleetAPI,), {})
    replace_names(stored, load_config=_load_fleet_login, save_config=_save_fleet_login)
    replace_names(fleet_client, FleetAPI=stored)
    found: ModuleType = pypowerwall
    return found


def replace_names(owner: Any, **names: Any) -> None:
    """Give a module or class of the library other things under names it has. Raises RuntimeError where it has not."""
    for name, thing in names.items():
        if not hasattr(owner, name):
            raise RuntimeError(f"this pypowerwall has no {owner.__name__}.{name}: unsupported version")
        setattr(owner, name, thing)


def _silence() -> None:
    """Silence the library's log: it writes dozens of lines for one outage, with e-mails, addresses and tokens in them.

    ``connection_log.py`` says what is worth a line.
    """
    for name in ("pypowerwall", "teslapy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pypowerwall")


class ModuleView:
    """Show a module with a few names exchanged: what a module of the library gets in place of its own import."""

    def __init__(self, module: Any, **names: Any) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def requests_view(session: type[Any]) -> ModuleView:
    """Show ``requests`` with ``session`` as its sessions."""
    import requests

    def one_shot(method: str) -> Method:
        def call(url: str, **kwargs: Any) -> Any:
            with session() as one:
                return one.request(method, url, **kwargs)

        return call

    return ModuleView(requests, Session=session, get=one_shot("GET"), post=one_shot("POST"))


_HUGE: Final = re.compile(r"\d[eE]\+?\d{3}")


def decode_payload(text: str | bytes) -> dict[str, Any]:
    """Decode one gateway payload and repair it, so that the library's arithmetic survives nulls.

    Raises ``json.JSONDecodeError`` or ``TypeError``, as the library expects, when it is no JSON object.
    """
    limiter = active_limiter()
    found = json.loads(text, parse_constant=lambda _: None)
    if not isinstance(found, dict):
        raise TypeError("not a JSON object")
    # JSON has no infinity, but a number such as 1e999 decodes to one.
    infinite = _HUGE.search(text if isinstance(text, str) else text.decode("latin-1")) is not None
    if (repair(found) or infinite) and limiter is not None:
        limiter.holed = True
    return found


def open_without_waiting(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
    """Open a file like ``open``, but leave nothing open after reading and never wait for the other end of a FIFO."""
    named.setdefault("opener", lambda path, flags: open_regular(path, flags, 0o666))
    if mode != "r":
        return open(file, mode, *more, **named)
    with open(file, mode, *more, **named) as source:
        return io.StringIO(source.read())


# ── logins: methods that stand in for the library's own ──────────────────────────────────────────────────────────────


def _load_cloud_login(tesla: Any) -> dict[str, Any]:
    """Read the newest login, also when it could not be written, for ``Tesla._cache_load``."""
    try:
        found = login_store.load(tesla.cache_file)
    except LoginFileProblem:
        return {}
    for account in found.values():
        token = account.get("sso") if isinstance(account, dict) else None
        if isinstance(token, dict) and not _is_moment(token.get("expires_at")):
            token["expires_at"] = 0  # the library compares it; a login that has expired is renewed before its use
    return found


def _is_moment(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e11


def _save_cloud_login(tesla: Any, cache: dict[str, Any]) -> None:
    login_store.save(tesla.cache_file, cache)


def _load_fleet_login(fleet: Any) -> dict[str, Any] | bool:
    """Read the newest login for ``FleetAPI.load_config``, and choose the first site where none is chosen."""
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


def construct(arguments: dict[str, Any]) -> Any:
    """Construct a ``pypowerwall.Powerwall``, which connects once; its ``connected`` says whether that worked.

    The library's own constructor only logs when it did not. Raises whatever that raises for unusable arguments.
    """

    class ConnectingOnce(load().Powerwall):  # type: ignore[misc]
        connected = False

        def connect(self, retry: bool = False) -> bool:
            self.connected = bool(super().connect(False))
            return self.connected

        def _validate_init_configuration(self) -> None:
            """Accept what our own configuration has accepted."""

    return ConnectingOnce(**arguments)


def replace_methods(target: Any, names: Iterable[str], make: Callable[[str], Method]) -> dict[str, Method]:
    """Replace methods of one object by what ``make`` returns for their names, and return the original ones."""
    original: dict[str, Method] = {name: getattr(target, name) for name in names}
    for name in original:
        setattr(target, name, make(name))
    return original


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
    """Make a TEDAPI client answer from the gateway only."""
    tedapi.pwcacheexpire = tedapi.pwconfigexpire = 0


def set_powerwall3(tedapi: Any, known: bool) -> None:
    """Tell a TEDAPI client which hardware it talks to."""
    tedapi.pw3 = known


def has_left_wired_lan(powerwall: Any) -> bool:
    """Tell whether a v1r connection talks over WiFi because the wired LAN failed."""
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
