"""The recogniser once more, slowly: regular expressions over a complete head, written from RFC 9112 and not from ours.

It says whether a head is acceptable and how its body is framed, not which status a refusal has.
"""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])")
FIELD = re.compile(
    rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
ABSOLUTE = re.compile(rb"https?://([^/?]*)/.*", re.IGNORECASE)


def host_is_good(host: bytes) -> bool:
    match = HOST.fullmatch(host)
    return match is not None and int(match[1] or b"0") <= 65535


def without_empty_lines(data: bytes) -> bytes:
    """What is left when the empty lines that may stand before a request line are taken away."""
    return re.sub(rb"\A(?:\r?\n){1,4}", b"", data)


def accept(data: bytes) -> tuple[int, int] | None:
    """(bytes of the head, bytes of the body) of the first request, or None: it must be refused.

    `data` must hold a complete head, within the usual limits of size, and any host is ours.
    """
    skipped = len(data) - len(without_empty_lines(data))
    data = data[skipped:]
    head, end, _ = data.partition(b"\r\n\r\n")
    assert end
    first, *lines = head.split(b"\r\n")
    line = LINE.fullmatch(first)
    if line is None:
        return None
    method, target, minor = line.groups()
    if not target.startswith(b"/") and not (target == b"*" and method == b"OPTIONS"):
        absolute = ABSOLUTE.fullmatch(target)
        if absolute is None or not host_is_good(absolute[1]):
            return None
    fields = [FIELD.fullmatch(text) for text in lines]
    if len(fields) > 100:
        return None
    found: dict[bytes, list[bytes]] = {}
    for field in fields:
        if field is None:
            return None
        found.setdefault(field[1].lower(), []).append(field[2])
    hosts = found.get(b"host", [])
    if len(hosts) > 1 or (not hosts and minor == b"1") or not all(map(host_is_good, hosts)):
        return None
    codings = found.get(b"transfer-encoding", [])
    if codings and (minor == b"0" or b"content-length" in found or [one.lower() for one in codings] != [b"chunked"]):
        return None
    if any(value.lower() != b"100-continue" for value in found.get(b"expect", [])):
        return None
    lengths = found.get(b"content-length", [b"0"])
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0]) or int(lengths[0]) > 4096:
        return None
    return skipped + len(head) + 4, int(lengths[0])
