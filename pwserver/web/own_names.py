"""Judge by which names this server answers, and tell the owner, once for each, of a name that was refused.

A page on the Internet can let its own name point to this server (DNS rebinding); to the browser it is then a page of
this server. What every page may read anyway needs no protection from that, so while ``CORS_ORIGINS`` is ``*`` any name
may be used for reading. For changes, a browser's word that a page is this server's own counts only under a name that
such a page cannot have.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from typing import Final

from pwserver.config.server_settings import WebSettings
from pwserver.web_origins import ANYBODY
from pwserver_ext.http_hosts import Hosts

log = logging.getLogger("pwserver.web")

NAMES: Final = "names"  # the arena's region of the names that the log has told
TOLD_NAMES: Final = 32  # names that the log tells while the server runs; anybody can make up more
SHOWN_CHARACTERS: Final = 253  # no host name is longer
_WORD_BYTES: Final = 8
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
    """Knows the names of this server. ``region``: shared by all workers, so that a refused name is told once."""

    def __init__(self, web: WebSettings, region: memoryview) -> None:
        self._hosts = Hosts(own_names(web))
        self._told = region.cast("Q")

    @staticmethod
    def size() -> int:
        """Return how many bytes the region takes."""
        return TOLD_NAMES * _WORD_BYTES

    def know(self, host: str) -> bool:
        """Tell whether the value of a Host line is a name of this server. No browser leaves that line out."""
        return not host or self._hosts.knows(host.encode("utf-8", "surrogateescape"))

    def explain(self, host: str) -> str:
        """Return why a request for ``host`` is refused and what helps; the log says the same once for each name.

        ``host``: well-formed, with its port if it has one.
        """
        name = _without_port(host)[:SHOWN_CHARACTERS]
        detail = f"{name} is not known as a name of this server; if it is one, its owner can add it to PW_ALLOWED_HOSTS"
        if self._is_news(name):
            log.warning(
                "Refused a request for the host name %s. If that is a name of this server, set PW_ALLOWED_HOSTS=%s",
                name,
                name,
            )
        return detail

    def _is_news(self, name: str) -> bool:
        """Note that a name is told; False when it was already, or when there is no room for one more.

        Without a lock: where two workers meet, one name may be told twice.
        """
        digest = hashlib.blake2b(name.lower().rstrip(".").encode(), digest_size=_WORD_BYTES, key=_SECRET).digest()
        key = int.from_bytes(digest, "little") | 1  # 0 is a free place
        for place in range(TOLD_NAMES):
            known = self._told[place]
            if known == key:
                return False
            if known == 0:
                self._told[place] = key
                return True
        return False


def _without_port(host: str) -> str:
    return host.partition(":")[0]  # what is refused is a name, never an IPv6 address
