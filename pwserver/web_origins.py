"""Judge the Origin header: what it names, and whether a page from there may do what it asks for.

Writes, event streams, WebSockets and CORS all ask here. Any client can send any bytes as an origin, so nothing here
raises, and the time it takes is bounded by ``LONGEST``.

An origin is ``scheme://host[:port]`` in ASCII, as browsers write it (RFC 6454, 6.2; names of other alphabets arrive as
``xn--``). A page without an origin of its own (a sandboxed frame, a file) says ``null`` or ``file://``: that is
well-formed, but equal to nothing. Everything else is malformed, also several origins at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final

from pwserver.records import record

LONGEST: Final = 320  # a name has 253 characters at most; a scheme and a port come on top
ANYBODY: Final = "*"
_NO_ORIGIN: Final = frozenset({"null", "file://"})
_ORIGIN: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,31})://"
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


@record(frozen=True, slots=True)
class Origin:
    """Holds one Origin header.

    ``text``: as it was sent; ``authority``: host and port in lower case, empty for a page without an origin of its own;
    ``scheme`` likewise.
    """

    text: str
    scheme: str = ""
    authority: str = ""

    def is_listed(self, allowed: Collection[str]) -> bool:
        """Tell whether this is one of the origins of CORS_ORIGINS. The asterisk is not an origin."""
        return self.authority != "" and self.text in allowed

    def is_host(self, host: str) -> bool:
        """Tell whether this is a page of the very server that was asked by this name."""
        default = _DEFAULT_PORTS.get(self.scheme)
        if default is None or not self.authority:
            return False
        return self.authority.removesuffix(default) == host.lower().removesuffix(default)


MALFORMED: Final = Origin("")


def parse_origin(text: str) -> Origin:
    """Return the origin in a header's value, or MALFORMED."""
    if text in _NO_ORIGIN:
        return Origin(text)
    match = _ORIGIN.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        return MALFORMED
    host = match["host"].lower()
    if host.startswith("[") and not _is_ipv6(host[1:-1]):
        return MALFORMED
    if "." in host and not host.startswith("[") and any(not 0 < len(part) < 64 for part in host.rstrip(".").split(".")):
        return MALFORMED
    return Origin(text, match["scheme"].lower(), f"{host}:{match['port']}" if match["port"] else host)


def judge_origin(headers: Mapping[str, str]) -> Origin | None:
    """Return the origin of a request with these headers; None without one, MALFORMED when it cannot be understood.

    ``headers``: names in lower case, perhaps several lines of one name.
    """
    values = [value for name, value in headers.items() if name == "origin"]
    if not values:
        return None
    return parse_origin(values[0]) if len(values) == 1 else MALFORMED


def may_listen(origin: Origin | None, allowed: Collection[str], hosts: tuple[str, ...]) -> bool:
    """Tell whether a page from there may read a stream. Browsers do not apply CORS to WebSockets, so the server does.

    ``hosts``: under which names this server may have been asked.
    Programs that are no browsers name no origin. With ``*`` every page may, but not one that names nonsense.
    """
    if origin is None:
        return True
    if origin is MALFORMED:
        return False
    return ANYBODY in allowed or origin.is_listed(allowed) or any(map(origin.is_host, hosts))


def is_own_page(origin: Origin | None, site: str | None, allowed: Collection[str]) -> bool:
    """Tell whether a request that may_write() allows is one of a page that it takes for this server's own."""
    return (origin is not None or site is not None) and not (origin is not None and origin.is_listed(allowed))


def may_write(origin: Origin | None, site: str | None, allowed: Collection[str], hosts: tuple[str, ...]) -> bool:
    """Tell whether a page from there may change anything.

    ``site``: the value of Sec-Fetch-Site, which scripts cannot forge; None without one.
    ``hosts``: under which names this server may have been asked.
    A listed origin may. Else the browser's own word counts, and without that whether the page is this server's.
    """
    if origin is MALFORMED:
        return False
    if origin is not None and origin.is_listed(allowed):
        return True
    # "none": the user typed the address or opened a bookmark. "same-site" is not enough, because another port or
    # subdomain of the same host may belong to another program.
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or any(map(origin.is_host, hosts))


def canonical_origin(text: str) -> str | None:
    """Return a configured origin as browsers write it: lower case, ``xn--``, no default port. None when it is none."""
    scheme, separator, rest = text.partition("://")
    try:
        host = rest if rest.isascii() else rest.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    found = parse_origin(f"{scheme}{separator}{host}")
    if found is MALFORMED or not found.authority:
        return None
    return f"{found.scheme}://{found.authority.removesuffix(_DEFAULT_PORTS.get(found.scheme, ''))}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
