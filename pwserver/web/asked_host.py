"""Find the names under which a client may have asked for this server: those that a page of its own can have.

A browser names the server in Host. A proxy passes that on, or writes its own name for us there and the client's in
X-Forwarded-Host. Like the client's address, that is believed of trusted proxies only: each appends to the list or
replaces it, so from the right as many elements count as there are proxies, and what stands further left was written by
the client. And it has to be a name of this server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sanic import Request

from pwserver.web.client_address import TrustedProxies, forwarded_of
from pwserver_ext.http_hosts import Hosts

FORWARDED_HOST = "x-forwarded-host"


class AskedHosts:
    """Knows whose word counts for a name of this server, and which names those may be.

    ``allowed_names``: beside IP addresses and single labels; None where every name is one of this server.
    """

    def __init__(self, trusted_proxies: tuple[str, ...], allowed_names: Collection[str] | None) -> None:
        self._proxies = TrustedProxies(trusted_proxies)
        self._names = Hosts(allowed_names)

    def of_request(self, request: Request) -> tuple[str, ...]:
        """Return Host, and what the trusted proxies on the way say that it was."""
        return self.of(request.ip or "", request.headers)

    def of(self, peer: str, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Return the same for the headers of a request from this address."""
        host = headers.get("host", "")
        if FORWARDED_HOST not in headers or peer not in self._proxies:
            return (host,)
        hops = self._proxies.hops(peer, forwarded_of(headers))
        lines = ",".join(value for name, value in headers.items() if name == FORWARDED_HOST)
        named = [item.strip(" \t") for item in lines.rsplit(",", hops)[-hops:]]
        return (host, *(name for name in named if self._is_ours(name)))

    def _is_ours(self, name: str) -> bool:
        return name.isascii() and self._names.knows(name.encode())
