"""List the connection modes: the ways to reach a gateway that can be configured, and the kinds that can result.

A new mode is a row here, its members in the configuration, and its module in ``gateways/``; docs/contributing.md lists
the files.
"""

from __future__ import annotations

import enum
from typing import Final

from pwserver import causes
from pwserver.records import record

# The families of data that a connection may deliver; ``state.abilities`` explains the ones that it does not.
READS: Final = ("powers", "energies", "charge", "grid", "units", "strings", "temperatures", "alerts", "settings")
# Tesla's servers report no lifetime energies, and describe the batteries of a site only as one.
_TESLA_READS: Final = ("powers", "charge", "grid", "alerts", "settings")
_LOCAL_READS: Final = ("powers", "energies", "charge", "grid", "units", "alerts", "settings")


@record(frozen=True, slots=True)
class Way:
    """Describes one way to configure a gateway."""

    label: str  # ``connection_mode`` of the API until a connection has been made; not unique
    word: str  # unique, for logs and ``check-config``
    remote: bool = False  # Tesla's servers are asked instead of the gateway itself
    tedapi: bool = False  # the library speaks TEDAPI
    module: str = "library"  # the module of ``gateways/`` that opens the connection and collects from it
    reach: str = ""  # name of the ``Reach`` that results when all goes well (declared below, so not yet an object)


class _Named(enum.Enum):
    """Gives the rows of a table the names that clients and the log know."""

    @property
    def label(self) -> str:
        """Return the ``connection_mode`` text of the API."""
        return str(self.value.label)

    @property
    def word(self) -> str:
        """Return a short unique name, for logs and ``check-config``."""
        return str(self.value.word)


class ConnectionMode(_Named):
    """Lists how a gateway can be configured to be reached."""

    FLEETAPI = Way("FleetAPI", "fleetapi", remote=True, reach="FLEETAPI")
    CLOUD = Way("Cloud", "cloud", remote=True, reach="CLOUD")
    V1R = Way("TEDAPI v1r", "v1r", tedapi=True, reach="V1R")
    V1R_WIFI = Way("TEDAPI v1r", "v1r-wifi", tedapi=True, reach="V1R")  # WiFi for follower units, and as the detour
    TEDAPI = Way("TEDAPI", "tedapi", tedapi=True, reach="TEDAPI")
    HYBRID = Way("TEDAPI", "hybrid", tedapi=True, reach="HYBRID")  # local API plus TEDAPI vitals
    LOCAL_ONLY = Way("Local", "local-only", reach="LOCAL")  # the gateway password is set, but useless at this address
    LOCAL = Way("Local", "local", reach="LOCAL")  # may turn out to be Basic LAN, which only a connection shows
    POWERS = Way("Powers", "powers", module="powers_json", reach="POWERS")  # powers and charge from another program

    @property
    def remote(self) -> bool:
        """Return whether Tesla's servers are asked instead of the gateway itself."""
        return self.value.remote

    @property
    def tedapi(self) -> bool:
        """Return whether this configuration makes the library speak TEDAPI."""
        return self.value.tedapi

    @property
    def module(self) -> str:
        """Return the module of ``gateways/`` that opens the connection."""
        return self.value.module

    @property
    def reach(self) -> Reach:
        """Return the kind of connection that results when all goes well."""
        return Reach[self.value.reach]


@record(frozen=True, slots=True)
class ReachKind:
    """Describes one kind of connection: what can be read and commanded over it."""

    word: str  # unique, for the log
    label: str  # the name that clients know; not unique
    reads: tuple[str, ...] = READS
    writes: tuple[str, ...] = ()  # a subset of ``state.controls.NEEDS``
    limit: str = causes.READ_ONLY  # the reason given for commands that only another kind of connection can carry
    unread: str = causes.TELLS_LESS  # the reason given for the data that it does not report


class Reach(_Named):
    """Lists the kinds of connections that readings can come over."""

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
    # A Basic LAN port and another program's JSON cannot command anything, so ``writes`` stays empty.
    POWERS = ReachKind("powers", "Powers", ("powers", "charge"))
    MIXED = ReachKind("mixed", "Mixed")  # for a sum whose gateways are reached in different ways

    @property
    def remote(self) -> bool:
        """Return whether Tesla's servers answer instead of the gateway itself."""
        return self in (Reach.FLEETAPI, Reach.CLOUD)


def reach_named(label: str | None, tedapi_mode: str | None) -> Reach | None:
    """Return the kind of connection that published names stand for; None when another program chose the names."""
    # TEDAPI and hybrid share the label "TEDAPI", as in the predecessors; only ``tedapi_mode`` tells them apart.
    if label == Reach.HYBRID.label and tedapi_mode == Reach.HYBRID.word:
        return Reach.HYBRID
    return next((reach for reach in Reach if reach.label == label), None)
