"""The one table of connection modes: how a gateway can be configured to be reached, and what was reached.

Plain rows. A new mode is a row here, its members in the configuration, and its module in ``gateways/``;
docs/contributing.md lists the files.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from pwserver import causes

# What there is to read of a house.
READS: Final = ("powers", "energies", "charge", "grid", "units", "strings", "temperatures", "alerts", "settings")
_TESLA_READS: Final = ("powers", "charge", "grid", "alerts", "settings")
_LOCAL_READS: Final = ("powers", "energies", "charge", "grid", "units", "alerts", "settings")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to configure a gateway. ``word`` is unique: for logs and ``check-config``."""

    label: str  # ``connection_mode`` of the API until a connection says otherwise
    word: str
    remote: bool = False  # Tesla's servers are asked instead of the gateway itself
    tedapi: bool = False  # the library speaks TEDAPI
    module: str = "library"  # of ``gateways/``: opens the connection and collects from it
    reach: str = ""  # name of the ``Reach`` that it leads to when all goes well


class _Named(enum.Enum):
    """A row of a table that clients and the log know by name."""

    @property
    def label(self) -> str:
        """Return the ``connection_mode`` text of the API."""
        return str(self.value.label)

    @property
    def word(self) -> str:
        """Return a short unique name, for logs and ``check-config``."""
        return str(self.value.word)


class ConnectionMode(_Named):
    """How a gateway is meant to be reached; its label holds until a connection says otherwise."""

    FLEETAPI = Way("FleetAPI", "fleetapi", remote=True, reach="FLEETAPI")
    CLOUD = Way("Cloud", "cloud", remote=True, reach="CLOUD")
    V1R = Way("TEDAPI v1r", "v1r", tedapi=True, reach="V1R")
    V1R_WIFI = Way("TEDAPI v1r", "v1r-wifi", tedapi=True, reach="V1R")  # the followers too, and a fallback
    TEDAPI = Way("TEDAPI", "tedapi", tedapi=True, reach="TEDAPI")
    HYBRID = Way("TEDAPI", "hybrid", tedapi=True, reach="HYBRID")  # local API plus TEDAPI vitals
    LOCAL_ONLY = Way("Local", "local-only", reach="LOCAL")  # a gateway password is there, but of no use at this address
    LOCAL = Way("Local", "local", reach="LOCAL")  # or Basic LAN: only a connection can tell
    POWERS = Way("Powers", "powers", module="powers_json", reach="POWERS")  # another program's powers and charge

    @property
    def remote(self) -> bool:
        """Tell whether Tesla's servers are asked instead of the gateway itself."""
        return self.value.remote

    @property
    def tedapi(self) -> bool:
        """Tell whether this configuration makes the library speak TEDAPI."""
        return self.value.tedapi

    @property
    def module(self) -> str:
        """Return the module of ``gateways/`` that opens the connection."""
        return self.value.module

    @property
    def reach(self) -> Reach:
        """Return what it leads to when all goes well."""
        return Reach[self.value.reach]


@dataclass(frozen=True, slots=True)
class ReachKind:
    """One kind of connection. ``word`` is unique; ``label`` is how clients know it."""

    word: str
    label: str
    reads: tuple[str, ...] = READS
    writes: tuple[str, ...] = ()  # of ``state.controls.NEEDS``
    limit: str = causes.READ_ONLY  # why it cannot command what a connection of another kind could
    unread: str = causes.TELLS_LESS  # why it cannot tell the rest


class Reach(_Named):
    """What was reached: the kind of connection that readings come over."""

    FLEETAPI = ReachKind(
        "fleetapi", "FleetAPI", _TESLA_READS, ("operation", "grid", "tariff"), unread=causes.TESLA_TELLS_LESS
    )
    CLOUD = ReachKind("cloud", "Cloud", _TESLA_READS, ("operation", "grid", "tariff"), unread=causes.TESLA_TELLS_LESS)
    V1R = ReachKind("v1r", "TEDAPI v1r", writes=("operation", "grid", "signed"))
    TEDAPI = ReachKind("tedapi", "TEDAPI", limit=causes.TEDAPI_READ_ONLY)
    HYBRID = ReachKind("hybrid", "TEDAPI", writes=("operation",), limit=causes.LOCAL_API)  # writes over the local API
    LOCAL = ReachKind(
        "local", "Local", _LOCAL_READS, ("operation",), limit=causes.LOCAL_API, unread=causes.LOCAL_TELLS_LESS
    )
    BASIC_LAN = ReachKind("basic-lan", "Basic LAN", ("powers", "energies", "charge", "grid"))
    POWERS = ReachKind("powers", "Powers", ("powers", "charge"))
    MIXED = ReachKind("mixed", "Mixed")  # of a sum: its gateways are reached in different ways

    @property
    def remote(self) -> bool:
        """Tell whether Tesla's servers answer instead of the gateway itself."""
        return self in (Reach.FLEETAPI, Reach.CLOUD)


def reach_named(label: str | None, tedapi_mode: str | None) -> Reach | None:
    """Find what was reached by the words that clients know it under; None for words of other programs."""
    if label == Reach.HYBRID.label and tedapi_mode == Reach.HYBRID.word:
        return Reach.HYBRID
    return next((reach for reach in Reach if reach.label == label), None)
