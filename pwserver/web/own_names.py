"""Judge by which names this server answers, and tell the owner, once for each, of a name that was refused.

A page on the Internet can let its own name point to this server (DNS rebinding); to the browser it is then a page of
this server. What every page may read anyway needs no protection from that, so while ``CORS_ORIGINS`` is ``*`` any name
may be used for reading. For changes, a browser's word that a page is this server's own counts only under a name that
such a page cannot have.

A browser names the server in Host. A proxy passes that on, or writes its own name for us there and the client's in
X-Forwarded-Host. Like the client's address, that is believed of trusted proxies only: each appends to the list or
replaces it, so from the right as many elements count as there are proxies, and what stands further left was written by
the client.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Final

from sanic import HTTPResponse, Request

from pwserver.config.server_settings import WebSettings
from pwserver.web.client_address import TrustedProxies, forwarded_of
from pwserver.web.errors import error
from pwserver.web.sanic_app import App
from pwserver.web.shared_regions import NAME_BYTES, TOLD_NAMES
from pwserver.web_origins import ANYBODY
from pwserver_ext.http_hosts import Hosts

log = logging.getLogger("pwserver.web")

SHOWN_CHARACTERS: Final = 253  # no host name is longer
FORWARDED_HOST: Final = "x-forwarded-host"
_NAME: Final = re.compile(r"([A-Za-z0-9._-]+)(?::[0-9]*)?", re.ASCII)  # what is refused is never an IPv6 address
_SECRET: Final = os.urandom(16)  # so that no client can choose names that count as one

# Names that the public domain name system never gives out, so no page on the Internet can be rebound to them.
LOCAL_NAMES: Final = ("*.local", "*.localhost", "*.localdomain", "*.lan", "*.home.arpa", "*.internal")


def own_names(web: WebSettings) -> tuple[str, ...] | None:
    """Return the names of this server beside IP addresses and single labels; None where every name is one."""
    if web.host_check == "no":
        return None
    own = socket.gethostname().lower().rstrip(".")  # not the full name: asking for that may wait for a name server
    return (*LOCAL_NAMES, *filter(None, [own]), *web.allowed_hosts)


def readable_names(web: WebSettings) -> tuple[str, ...] | None:
    """Return the names by which this server may be read, in the same form."""
    if web.host_check == "auto" and ANYBODY in web.cors_origins:
        return None
    return own_names(web)


class OwnNames:
    """Knows the names of this server, and by which of them a client has asked for it.

    ``region``: shared by all workers, so that a refused name is told once.
    """

    def __init__(self, web: WebSettings, region: memoryview) -> None:
        known = own_names(web)
        self._hosts = Hosts(known)
        self._every = known is None
        self._proxies = TrustedProxies(web.trusted_proxies)
        self._told = region.cast("Q")

    def of_request(self, request: Request) -> tuple[str, ...]:
        """Return the names that a page of this server may have in its address: Host, and what trusted proxies say."""
        return self.of(request.ip or "", request.headers)

    def of(self, peer: str, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Return the same for the headers of a request from this address. What proxies say has to be a known name."""
        return (headers.get("host", ""), *filter(self._know, self._forwarded(peer, headers)))

    def unknown_of_request(self, request: Request) -> str | None:
        """Return a name by which the client asked for this server and that is none of its own; None without one.

        No browser leaves the Host line out, so that is no name.
        """
        return self.unknown_of(request.ip or "", request.headers)

    def unknown_of(self, peer: str, headers: Mapping[str, str]) -> str | None:
        """Return the same for the headers of a request from this address."""
        if self._every:
            return None
        asked = (headers.get("host", ""), *self._forwarded(peer, headers))
        return next((name for name in asked if name and not self._know(name)), None)

    def explain(self, host: str) -> str:
        """Return why a request for ``host`` is refused and what helps; the log says the same once for each name.

        ``host``: with its port if it has one. A Host line is well-formed; a proxy may write anything.
        """
        match = _NAME.fullmatch(host)
        if match is None:
            return "What a trusted proxy wrote into X-Forwarded-Host is no host name"
        name = match[1][:SHOWN_CHARACTERS]
        detail = f"{name} is not known as a name of this server; if it is one, its owner can add it to PW_ALLOWED_HOSTS"
        if self._is_news(name):
            log.warning(
                "Refused a request for the host name %s. If that is a name of this server, set PW_ALLOWED_HOSTS=%s",
                name,
                name,
            )
        return detail

    def _know(self, name: str) -> bool:
        return self._hosts.knows(name.encode("utf-8", "surrogateescape"))

    def _forwarded(self, peer: str, headers: Mapping[str, str]) -> Iterator[str]:
        """Yield what the trusted proxies on the way wrote as the name that they were asked for."""
        if FORWARDED_HOST not in headers or peer not in self._proxies:
            return
        hops = self._proxies.hops(peer, forwarded_of(headers))
        lines = ",".join(value for name, value in headers.items() if name == FORWARDED_HOST)
        for item in lines.rsplit(",", hops)[-hops:]:
            if name := item.strip(" \t"):  # an empty element of a list counts for nothing (RFC 9110 §5.6.1)
                yield name

    def _is_news(self, name: str) -> bool:
        """Note that a name is told; False when it was already, or when there is no room for one more.

        Without a lock: where two workers meet, one name may be told twice.
        """
        digest = hashlib.blake2b(name.lower().rstrip(".").encode(), digest_size=NAME_BYTES, key=_SECRET).digest()
        key = int.from_bytes(digest, "little") | 1  # 0 is a free place
        for place in range(TOLD_NAMES):
            known = self._told[place]
            if known == key:
                return False
            if known == 0:
                self._told[place] = key
                return True
        return False


def install(app: App, web: WebSettings, names: OwnNames) -> None:
    """Refuse requests that a trusted proxy got for an unknown name, where such a name may not even read.

    The gate has judged Host. It passes on what a proxy names otherwise, as it does not know which proxies are trusted.
    """
    if readable_names(web) is None:
        return

    @app.on_request
    async def known_names_only(request: Request) -> HTTPResponse | None:
        unknown = names.unknown_of_request(request)
        return error(421, names.explain(unknown)) if unknown else None
