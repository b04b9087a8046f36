"""Find the address of a client behind the proxies of PW_TRUSTED_PROXIES, by one rule.

The gate, the limit of guesses, the streams and the log all use it. Each proxy appends the address that it sees, so the
list in X-Forwarded-For is read from the right: all its lines make one list, addresses of trusted proxies are passed
over, and the first other one is the client. Everything further left was written by that client and is never looked at;
nor is the header of a peer that is no trusted proxy. `Forwarded` (RFC 7239) is not read: two headers that say the same
are two chances to lie.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sanic import Request

# Elements of X-Forwarded-For that are looked at, from the right. A real chain has two or three proxies; the bound keeps
# a head full of commas from costing more than a glance.
HOPS_MAX: Final = 32
_FORWARDED: Final = re.compile(
    r'(?P<quote>"?)(?:\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})(?:%[\w.~-]{1,32})?\](?::[0-9]{1,5})?'
    r"|(?P<dotted>[0-9.]{7,15})(?::[0-9]{1,5})?|(?P<bare>[0-9A-Fa-f:.]{2,45})(?:%[\w.~-]{1,32})?)(?P=quote)",
    re.ASCII,
)


def group(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the IPv6 network of one house (/64)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    # A socket that listens on both families shows IPv4 clients as ::ffff:a.b.c.d; they are the same clients.
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    # One house has a /64 at least and can use any address in it, so a limit per address would limit nothing.
    return str(ipaddress.ip_network((found, 64), strict=False))


Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def networks(listed: tuple[str, ...]) -> Networks:
    """Parse the networks of PW_TRUSTED_PROXIES."""
    return tuple(ipaddress.ip_network(item, strict=False) for item in listed)


def client_address(peer: str, forwarded: str, trusted: Networks) -> str:
    """Return the client's address: the peer's, or the one that a trusted proxy speaks for (see the module)."""
    return client_behind(peer, forwarded, trusted)[0]


def client_behind(peer: str, forwarded: str, trusted: Networks) -> tuple[str, int]:
    """Return the client's address, and how many trusted proxies speak for it.

    Where a trusted proxy says something else than an address, that proxy counts as the client.
    """
    if not trusted or not forwarded:
        return peer, 0
    address, hops = peer, 0
    for item in reversed(forwarded.rsplit(",", HOPS_MAX)[-HOPS_MAX:]):
        item = item.strip(" \t")
        if not item:
            continue  # an empty element of a list counts for nothing (RFC 9110 §5.6.1)
        if not within(address, trusted):
            return address, hops
        found = forwarded_address(item)
        if found is None:
            return address, hops
        address, hops = found, hops + 1
    return address, hops


def forwarded_address(item: str) -> str | None:
    """Return the address in one element of X-Forwarded-For, None where there is none.

    Proxies also write it with a port, with brackets and in quotation marks.
    """
    match = _FORWARDED.fullmatch(item)
    if match is None:
        return None
    try:
        found = ipaddress.ip_address(match["bracketed"] or match["dotted"] or match["bare"])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)


def within(address: str, trusted: Networks) -> bool:
    """Tell whether the address lies in one of the networks."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found.version == network.version and found in network for network in trusted)


class TrustedProxies:
    """Knows the proxies of PW_TRUSTED_PROXIES, and finds the clients behind them."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._trusted = networks(listed)

    def __contains__(self, address: object) -> bool:
        return bool(self._trusted) and within(str(address), self._trusted)

    def address(self, peer: str, forwarded: str) -> str:
        """Return the address that a trusted proxy speaks for, or the peer's. ``forwarded``: all lines as one list."""
        return client_address(peer, forwarded, self._trusted)

    def client(self, peer: str, forwarded: str) -> str:
        """Return what counts as one client: that address, or of IPv6 the network of one house."""
        return group(self.address(peer, forwarded))

    def hops(self, peer: str, forwarded: str) -> int:
        """Return how many proxies lie between a trusted peer and the client; that peer is always one."""
        return max(1, client_behind(peer, forwarded, self._trusted)[1])

    def of_request(self, request: Request) -> str:
        """Return the address of the client that sent this request."""
        return self.address(request.ip or "", forwarded_of(request.headers))


def forwarded_of(headers: Mapping[str, str]) -> str:
    """Join all X-Forwarded-For lines of a request to one list."""
    return ",".join(value for name, value in headers.items() if name == "x-forwarded-for")
