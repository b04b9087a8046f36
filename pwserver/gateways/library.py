"""pypowerwall, tamed: imported late, opened in bounded time, silent, and never asking twice behind our back.

This is the only module of pwserver that imports pypowerwall (0.3 s and 34 MB: workers must stay without it).
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from types import ModuleType
from typing import Any, Final

from pwserver.config.gateways import ConnectionMode, GatewayDefinition, GatewayOptions
from pwserver.gateways.failure import AUTH, UNREACHABLE, GatewayFailure, failure_from
from pwserver.gateways.wire import Wire
from pwserver.regular_file import open_regular

FOREVER_SECONDS: Final = 10**9  # as the library's cache time: what is fresh is decided by us, poll by poll

_V1R: Final = (ConnectionMode.V1R, ConnectionMode.V1R_WIFI)
_guard = threading.Lock()
_library: ModuleType | None = None
log = logging.getLogger("pwserver.gateways")


# They log what they send: tokens and headers among it.
_TALKATIVE: Final = ("requests_oauthlib", "oauthlib", "httpx", "httpcore", "hpack", "h2", "urllib3")


def _hush() -> None:
    """Silence the library: it writes dozens of lines for one outage, and names e-mails, addresses and payloads in
    them. What is worth saying we say ourselves (``voice.py``)."""
    for name in ("pypowerwall", "teslapy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pypowerwall")


def load() -> ModuleType:
    """pypowerwall, imported and prepared once. Safe from several threads."""
    global _library
    with _guard:
        if _library is None:
            import pypowerwall
            import pypowerwall.cloud.pypowerwall_cloud as cloud
            import pypowerwall.cloud.teslapy as teslapy
            import pypowerwall.fleetapi.fleetapi as fleetapi
            import pypowerwall.local.pypowerwall_local as local
            import pypowerwall.tedapi as tedapi
            import pypowerwall.tedapi.tedapi_v1r as v1r

            from pwserver.gateways import sessions

            _hush()
            gateway_requests = sessions.requests_view(sessions.LocalSession)
            for module in (tedapi, v1r, local):
                _exchange(module, requests=gateway_requests)
            _exchange(tedapi, json=sessions.json_view())
            for module in (local, v1r, cloud, teslapy, fleetapi):
                vars(module)["open"] = _open  # the login files; one of them is never closed by the library
            remote_requests = sessions.requests_view(sessions.RemoteSession)
            for module in (teslapy, fleetapi):
                _exchange(module, requests=remote_requests, httpx=sessions.httpx_view())
            counted = type("CountedTesla", (sessions.Counted, teslapy.Tesla), {})
            _exchange(cloud, Tesla=counted)
            _library = pypowerwall
        return _library


def _open(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
    """``open`` that leaves nothing open after reading, and never waits for the other end of a FIFO."""
    named.setdefault("opener", lambda path, flags: open_regular(path, flags, 0o666))
    if mode != "r":
        return open(file, mode, *more, **named)
    with open(file, mode, *more, **named) as source:
        return io.StringIO(source.read())


def _exchange(module: ModuleType, **names: Any) -> None:
    """Give a library module other things under names it has; raises when a new library version lost one."""
    for name, thing in names.items():
        if not hasattr(module, name):
            raise RuntimeError(f"this pypowerwall has no {module.__name__}.{name}: unsupported version")
        setattr(module, name, thing)


def version() -> str:
    """The library's version, without importing it."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("pypowerwall")
    except PackageNotFoundError:
        return "unknown"


def connect_limit_seconds(options: GatewayOptions) -> float:
    """How long opening a connection may take in all."""
    return max(15.0, options.timeout_seconds + 5.0)


def open_connection(
    definition: GatewayDefinition, options: GatewayOptions, wire: Wire, *, failover: bool | None = None
) -> Any:
    """A connected ``pypowerwall.Powerwall`` for this gateway, inside a session of ``wire`` opened by the caller.

    Raises GatewayFailure, and nothing else. ``failover`` overrides the owner's setting (recovery never falls over).
    """
    arguments = _arguments(definition, options)
    wanted = options.failover if failover is None else failover
    # Between the wired and the WiFi address (v1r) it is always meant; to the cloud only where there is a login.
    arguments["failover"] = wanted and (definition.mode in _V1R or _has_remote_login(arguments))
    return _construct(arguments, wire, definition.mode)


def open_cloud_link(definition: GatewayDefinition, options: GatewayOptions, wire: Wire) -> Any:
    """The hybrid link: a cloud connection next to a local gateway. Raises GatewayFailure."""
    arguments = {
        "host": "",
        "email": definition.email or "nobody@nowhere.com",
        "timezone": definition.timezone,
        "siteid": _site_id(definition, options),
        "authpath": definition.authpath or options.authpath or "",
        "cachefile": options.cloud_cachefile,
        "fleetapi": definition.fleetapi,
        "auto_select": True,
        "failover": options.failover,
        "pwcacheexpire": FOREVER_SECONDS,
        "timeout": 5,
    }
    powerwall = _construct(arguments, wire, ConnectionMode.CLOUD)
    if not powerwall.cloudmode:
        raise GatewayFailure(UNREACHABLE, "no cloud connection")
    return powerwall


def close_connection(powerwall: Any) -> None:
    """Let go of the sockets, without asking the gateway anything (the local client would log out)."""
    client = getattr(powerwall, "client", None)
    tedapi = getattr(client, "tedapi", None)
    for owner in (client, tedapi):
        for name in ("session", "wifi_session", "api_session"):
            _close(getattr(owner, name, None))
    for name in ("v1r_transport", "wifi_v1r_transport"):
        _close(getattr(getattr(tedapi, name, None), "session", None))


def _close(session: Any) -> None:
    if session is not None and hasattr(session, "close"):
        try:
            session.close()
        except Exception as error:
            log.debug("closing a session: %s", type(error).__name__)


def _has_remote_login(arguments: dict[str, Any]) -> bool:
    folder = os.path.expanduser(str(arguments.get("authpath") or ""))
    return any(os.path.exists(os.path.join(folder, name)) for name in (".pypowerwall.auth", ".pypowerwall.fleetapi"))


def _site_id(definition: GatewayDefinition, options: GatewayOptions) -> int | str | None:
    found: int | str | None = definition.siteid if definition.siteid is not None else options.site_id
    return int(found) if isinstance(found, str) and found.strip().isdigit() else found or None


def _arguments(definition: GatewayDefinition, options: GatewayOptions) -> dict[str, Any]:
    mode = definition.mode
    arguments: dict[str, Any] = {
        "timezone": definition.timezone,
        "pwcacheexpire": FOREVER_SECONDS,
        "timeout": options.timeout_seconds,
        "siteid": _site_id(definition, options),
    }
    if definition.email:
        arguments["email"] = definition.email
    authpath = definition.authpath or options.authpath
    if authpath:
        arguments["authpath"] = authpath
    if mode.remote:
        arguments.update(cloudmode=True, fleetapi=definition.fleetapi)
        return arguments
    arguments.update(
        host=definition.address,
        poolmaxsize=max(1, options.pool_maxsize),
        authmode=options.auth_mode,
        cachefile=options.cachefile,
        gw_pwd=definition.gw_pwd,
        tedapi_api_version=options.tedapi_api_version,
    )
    if definition.password:
        arguments["password"] = definition.password
    if definition.rsa_key_path:
        arguments["rsa_key_path"] = definition.rsa_key_path
    if definition.wifi_host:
        arguments["wifi_host"] = definition.wifi_host
    return arguments


def _unusable(arguments: dict[str, Any], error: Exception) -> str:
    """Why the library takes no connection with these arguments. Its own text may hold an e-mail address or a path."""
    if arguments.get("cloudmode") or not arguments.get("host"):
        folder, names = arguments.get("authpath"), "the folder of logins (PW_AUTH_PATH)"
    else:
        folder = os.path.dirname(arguments["cachefile"])
        names = "the folder of the login cache (PW_CACHE_FILE, else PW_AUTH_PATH)"
    if not os.access(os.path.expanduser(folder or "."), os.W_OK):
        return f"{names} cannot be written"
    return f"the configuration is unusable: {type(error).__name__}"


def _construct(arguments: dict[str, Any], wire: Wire, mode: ConnectionMode) -> Any:
    library = load()

    class Once(library.Powerwall):  # type: ignore[misc, name-defined]
        """Remembers whether connecting worked: the constructor only logs when it did not."""

        connected = False

        def connect(self, retry: bool = False) -> bool:
            self.connected = bool(super().connect(False))
            return self.connected

    try:
        powerwall = Once(**arguments)
    except Exception as error:
        # An unusable setting: waiting will not repair it, so it is treated like a wrong password.
        raise GatewayFailure(AUTH, _unusable(arguments, error)) from None
    if not powerwall.connected or powerwall.client is None:
        close_connection(powerwall)
        raise _why(arguments, wire, mode)
    return powerwall


def _why(arguments: dict[str, Any], wire: Wire, mode: ConnectionMode) -> GatewayFailure:
    if not wire.exchanges:
        if mode.remote:
            return GatewayFailure(AUTH, "no usable Tesla login: run pwserver --setup")
        key = arguments.get("rsa_key_path")
        if key and not os.access(os.path.expanduser(key), os.R_OK):
            return GatewayFailure(AUTH, "the RSA key file cannot be read")
        return GatewayFailure(AUTH, "the configuration does not lead to a connection")
    return failure_from(wire.exchanges, AUTH, "the gateway did not accept the connection")


def expire_session(powerwall: Any) -> None:
    """Make the next request of a local connection log in afresh: a stored cookie may have been revoked."""
    cachefile = getattr(powerwall, "cachefile", None)
    if powerwall.mode == "local" and cachefile and os.path.isfile(cachefile):
        try:
            os.remove(cachefile)
        except OSError as error:
            log.warning("cannot remove the stored login: %s", error.strerror)
