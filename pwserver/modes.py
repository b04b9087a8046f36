"""The one table of connection modes: how a gateway can be configured to be reached, and what was reached.

Plain rows. A new mode is a row here, its members in the configuration, and its module in ``gateways/``;
docs/contributing.md lists the files.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What there is to read of a house.
READS: Final = ("powers", "energies", "charge", "grid", "units", "strings", "temperatures", "alerts", "settings")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to configure a gateway. ``word`` is unique: for logs and ``check-config``."""

    label: str  # ``connection_mode`` of the API until a connection says otherwise
    word: str
    remote: bool = False  # Tesla's servers are asked instead of the gateway itself
    tedapi: bool = False  # the library speaks TEDAPI
    module: str = "library"  # of ``gateways/``: opens the connection and collects from it


class ConnectionMode(enum.Enum):
    """How a gateway is meant to be reached."""

    FLEETAPI = Way("FleetAPI", "fleetapi", remote=True)
    CLOUD = Way("Cloud", "cloud", remote=True)
    V1R = Way("TEDAPI v1r", "v1r", tedapi=True)
    V1R_WIFI = Way("TEDAPI v1r", "v1r-wifi", tedapi=True)  # also reaches the followers, and the leader as a fallback
    TEDAPI = Way("TEDAPI", "tedapi", tedapi=True)
    HYBRID = Way("TEDAPI", "hybrid", tedapi=True)  # local API plus TEDAPI vitals
    LOCAL_ONLY = Way("Local", "local-only")  # a gateway password is there, but of no use at this address
    LOCAL = Way("Local", "local")  # or Basic LAN: only a connection can tell
    POWERS = Way("Powers", "powers", module="powers")  # another program's JSON with the four powers and the charge

    @property
    def label(self) -> str:
        """The ``connection_mode`` text of the API, before a connection says otherwise."""
        return self.value.label

    @property
    def word(self) -> str:
        """A short unique name, for logs and ``check-config``."""
        return self.value.word

    @property
    def remote(self) -> bool:
        """True when Tesla's servers are asked instead of the gateway itself."""
        return self.value.remote

    @property
    def tedapi(self) -> bool:
        """True when this configuration makes the library speak TEDAPI."""
        return self.value.tedapi

    @property
    def module(self) -> str:
        """The module of ``gateways/`` that opens the connection."""
        return self.value.module


@dataclass(frozen=True, slots=True)
class Reach:
    """One kind of connection that can be reached, by the label that clients know it under."""

    label: str
    reads: tuple[str, ...] = READS
    read_only: bool = False  # nothing can be commanded over it, whatever is configured


REACHES: Final[Mapping[str, Reach]] = {
    reach.label: reach
    for reach in (
        Reach("FleetAPI", ("powers", "charge", "grid", "alerts", "settings")),
        Reach("Cloud", ("powers", "charge", "grid", "alerts", "settings")),
        Reach("TEDAPI v1r"),
        Reach("TEDAPI"),
        Reach("Local"),
        Reach("Basic LAN", ("powers", "energies", "charge", "grid"), read_only=True),
        Reach("Powers", ("powers", "charge"), read_only=True),
    )
}
