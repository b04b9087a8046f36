"""Check hosts and addresses: each rule takes a text and returns it normalised, or raises BadValue."""

from __future__ import annotations

import re

from pwserver.config.raw_text import BadValue

_LABEL = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"  # container names have underscores
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?\Z")
_DOTTED_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*\.?\Z")


def host_name(text: str) -> str:
    """Return ``host``, ``host:port``, ``[address]`` or ``[address]:port`` as the library takes it into its URLs.

    An IPv6 address without brackets gets them. Container names may have ``_``.
    """
    expected = (
        "a host name, an IPv4 address or an IPv6 address in brackets, each optionally with :port (1-65535), such as "
        "powerwall.lan, 192.168.91.1 or [fd00::5]:8443"
    )
    name, port = split_host(text)
    if port is not None and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise BadValue(expected)
    if name.startswith("["):
        if not _is_ipv6(name[1:-1]):
            raise BadValue(expected)
        return name if port is None else f"{name}:{port}"
    if not _HOST.match(name):
        raise BadValue(expected)
    # 192.168.91 or 300.1.1.1 is a valid host name by its letters, but can only be a mistyped address.
    if _DOTTED_NUMBERS.match(name) and not _is_ipv4(name):
        raise BadValue(expected)
    return text


def split_host(text: str) -> tuple[str, str | None]:
    """Split off the port, None where there is none. An IPv6 address is always returned in brackets."""
    if text.startswith("["):
        inner, bracket, rest = text.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return text, ""  # no port that could be allowed
        return inner + bracket, rest[1:] if rest else None
    if text.count(":") > 1:
        return f"[{text}]", None
    name, colon, port = text.partition(":")
    return name, port if colon else None


def _is_ipv6(text: str) -> bool:
    """Tell whether this is an IPv6 address, perhaps with a zone such as ``%eth0``."""
    import ipaddress

    address, percent, zone = text.partition("%")
    if percent and not re.fullmatch(r"[0-9A-Za-z_.-]{1,32}", zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(len(p) <= 3 and int(p or "256") <= 255 and str(int(p)) == p for p in parts)


def bind_address(text: str) -> str:
    """Return an address to listen on; brackets around IPv6 are dropped."""
    import ipaddress

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if _HOST.match(bare) and not _DOTTED_NUMBERS.match(bare):
            return bare
    raise BadValue("an IP address such as 0.0.0.0, 127.0.0.1 or ::, or a host name")


def allowed_host(text: str) -> str:
    """Return a host name, or ``*.domain`` for everything below a domain. Never a bare ``*``."""
    name = text.lower().rstrip(".")
    if name.startswith("."):
        name = "*" + name
    if not _HOST.match(name.removeprefix("*.")):
        raise BadValue("host names without port, *.example.org for a whole domain; to allow all set PW_HOST_CHECK=no")
    return name


def network(text: str) -> str:
    """Return an address or network in CIDR form, normalised."""
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadValue("addresses or networks such as 172.16.0.0/12") from None
