"""Read requests and write answers of HTTP/1.1, as far as a simulated gateway needs them.

No HTTP library is used, as it would not let a test break an answer in the middle.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import field
from http import HTTPStatus

from pwserver.records import record

# Far above what pypowerwall sends; the biggest body is config.json in a signed write.
MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 1024 * 1024


@record(slots=True)
class Request:
    """Holds one request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


@record(slots=True)
class Response:
    """Holds one answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/octet-stream"
    headers: list[tuple[str, str]] = field(default_factory=list)

    def encode(self, *, keep_alive: bool, head_only: bool = False) -> bytes:
        """Return the response as the bytes that are sent."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Content-Length: {len(self.body)}"]
        lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append("Connection: " + ("keep-alive" if keep_alive else "close"))
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if head_only else head + self.body


def json_response(value: object, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return an answer with a JSON body."""
    return Response(status, json.dumps(value, separators=(",", ":")).encode(), "application/json", headers or [])


class BadRequest(Exception):
    """Raised when the bytes are not a request that this server accepts; the connection ends."""


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection, None at its end. Raises BadRequest."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadRequest("the head breaks off") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the head is too long") from error
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest("no HTTP request line")
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest("no header line")
        headers[name.strip().lower()] = value.strip()
    size = headers.get("content-length", "0")
    if not size.isdigit() or int(size) > MAX_BODY_BYTES or "transfer-encoding" in headers:
        raise BadRequest("unusable body")
    try:
        body = await reader.readexactly(int(size)) if int(size) else b""
    except asyncio.IncompleteReadError as error:
        raise BadRequest("the body breaks off") from error
    keep_alive = headers.get("connection", "").lower() != "close" and parts[2] != "HTTP/1.0"
    return Request(parts[0], parts[1].partition("?")[0], headers, body, keep_alive)
