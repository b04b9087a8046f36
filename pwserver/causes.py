"""Why there are no data: the closed table of causes, each with what it is and what the owner can do about it.

Only this table says what a cause is called and what helps. ``gateways/`` finds the cause; the log, ``/health`` and the
pages take sentence and advice from here.
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
    )
}

CAUSES: Final = tuple(CAUSE_BY_ID)
