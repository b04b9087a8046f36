"""Who really asks: the one rule that finds a client behind the proxies of PW_TRUSTED_PROXIES.

The gate, the limit of guesses, the streams and the log all ask here. Proxies append what they see, so the list in
X-Forwarded-For is read from the right: all its lines make one list, addresses of trusted proxies are passed over, and
the first other one is the client. What stands further left was written by that client and is never looked at; nor is
the header of anybody who is no trusted proxy. `Forwarded` (RFC 7239) is not read: two headers that say the same are
two chances to lie.
"""

from __future__ import annotations

from collections.abc import Mapping

from sanic import Request

from pwserver.web.address_table import client_address, group, networks, within


class Proxies:
    """PW_TRUSTED_PROXIES, and who is behind them."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._trusted = networks(listed)

    def __contains__(self, address: object) -> bool:
        return bool(self._trusted) and within(str(address), self._trusted)

    def address(self, peer: str, forwarded: str) -> str:
        """The address that a trusted proxy speaks for, or the peer's. ``forwarded``: all lines as one list."""
        return client_address(peer, forwarded, self._trusted)

    def client(self, peer: str, forwarded: str) -> str:
        """Who is counted as one: that address, or of IPv6 the network of one house."""
        return group(self.address(peer, forwarded))

    def asking(self, request: Request) -> str:
        """The address that sent this request."""
        return self.address(request.ip or "", forwarded_of(request.headers))


def forwarded_of(headers: Mapping[str, str]) -> str:
    """All X-Forwarded-For lines of a request, joined as one list."""
    return ",".join(value for name, value in headers.items() if name == "x-forwarded-for")
