"""Why there are no data, and why something cannot be done: the closed tables, each row with what the owner can do.

Only these tables say what a cause is called and what helps. ``gateways/`` finds the cause, ``state.abilities`` the
limit; the log, ``/health``, refusals and the pages take sentence and advice from here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class Patience(enum.Enum):
    """How the next attempt is put off after a failure of this cause."""

    BACK_OFF = "back-off"  # soon, then ever more rarely: it passes by itself
    LOGIN = "login"  # a refused login: gateways and Tesla lock accounts, so ever more rarely up to a long pause
    RATE_LIMIT = "rate-limit"  # not before the time that was named


@dataclass(frozen=True, slots=True)
class Cause:
    """One row: ``id`` as clients see it, ``sentence`` says what it is, ``advice`` what the owner can do."""

    id: str
    sentence: str
    advice: str
    patience: Patience = Patience.BACK_OFF


UNREACHABLE: Final = "unreachable"
NAME_UNKNOWN: Final = "name-unknown"
TIMEOUT: Final = "timeout"
AUTH: Final = "auth"
RATE_LIMIT: Final = "rate-limit"
HTTP_ERROR: Final = "http-error"
REDIRECT: Final = "redirect"
GARBAGE: Final = "garbage"
NO_DATA: Final = "no-data"
SETTINGS: Final = "settings"
TESLA_UNREACHABLE: Final = "tesla-unreachable"
TESLA_FAULT: Final = "tesla-fault"
LOGIN_MISSING: Final = "login-missing"
LOGIN_UNREADABLE: Final = "login-unreadable"
LOGIN_REFUSED: Final = "login-refused"
ACCESS_DENIED: Final = "access-denied"
NOT_REGISTERED: Final = "not-registered"
WRONG_REGION: Final = "wrong-region"
SITE_MISSING: Final = "site-missing"
POLLER: Final = "poller"

_LOG_IN_AGAIN: Final = "Log in to Tesla again: pwserver --setup."

CAUSE_BY_ID: Final[Mapping[str, Cause]] = {
    cause.id: cause
    for cause in (
        Cause(
            UNREACHABLE,
            "no connection to the gateway",
            "Check that the gateway has power and network, and that its address is still the configured one; "
            "a fixed address in the router keeps it from changing.",
        ),
        Cause(
            NAME_UNKNOWN,
            "the name of the gateway cannot be resolved",
            "Check the name in PW_HOST, and the name server (DNS) that this machine asks. An address such as "
            "192.168.91.1 needs no name server.",
        ),
        Cause(
            TIMEOUT,
            "no complete answer in time",
            "It is tried again by itself. If it stays, check the network on the way and restart the gateway.",
        ),
        Cause(
            AUTH,
            "the gateway refused our credentials",
            "Check the password (PW_GW_PWD is on the gateway's sticker, PW_PASSWORD is the customer's) and, for v1r, "
            "that the key is registered; then POST /health/reset, or wait.",
            Patience.LOGIN,
        ),
        Cause(
            RATE_LIMIT,
            "we were asked to slow down",
            "Nothing: it is asked again when the named time is over. If it returns, raise PW_CACHE_EXPIRE and look for "
            "other programs that ask the same gateway or account.",
            Patience.RATE_LIMIT,
        ),
        Cause(
            HTTP_ERROR,
            "the answer was an error",
            "It is tried again by itself. If it stays, restart the gateway, and report it with the firmware's version.",
        ),
        Cause(
            REDIRECT,
            "the answer was a redirect to another address, which was not followed",
            "A Tesla gateway never redirects: another device, a captive portal or a proxy answers at this address. "
            "Check PW_HOST.",
        ),
        Cause(
            GARBAGE,
            "the answer could not be understood",
            "Check that a Tesla gateway answers at the configured address. If it does, report it with the firmware's "
            "version.",
        ),
        Cause(
            NO_DATA,
            "the answer held no meter value",
            "It is tried again by itself. If it stays, look in Tesla's app whether the meters are commissioned.",
        ),
        Cause(
            SETTINGS,
            "the settings do not lead to a connection",
            "Change the setting that the message names; pwserver check-config shows what is in force.",
            Patience.LOGIN,
        ),
        Cause(
            TESLA_UNREACHABLE,
            "no connection to Tesla's servers",
            "Check the Internet connection, DNS, and whether a firewall or proxy stands in the way.",
        ),
        Cause(
            TESLA_FAULT,
            "Tesla's servers reported a fault of their own, or cannot reach the site",
            "Nothing: it is tried again by itself. Look whether Tesla's app shows the site.",
        ),
        Cause(LOGIN_MISSING, "there is no Tesla login", "Log in to Tesla: pwserver --setup.", Patience.LOGIN),
        Cause(
            LOGIN_UNREADABLE,
            "the file with the Tesla login cannot be used",
            "Make the file readable and writable for the user pwserver runs as (chown, chmod 600), or write it anew: "
            "pwserver --setup.",
            Patience.LOGIN,
        ),
        Cause(
            LOGIN_REFUSED,
            "Tesla no longer accepts the login",
            f"{_LOG_IN_AGAIN} A login ends when the password changes or after three months without use.",
            Patience.LOGIN,
        ),
        Cause(
            ACCESS_DENIED,
            "Tesla denies this login access",
            f"{_LOG_IN_AGAIN} Use the account that owns the site in Tesla's app; for FleetAPI, grant the application "
            "the scopes for energy products.",
            Patience.LOGIN,
        ),
        Cause(
            NOT_REGISTERED,
            "Tesla requires something of the account or application first",
            "For FleetAPI, register the application in this region (partner account) and check that the account type "
            "allows it; then log in again: pwserver --setup.",
            Patience.LOGIN,
        ),
        Cause(
            WRONG_REGION,
            "the account belongs to another region of Tesla's servers",
            "Run pwserver --setup again and choose the region of the account (North America and Asia-Pacific; Europe, "
            "Middle East and Africa; China).",
            Patience.LOGIN,
        ),
        Cause(
            SITE_MISSING,
            "the Tesla account has no such energy site",
            "Check PW_SITEID, and that Tesla's app shows the site for this account; without PW_SITEID the first site "
            "is taken.",
            Patience.LOGIN,
        ),
        Cause(
            POLLER,
            "The process of pwserver that reads the gateways has stopped.",
            "Nothing: it is started anew by itself within seconds. If it stays, look into the server's log, and report "
            "what it says.",
        ),
    )
}

CAUSES: Final = tuple(CAUSE_BY_ID)


@dataclass(frozen=True, slots=True)
class Limit:
    """One reason why something cannot be done. ``sentence`` may name {what} and the {connection}."""

    id: str
    sentence: str
    advice: str


TEDAPI_READ_ONLY: Final = "tedapi-read-only"
LOCAL_API: Final = "local-api"
READ_ONLY: Final = "read-only"
NEEDS_V1R: Final = "needs-v1r"
NEEDS_TESLA: Final = "needs-tesla"
LINK_DOWN: Final = "link-down"
LINK_UNSURE: Final = "link-unsure"
NOT_CONNECTED: Final = "not-connected"
REPLICA: Final = "replica"
CONTROL_OFF: Final = "control-off"
TELLS_LESS: Final = "tells-less"
TESLA_TELLS_LESS: Final = "tesla-tells-less"
LOCAL_TELLS_LESS: Final = "local-tells-less"

_TO_WRITE: Final = (
    "Log in to Tesla (pwserver --setup; PW_EMAIL beside PW_HOST), so that commands go over Tesla's servers, or "
    "register a v1r key and connect over the wired network: PW_RSA_KEY_PATH with PW_GW_PWD."
)

LIMIT_BY_ID: Final[Mapping[str, Limit]] = {
    limit.id: limit
    for limit in (
        Limit(TEDAPI_READ_ONLY, "TEDAPI over WiFi cannot write", _TO_WRITE),
        Limit(LOCAL_API, "the gateway's local API cannot set {what}", _TO_WRITE),
        Limit(READ_ONLY, "{connection} cannot write", _TO_WRITE),
        Limit(
            NEEDS_V1R,
            "{what} requires v1r LAN transport",
            "Register a v1r key and connect over the wired network: PW_RSA_KEY_PATH with PW_GW_PWD (Powerwall 3).",
        ),
        Limit(
            NEEDS_TESLA,
            "Tesla cloud connection not available (requires hybrid, cloud or FleetAPI mode)",
            "Log in to Tesla: pwserver --setup; PW_EMAIL beside PW_HOST.",
        ),
        Limit(
            LINK_DOWN,
            "this goes over Tesla's servers, and they are not connected",
            "Wait for the connection. If it stays, the server's log says why; a new login helps mostly: "
            "pwserver --setup.",
        ),
        Limit(
            LINK_UNSURE,
            "nobody can say which of the Tesla account's sites this gateway is",
            "Name the site: siteid of this gateway in PW_GATEWAYS, or PW_SITEID.",
        ),
        Limit(NOT_CONNECTED, "the gateway is not connected", "Wait until the gateway answers again."),
        Limit(
            REPLICA,
            "a replica reads only",
            "Send commands to the server that reads the gateway.",
        ),
        Limit(
            CONTROL_OFF,
            "Control Commands Disabled - Set PW_CONTROL_SECRET to enable",
            "Set PW_CONTROL_SECRET on the server.",
        ),
        Limit(
            TELLS_LESS,
            "{connection} does not tell it",
            "Connect to the gateway itself: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).",
        ),
        Limit(
            TESLA_TELLS_LESS,
            "Tesla's servers do not tell it",
            "Connect to the gateway in the house: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).",
        ),
        Limit(
            LOCAL_TELLS_LESS,
            "the local API of this firmware does not tell it",
            "Set PW_GW_PWD as well and let PW_HOST lead to the gateway's own WiFi (TEDAPI).",
        ),
    )
}
