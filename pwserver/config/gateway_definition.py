"""Hold what the configuration says about one gateway: its name, how it is reached, and with which limits.

Plain values only. Nothing here opens a connection or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pwserver.config.gateway_settings import GatewaySettings
from pwserver.config.host_names import split_host
from pwserver.config.machine_time_zone import machine_zone
from pwserver.config.setting import MASK, members_of
from pwserver.modes import ConnectionMode
from pwserver.reading import GatewayIdentity
from pwserver.records import record

AGGREGATE_ID = "aggregate"  # the virtual gateway; no configured gateway may take this id

_SHORTEST_KEY = 8  # characters of a value in an address's query that may be a key; a shorter one is an ordinary word
# The library adds TEDAPI to a customer login only at the gateway's own WiFi address.
_HYBRID_ADDRESSES = frozenset({"192.168.91.1", "192.168.91.1:443"})


@record(frozen=True, slots=True)
class GatewayDefinition:
    """Describes one configured gateway, checked. Secrets are left out of its printed form."""

    id: str
    name: str
    host: str | None = None  # as written: "host" or "host:port"
    port: int | None = None  # only when given apart from the host
    gw_pwd: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    rsa_key_path: str | None = field(default=None, repr=False)
    wifi_host: str | None = None
    email: str | None = field(default=None, repr=False)
    authpath: str | None = field(default=None, repr=False)
    timezone: str | None = None  # the owner's; None where the gateway's own is wanted
    cloud_mode: bool = False
    fleetapi: bool = False
    type: str = "powerwall"  # or "inverter"
    siteid: str | None = field(default=None, repr=False)
    powers_url: str | None = field(default=None, repr=False)  # a JSON with the four powers; its query may hold a key
    tedapi_api_version: str | None = None  # None where the settings for all gateways count
    tedapi_auth_mode: str | None = None

    @property
    def address(self) -> str:
        """Return ``host`` or ``host:port`` as the library wants it; empty in the remote modes."""
        if self.powers_url:
            parts = urlsplit(self.powers_url)
            return self._host_and_port(parts.netloc, 443 if parts.scheme == "https" else 80)
        if self.host is None or self.mode.remote:
            return ""
        return self._host_and_port(self.host)

    def _host_and_port(self, host: str, port: int | None = None) -> str:
        """Return the host with its port. ``port``: the usual one of this kind of address, for when none was given."""
        port = self.port if self.port is not None else port
        if port is None or split_host(host)[1] is not None:
            return host
        return f"{host}:{port}"

    @property
    def place(self) -> str:
        """Return what the address leads to; two gateways with the same place are one."""
        return (self.powers_url or self.address.removesuffix(":443")).lower()

    @property
    def zone(self) -> str:
        """Return the owner's time zone, else this machine's; the gateway's own is not known yet."""
        return self.timezone or machine_zone()

    @property
    def mode(self) -> ConnectionMode:
        """Return the configured connection mode; the first that fits wins."""
        if self.powers_url:
            return ConnectionMode.POWERS
        if self.fleetapi:
            return ConnectionMode.FLEETAPI
        has_local_login = bool(self.gw_pwd or self.password)  # v1r needs one of them too
        if self.cloud_mode or self.host is None or not has_local_login:
            return ConnectionMode.CLOUD
        if self.rsa_key_path:
            return ConnectionMode.V1R_WIFI if self.gw_pwd and self.wifi_host else ConnectionMode.V1R
        if self.gw_pwd and not self.password:
            return ConnectionMode.TEDAPI
        if self.gw_pwd:
            hybrid = self._host_and_port(self.host) in _HYBRID_ADDRESSES
            return ConnectionMode.HYBRID if hybrid else ConnectionMode.LOCAL_ONLY
        return ConnectionMode.LOCAL

    @property
    def tedapi_expected(self) -> bool:
        """Tell whether this configuration makes the library speak TEDAPI."""
        return self.mode.tedapi

    @property
    def secrets(self) -> set[str]:
        """Return what this gateway is logged in with, and the customer password that the library derives from it."""
        query = parse_qsl(urlsplit(self.powers_url or "").query)
        keys = [value for _, value in query if len(value) >= _SHORTEST_KEY]
        return {text for text in (self.gw_pwd, self.password, (self.gw_pwd or "")[-5:], self.powers_url, *keys) if text}

    def identity(self) -> GatewayIdentity:
        """Return the public facts: no password, e-mail or path."""
        return GatewayIdentity(
            id=self.id,
            name=self.name,
            host=self.host if self.powers_url is None else self.address,
            port=self.port,
            rsa_key_configured=bool(self.rsa_key_path),
            wifi_host=self.wifi_host,
            site_id=MASK if self.siteid else None,  # private: clients learn only that there is one
            timezone=self.zone,
            timezone_set=self.timezone is not None,
            basic_lan=False,
            tedapi_expected=self.tedapi_expected,
            cloud_mode=self.mode.remote,
            fleetapi=self.fleetapi,
            type=self.type,
            way=self.mode.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions(GatewaySettings):
    """Holds the settings about gateways, and what follows from all settings for one of them."""

    site_id: int | str | None = field(default=None, repr=False)  # digits become an integer: a text never matches
    authpath: str = field(default="", repr=False)
    cachefile: str = field(default=".powerwall", repr=False)  # one file per gateway
    cloud_cachefile: str = field(default=".powerwall.cloud", repr=False)  # of the hybrid cloud link
    hybrid_cloud_link: bool = False  # open one next to this local gateway
    alone: bool = False  # the only gateway: a Tesla login beside it can belong to no other
    control_enabled: bool = False

    @classmethod
    def of(cls, settings: GatewaySettings, **derived: Any) -> GatewayOptions:
        """Join the settings with what was derived for one gateway."""
        return cls(**members_of(settings), **derived)

    @property
    def longest_pause_seconds(self) -> float:
        """Return the longest pause between two attempts at a failing gateway."""
        return self.backoff_max_seconds or 2.0 * self.poll_interval_seconds
