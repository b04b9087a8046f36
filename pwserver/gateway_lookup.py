"""Look up a gateway by the name that a request, a query or a topic gives it; nothing else does.

Reads, writes, streams, history and MQTT commands all ask here, so an unknown name is refused everywhere in the same
words, and never means the default gateway. Ids are compared as they are: ``Home`` is not ``home``.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final
from urllib.parse import unquote

SHOWN: Final = 80  # characters of a name that an answer repeats; ids have 64 at most


class UnknownGateway(LookupError):
    """Says that no gateway has this name, and shows the name, shortened."""

    def __init__(self, name: str) -> None:
        shown = name if len(name) <= SHOWN else name[: SHOWN - 1] + "…"
        super().__init__(f"Gateway {shown} not found")
        self.name = name


def find_gateway(name: str, known: Container[str]) -> str:
    """Return the id of the gateway with this name; raises UnknownGateway."""
    if name not in known:
        raise UnknownGateway(name)
    return name


def find_in_path(segment: str, known: Container[str]) -> str:
    """Find the id of the gateway that a segment of a URL's path names."""
    return find_gateway(decode_segment(segment), known)


def decode_segment(segment: str) -> str:
    """Return the name in a segment of a URL's path, which is percent-encoded once (RFC 3986, 2.4)."""
    return unquote(segment, errors="replace")
