"""Read and write the messages of TEDAPI: find what a request asks for, and wrap the answer."""

from __future__ import annotations

from pwserver.json_types import JsonMapping

from . import protobuf
from .protobuf import Fields, blob, integer, nested

# Field numbers of the envelope.
COMMON, TEG, CONFIG, QUERY = 4, 5, 15, 16
FIRMWARE = COMMON  # the same field; only its content shows which of the two it is


def participants(gateway_din: str, channel: int) -> bytes:
    """Encode the head of an answer's envelope: delivery channel, sender, recipient."""
    return integer(1, channel) + blob(2, blob(1, gateway_din)) + blob(3, integer(3, 1))


def query_answer(text: str) -> bytes:
    """Encode payload.recv.text."""
    return nested((QUERY, 2), integer(1, 1) + blob(2, text))


def _file(name: str, content: bytes, digest: bytes) -> bytes:
    return blob(1, blob(1, name) + blob(100, content)) + blob(2, digest)


def file_answer(name: str, content: bytes, digest: bytes) -> bytes:
    """Encode config.recv, which v1r calls filestore.readFileResponse; the bytes are the same."""
    return nested((CONFIG, 2), _file(name, content, digest))


def update_answer(name: str, content: bytes, digest: bytes) -> bytes:
    """Encode filestore.updateFileResponse."""
    return nested((CONFIG, 6), _file(name, content, digest))


def error_answer(code: int, text: str) -> bytes:
    """Encode common.error_response.status."""
    return nested((COMMON, 1, 1), integer(1, code) + blob(2, text))


def firmware_answer(facts: JsonMapping) -> bytes:
    """Encode firmware.system; ``facts`` holds part, serial, din, version and githash."""
    version = blob(1, facts["version"]) + blob(2, facts["githash"])
    radio = nested((1,), facts.get("radio", "Simulated Radio").encode())
    device = (
        blob(1, radio)
        + blob(2, nested((1,), b"SIM-1"))
        + blob(3, nested((1,), b"XMR000"))
        + blob(4, nested((1,), b"0000A-SIM"))
    )
    system = (
        blob(1, blob(1, facts["part"]) + blob(2, facts["serial"]))
        + blob(2, facts["din"])
        + blob(3, version)
        + blob(5, integer(1, 2) + integer(2, 1) + integer(7, int(facts.get("time", 0))))
        + integer(6, 4)
        + blob(7, blob(1, device))
        + blob(8, bytes.fromhex("00112233"))
        + blob(9, bytes.fromhex("44556677"))
    )
    return nested((FIRMWARE, 3), system)


def wrap(envelope: bytes, tail: int = 1) -> bytes:
    """Wrap an envelope into a complete message of the basic transport."""
    return blob(1, envelope) + blob(2, integer(1, tail))


def unwrap(message: bytes) -> tuple[Fields, int]:
    """Return (envelope fields, tail) of a complete message. Raises WireError."""
    fields = protobuf.decode(message)
    envelope = protobuf.message(fields, 1)
    if envelope is None:
        raise protobuf.WireError("no envelope")
    return envelope, protobuf.number(fields, 2, 1) or 1


def query_of(envelope: Fields) -> tuple[str, str] | None:
    """Return (query text, variables JSON) of payload.send; None if the envelope is not a query."""
    text = protobuf.text(envelope, QUERY, 1, 2, 2)
    if text is None:
        return None
    return text, protobuf.text(envelope, QUERY, 1, 4, 1) or "{}"


def recipient_of(envelope: Fields) -> str | None:
    """Return the DIN of the device that a request is for."""
    return protobuf.text(envelope, 3, 1)
