"""List why a gateway gives no data, why something cannot be done, and what ails a house, each with advice to the owner.

The tables are closed: no other module words a cause or its remedy. ``gateways/`` finds the cause, ``state.abilities``
the limit, ``state.week_checks`` the likely cause; the log, ``/health``, refusals and pages take the sentence and the
advice from here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from pwserver.records import record


class Patience(enum.Enum):
    """Names the schedule of further attempts after a failure."""

    BACK_OFF = "back-off"  # retry soon, then less and less often: such failures pass without the owner
    LOGIN = "login"  # gateways and Tesla lock accounts after refused logins, so the pauses grow long quickly
    RATE_LIMIT = "rate-limit"  # never before the time that the other side named


@record(frozen=True, slots=True)
class Cause:
    """Holds one cause: the ``id`` clients see, a ``sentence`` that explains it, and ``advice`` to the owner."""

    id: str
    sentence: str
    advice: str
    patience: Patience = Patience.BACK_OFF


# Ids are part of the API: clients and automations compare them, so an id never changes its meaning.
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
            "Check that the gateway has power and a network connection, and that its address has not changed; "
            "reserving a fixed address for it in the router prevents that.",
        ),
        Cause(
            NAME_UNKNOWN,
            "the name of the gateway cannot be resolved",
            "Check the name in PW_HOST, and the name server (DNS) that this machine uses. An address such as "
            "192.168.91.1 needs no name server.",
        ),
        Cause(
            TIMEOUT,
            "no complete answer in time",
            "The server tries again automatically. If this persists, check the network, then restart the gateway.",
        ),
        Cause(
            AUTH,
            "the gateway refused the password or key",
            "Check the password (PW_GW_PWD is on the gateway's sticker, PW_PASSWORD is the customer's) and, for v1r, "
            "that the key is registered. Then send POST /health/reset, or wait.",
            Patience.LOGIN,
        ),
        Cause(
            RATE_LIMIT,
            "too many requests: the other side asked for a pause",
            "There is nothing to do: the server tries again when the requested time is over. If it happens again, "
            "raise PW_CACHE_EXPIRE, and look for other programs that use the same gateway or account.",
            Patience.RATE_LIMIT,
        ),
        Cause(
            HTTP_ERROR,
            "the answer was an error",
            "The server tries again automatically. If this persists, restart the gateway, and report "
            "it together with the firmware version.",
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
            "Check that a Tesla gateway answers at the configured address. If it does, report the problem together "
            "with the firmware version.",
        ),
        Cause(
            NO_DATA,
            "the answer contained no meter values",
            "The server tries again automatically. If this persists, check in Tesla's app that the meters are "
            "commissioned.",
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
            "Check the Internet connection and DNS, and that no firewall or proxy blocks the way.",
        ),
        Cause(
            TESLA_FAULT,
            "Tesla's servers reported a fault of their own, or cannot reach the site",
            "There is nothing to do: the server tries again automatically. Check that Tesla's app shows the site.",
        ),
        Cause(LOGIN_MISSING, "there is no Tesla login", "Log in to Tesla: pwserver --setup.", Patience.LOGIN),
        Cause(
            LOGIN_UNREADABLE,
            "the file with the Tesla login cannot be used",
            "Make the file readable and writable for the user that pwserver runs as (chown, chmod 600), or create it "
            "again: pwserver --setup.",
            Patience.LOGIN,
        ),
        Cause(
            LOGIN_REFUSED,
            "Tesla no longer accepts the login",
            f"{_LOG_IN_AGAIN} A login expires when the password changes, or after three months without use.",
            Patience.LOGIN,
        ),
        Cause(
            ACCESS_DENIED,
            "Tesla denies this login access",
            f"{_LOG_IN_AGAIN} Use the account that owns the site in Tesla's app; for FleetAPI, also grant the "
            "application the scopes for energy products.",
            Patience.LOGIN,
        ),
        Cause(
            NOT_REGISTERED,
            "Tesla requires a further step for the account or the application",
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
            "Check PW_SITEID, and that Tesla's app shows the site for this account. Without PW_SITEID, the first site "
            "of the account is used.",
            Patience.LOGIN,
        ),
        Cause(
            POLLER,
            "The process of pwserver that reads the gateways has stopped.",
            "There is nothing to do: it restarts automatically within seconds. If this persists, look in the "
            "server's log, and report what it says.",
        ),
    )
}

CAUSES: Final = tuple(CAUSE_BY_ID)


@record(frozen=True, slots=True)
class Limit:
    """Holds one reason why something cannot be done; ``sentence`` has places for {what} and {connection}."""

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
    "Log in to Tesla so that commands go over Tesla's servers (pwserver --setup; PW_EMAIL in addition to PW_HOST), or "
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
            # The words of pypowerwall-server, which its clients may match.
            "Tesla cloud connection not available (requires hybrid, cloud or FleetAPI mode)",
            "Log in to Tesla: pwserver --setup; PW_EMAIL in addition to PW_HOST.",
        ),
        Limit(
            LINK_DOWN,
            "this goes over Tesla's servers, which are not connected",
            "Wait for the connection. If it does not come, look for the reason in the server's log; a new login "
            "usually helps: pwserver --setup.",
        ),
        Limit(
            LINK_UNSURE,
            "the Tesla account has several sites, and it is not known which of them this gateway is",
            "Name the site: set siteid for this gateway in PW_GATEWAYS, or set PW_SITEID.",
        ),
        Limit(NOT_CONNECTED, "the gateway is not connected", "Wait until the gateway answers again."),
        Limit(
            REPLICA,
            "a replica cannot send commands",
            "Send commands to the server that reads the gateway.",
        ),
        Limit(
            CONTROL_OFF,
            # The words of pypowerwall-server, which its clients may match.
            "Control Commands Disabled - Set PW_CONTROL_SECRET to enable",
            "Set PW_CONTROL_SECRET on the server.",
        ),
        Limit(
            TELLS_LESS,
            "{connection} does not report it",
            "Connect to the gateway itself: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).",
        ),
        Limit(
            TESLA_TELLS_LESS,
            "Tesla's servers do not report it",
            "Connect to the gateway in the house: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).",
        ),
        Limit(
            LOCAL_TELLS_LESS,
            "the local API of this firmware does not report it",
            "Set PW_GW_PWD as well, and point PW_HOST at the gateway on its own WiFi (TEDAPI).",
        ),
    )
}


@record(frozen=True, slots=True)
class LikelyCause:
    """Holds one likely cause of a failed seven-day check; where a gateway was silent, a ``Cause`` is told instead."""

    id: str
    sentence: str
    advice: str


NOT_RECORDED: Final = "not-recorded"
UTILITY: Final = "utility"
ON_PURPOSE: Final = "on-purpose"
WEAK_STRINGS: Final = "weak-strings"
DEVICE_ALERT: Final = "device-alert"
GATEWAY_CLOCK: Final = "gateway-clock"
SERVER_CLOCK: Final = "server-clock"
ZONES_DIFFER: Final = "zones-differ"

LIKELY_CAUSE_BY_ID: Final[Mapping[str, LikelyCause]] = {
    likely.id: likely
    for likely in (
        LikelyCause(
            NOT_RECORDED,
            "pwserver was not running, or could not record",
            "Keep the machine that pwserver runs on switched on, and look in the server's log for what happened then.",
        ),
        LikelyCause(
            UTILITY,
            "the grid was away, or its voltage or frequency was out of range",
            "If the neighbours had power at the time, have an electrician check the main breaker and the connection "
            "to the grid; else ask the utility.",
        ),
        LikelyCause(
            ON_PURPOSE,
            "the house left the grid on purpose",
            "There is nothing to do if that was intended; else look in Tesla's app for what ordered it.",
        ),
        LikelyCause(
            WEAK_STRINGS,
            "shade, dirt or snow, or a fault of a module or a connector",
            "Look at the panels of the string. If nothing covers them, have the installer measure the string.",
        ),
        LikelyCause(
            DEVICE_ALERT,
            "a device reported a serious alert",
            "Read what the alert means; if it lasts or comes back, report its name to the installer or to Tesla.",
        ),
        LikelyCause(
            GATEWAY_CLOCK,
            "the clock of the gateway is wrong",
            "Check that the gateway reaches the Internet, from which it takes the time; then restart it.",
        ),
        LikelyCause(
            SERVER_CLOCK,
            "the clock of the machine that pwserver runs on is probably wrong, as nothing sets it by the network",
            "Switch on time synchronisation (NTP) on that machine.",
        ),
        LikelyCause(
            ZONES_DIFFER,
            "the time zone in the settings is not the one that the gateway reports",
            "Correct PW_TIMEZONE, or the timezone of this gateway in PW_GATEWAYS, or leave it out: days then begin at "
            "the midnight of the house.",
        ),
    )
}
