"""Open connections through pypowerwall: in bounded time, with a single attempt, and with a cause when it fails."""

from __future__ import annotations

import logging
import os
from typing import Any, Final

from pwserver.causes import (
    AUTH,
    LOGIN_MISSING,
    LOGIN_REFUSED,
    LOGIN_UNREADABLE,
    SETTINGS,
    SITE_MISSING,
    TESLA_UNREACHABLE,
)
from pwserver.config import login_files
from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.config.login_files import CLOUD_FILE, FLEETAPI_FILE, LoginFileProblem
from pwserver.gateways import library_internals, login_store
from pwserver.gateways.collect import Asker, Collector
from pwserver.gateways.collect_cloud import CloudCollector
from pwserver.gateways.collect_local import LocalCollector
from pwserver.gateways.collect_tedapi import TedapiCollector
from pwserver.gateways.failure import GatewayFailure, failure_from
from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json, JsonObject
from pwserver.modes import ConnectionMode
from pwserver.regular_file import open_regular

FOREVER_SECONDS: Final = 10**9  # the library's cache time: pwserver itself decides in each poll what to fetch

_V1R: Final = (ConnectionMode.V1R, ConnectionMode.V1R_WIFI)
log = logging.getLogger("pwserver.gateways")


def version() -> str:
    """Return the library's version without importing the library, or "unknown"."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("pypowerwall")
    except PackageNotFoundError:
        return "unknown"


def connect_limit_seconds(options: GatewayOptions) -> float:
    """Return the seconds that opening a connection may take in all: several requests, each with its timeout."""
    return max(15.0, options.timeout_seconds + 5.0)


def open_connection(
    definition: GatewayDefinition, options: GatewayOptions, limiter: RequestLimiter, *, failover: bool | None = None
) -> Powerwall:
    """Return a ``pypowerwall.Powerwall`` that is connected to this gateway.

    The caller has opened a session of ``limiter``. ``failover`` overrides the owner's setting: an attempt to recover
    must reach the configured connection or none. Raises GatewayFailure, and nothing else.
    """
    arguments = _arguments(definition, options)
    wanted = options.failover if failover is None else failover
    if not definition.mode.remote:
        # For v1r, failover means the WiFi address instead of the wired one. Otherwise it means the cloud, which without
        # a login would only add a failure that hides the first one.
        arguments["failover"] = wanted and (definition.mode in _V1R or _has_remote_login(arguments))
        return _construct(arguments, limiter, definition.mode)
    try:
        return _open_remote(arguments, limiter, definition.mode)
    except GatewayFailure:
        other = ConnectionMode.CLOUD if definition.mode is ConnectionMode.FLEETAPI else ConnectionMode.FLEETAPI
        if not wanted or not login_files.is_there(_login_path(arguments, other)):
            raise
        changed = {**arguments, "fleetapi": other is ConnectionMode.FLEETAPI}
        try:
            return _open_remote(changed, limiter, other)
        except GatewayFailure:
            pass  # report the failure of the connection that the owner configured
        raise


def _open_remote(arguments: dict[str, Any], limiter: RequestLimiter, mode: ConnectionMode) -> Powerwall:
    """Return a connection to Tesla's servers. Raises GatewayFailure.

    The library's own failover is off: in cloud mode it would try a gateway at an empty address.
    """
    arguments = {**arguments, "failover": False}
    content = _usable_login(arguments, mode)
    if mode is ConnectionMode.CLOUD and not arguments.get("email"):
        arguments["email"] = login_files.first_account(content)
    login_store.warn_if_read_only(_login_path(arguments, mode))
    return _construct(arguments, limiter, mode)


def login_path(definition: GatewayDefinition, options: GatewayOptions) -> str:
    """Return the path of the file with the Tesla login of a remote gateway."""
    return _login_path(_arguments(definition, options), definition.mode)


def _login_path(arguments: dict[str, Any], mode: ConnectionMode) -> str:
    folder = os.path.expanduser(str(arguments.get("authpath") or ""))
    return os.path.join(folder, FLEETAPI_FILE if mode is ConnectionMode.FLEETAPI else CLOUD_FILE)


def _usable_login(arguments: dict[str, Any], mode: ConnectionMode) -> JsonObject:
    """Return the content of the login file if the library can use it. Raises GatewayFailure, which says what is wrong.

    The library itself would only fail to connect, or stop with an exception that names no cause.
    """
    path = _login_path(arguments, mode)
    try:
        content = login_store.load(path)
        fault = _fault_in_fleet_login(content) if mode is ConnectionMode.FLEETAPI else None
        if mode is ConnectionMode.CLOUD:
            _check_site_file(os.path.dirname(path))
            account = arguments.get("email") or login_files.first_account(content)
            if account not in content:
                text = f"{CLOUD_FILE} has no login for the configured account; log in to Tesla: pwserver --setup"
                raise GatewayFailure(LOGIN_MISSING, text, place=path)
            fault = _fault_in_cloud_login(content[account])
    except LoginFileProblem as problem:
        cause = LOGIN_MISSING if problem.missing else LOGIN_UNREADABLE
        raise GatewayFailure(cause, str(problem), place=problem.path) from None
    if fault is not None:
        text = f"{os.path.basename(path)} is damaged: {fault}; create it again: pwserver --setup"
        raise GatewayFailure(LOGIN_UNREADABLE, text, place=path)
    return content


def _check_site_file(folder: str) -> None:
    """Check the file with the chosen site. Raises LoginFileProblem if the library could not read it."""
    path = os.path.join(folder, ".pypowerwall.site")
    try:
        with open(open_regular(path), "rb") as stream:
            stream.read(4096).decode()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        text = f".pypowerwall.site cannot be read by {login_files.this_user()} ({error.strerror}); make it readable"
        raise LoginFileProblem(path, text) from None
    except UnicodeDecodeError:
        text = ".pypowerwall.site is damaged: it holds no number of a site; create it again: pwserver --setup"
        raise LoginFileProblem(path, text) from None


def _fault_in_cloud_login(login: Json) -> str | None:
    token = login.get("sso") if isinstance(login, dict) else None
    if not isinstance(token, dict) or not isinstance(login.get("url", ""), str):
        return "the account has no token"
    if not any(isinstance(token.get(name), str) and token[name] for name in ("access_token", "refresh_token")):
        return "the account has no token"
    return None


def _fault_in_fleet_login(content: JsonObject) -> str | None:
    for name in ("access_token", "refresh_token", "AUDIENCE"):
        if not isinstance(content.get(name), str) or not content[name]:
            return f"{name} is missing"
    return None if content["AUDIENCE"].startswith(("https://", "http://")) else "AUDIENCE is no address"


def open_cloud_link(definition: GatewayDefinition, options: GatewayOptions, limiter: RequestLimiter) -> Powerwall:
    """Open the hybrid link, a cloud connection next to a local gateway. Raises GatewayFailure."""
    arguments = {
        "host": "",
        "email": definition.email or "nobody@nowhere.com",  # the library's default, in whose place it looks one up
        "timezone": definition.zone,
        "siteid": _site_id(definition, options),
        "authpath": definition.authpath or options.authpath or "",
        "cachefile": options.cloud_cachefile,
        "fleetapi": definition.fleetapi,
        "auto_select": True,
        "failover": False,  # there is no address to fail over to
        "pwcacheexpire": FOREVER_SECONDS,
        "timeout": 5,
    }
    fleet = definition.fleetapi or login_files.is_there(_login_path(arguments, ConnectionMode.FLEETAPI))
    mode = ConnectionMode.FLEETAPI if fleet else ConnectionMode.CLOUD
    _usable_login(arguments | ({} if definition.email else {"email": None}), mode)
    login_store.warn_if_read_only(_login_path(arguments, mode))
    powerwall = _construct(arguments, limiter, mode)
    if not powerwall.cloudmode:
        raise GatewayFailure(TESLA_UNREACHABLE)
    return powerwall


def collector_for(powerwall: Powerwall, asker: Asker) -> Collector:
    """Return the collector for the kind of connection that was made, which failover may have changed."""
    if powerwall.mode != "local":
        return CloudCollector(powerwall, asker)
    if powerwall.tedapi_mode in ("full", "v1r"):
        return TedapiCollector(powerwall, asker)
    return LocalCollector(powerwall, asker)


def close_connection(powerwall: Powerwall) -> None:
    """Close the sockets without a request: the local client's own close would log out, and end other sessions."""
    for session in library_internals.kept_sessions(powerwall):
        try:
            session.close()
        except Exception as error:
            log.debug("closing a session: %s", type(error).__name__)


def _has_remote_login(arguments: dict[str, Any]) -> bool:
    both = (ConnectionMode.CLOUD, ConnectionMode.FLEETAPI)
    return any(login_files.is_there(_login_path(arguments, mode)) for mode in both)


def _site_id(definition: GatewayDefinition, options: GatewayOptions) -> int | str | None:
    found: int | str | None = definition.siteid if definition.siteid is not None else options.site_id
    return int(found) if isinstance(found, str) and found.strip().isdigit() else found or None


def _arguments(definition: GatewayDefinition, options: GatewayOptions) -> JsonObject:
    mode = definition.mode
    arguments: dict[str, Any] = {
        "timezone": definition.zone,
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
        tedapi_api_version=definition.tedapi_api_version or options.tedapi_api_version,
    )
    if not definition.rsa_key_path:  # with a key each request is signed, and the library refuses another login
        arguments["tedapi_auth_mode"] = definition.tedapi_auth_mode or options.tedapi_auth_mode
    if definition.password:
        arguments["password"] = definition.password
    if definition.rsa_key_path:
        arguments["rsa_key_path"] = definition.rsa_key_path
    if definition.wifi_host:
        arguments["wifi_host"] = definition.wifi_host
    return arguments


def _prepare_cache_folder(arguments: dict[str, Any]) -> None:
    """Create the folder of the login cache where it is missing. Raises GatewayFailure when it cannot be written."""
    folder = os.path.dirname(arguments["cachefile"]) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        text = "the folder of the login cache (PW_CACHE_FILE, else PW_AUTH_PATH) cannot be written"
        raise GatewayFailure(SETTINGS, text)


def _construct(arguments: dict[str, Any], limiter: RequestLimiter, mode: ConnectionMode) -> Powerwall:
    if not mode.remote:
        _prepare_cache_folder(arguments)
    tesla = mode.remote or (bool(arguments.get("failover")) and _has_remote_login(arguments))
    try:
        powerwall = library_internals.construct(arguments, tesla=tesla)
    except Exception as error:
        # The library refuses a setting. Waiting does not repair that, so it is treated like a wrong password. The
        # library's own text may hold an e-mail address or a path.
        raise GatewayFailure(SETTINGS, f"the configuration is unusable: {type(error).__name__}") from None
    if not powerwall.connected or powerwall.client is None:
        close_connection(powerwall)
        raise _why(arguments, limiter, mode)
    return powerwall


def _why(arguments: dict[str, Any], limiter: RequestLimiter, mode: ConnectionMode) -> GatewayFailure:
    """Return the failure to connect, judged only by requests to the configured side, as failover may ask the other."""
    exchanges = [item for item in limiter.exchanges if item.remote is mode.remote]
    if not exchanges:
        if mode.remote:
            return GatewayFailure(LOGIN_REFUSED, "no usable Tesla login: run pwserver --setup")
        key = arguments.get("rsa_key_path")
        if key and not os.access(os.path.expanduser(key), os.R_OK):
            return GatewayFailure(SETTINGS, "the RSA key file cannot be read")
        return GatewayFailure(SETTINGS)
    # Complete answers without a connection: the account has no such site, or the gateway did not like the login.
    if mode.remote:
        return failure_from(exchanges, SITE_MISSING)
    return failure_from(exchanges, AUTH, "the gateway did not accept the connection")


def expire_session(powerwall: Powerwall) -> None:
    """Remove the stored cookie of a local connection, so that its next request logs in: it may have been revoked."""
    cachefile = getattr(powerwall, "cachefile", None)
    if powerwall.mode == "local" and cachefile and os.path.isfile(cachefile):
        try:
            os.remove(cachefile)
        except OSError as error:
            log.warning("cannot remove the stored login: %s", error.strerror)
