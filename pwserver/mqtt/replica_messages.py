"""Write and read replica messages: one gateway's identity, status and reading as compressed, versioned, signed JSON.

Layout: the five bytes ``PWR`` + version + flags, then (flag 1) 32 bytes of HMAC-SHA256 over topic, head and body,
then the body: zlib-compressed JSON. Nothing is ever unpickled; what does not fit the dataclasses is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import types
import typing
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar

from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.modes import Reach, reach_named
from pwserver.reading import Answered, Capability, GatewayIdentity, GatewayStatus, Reading, Ways
from pwserver.records import record

MAGIC = b"PWR"
VERSION = 1
SIGNED = 1
MAC_BYTES = 32
MAX_BODY_BYTES = 32 << 20
COMPRESSION_LEVEL = 4
HINTS: dict[type, JsonObject] = {
    kind: typing.get_type_hints(kind) for kind in (GatewayIdentity, GatewayStatus, Reading, Capability, Answered, Ways)
}

T = TypeVar("T")


class ReplicaMessageError(Exception):
    """Says why a message cannot be used; the text holds nothing of its contents."""


@record(frozen=True, slots=True)
class Envelope:
    """Holds one gateway after one poll attempt, as its publisher saw it."""

    identity: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None
    sent: float  # epoch seconds, the publisher's clock
    run: int  # grows with every start of the publisher
    sequence: int  # grows with every message of a run
    expect_seconds: float  # silence for longer than this means that something is wrong
    position: int = 0  # of the gateway in its publisher's list


def encode(envelope: Envelope, topic: str, key: bytes | None) -> bytes:
    """Write the message of an envelope, signed for this topic when there is a key."""
    body = {
        "sent": envelope.sent,
        "run": envelope.run,
        "sequence": envelope.sequence,
        "expect_seconds": envelope.expect_seconds,
        "position": envelope.position,
        "identity": _plain(envelope.identity),
        "status": _plain(envelope.status),
        "reading": None if envelope.reading is None else _plain(envelope.reading),
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = zlib.compress(text.encode("utf-8", "surrogatepass"), COMPRESSION_LEVEL)
    head = MAGIC + bytes((VERSION, 0 if key is None else SIGNED))
    return head + (b"" if key is None else _mac(key, topic, head, packed)) + packed


def decode(payload: bytes, topic: str, key: bytes | None) -> Envelope:
    """Read the envelope of a message, which must be signed when there is a key. Raises ReplicaMessageError."""
    head, rest = payload[:5], payload[5:]
    if len(head) < 5 or head[:3] != MAGIC:
        raise ReplicaMessageError("not a replica message")
    if head[3] != VERSION:
        raise ReplicaMessageError(f"version {head[3]}, this server reads {VERSION}")
    if head[4] & SIGNED:
        mac, rest = rest[:MAC_BYTES], rest[MAC_BYTES:]
        if key is not None and not hmac.compare_digest(mac, _mac(key, topic, head, rest)):
            raise ReplicaMessageError("signature does not fit")
    elif key is not None:
        raise ReplicaMessageError("not signed")
    return _envelope(_load(rest))


def sign_word(word: str, topic: str, key: bytes | None) -> bytes:
    """Write a one-word message (``online``, ``offline``), signed when there is a key."""
    plain = word.encode()
    return plain if key is None else plain + b" " + _mac(key, topic, b"", plain).hex().encode()


def read_word(payload: bytes, topic: str, key: bytes | None) -> str:
    """Read a one-word message. Raises ReplicaMessageError when its signature is missing or wrong."""
    plain, _, mac = payload[:200].partition(b" ")
    if key is not None and not hmac.compare_digest(mac, _mac(key, topic, b"", plain).hex().encode()):
        raise ReplicaMessageError("signature does not fit")
    return plain.decode("ascii", "replace")


def _mac(key: bytes, topic: str, head: bytes, body: bytes) -> bytes:
    # With the topic in it, a signed message cannot be replayed as that of another gateway or publisher.
    return hmac.new(key, b"\0".join((topic.encode(), head, body)), hashlib.sha256).digest()


def _plain(value: Any) -> Json:
    """Turn dataclasses into objects without their default members, and NaN into null."""
    if hasattr(value, "__dataclass_fields__"):
        members = {}
        for member in fields(value):
            inner = getattr(value, member.name)
            if member.default is MISSING or inner != member.default or type(inner) is not type(member.default):
                members[member.name] = _plain(inner)
        return members
    if isinstance(value, Reach):
        return value.name
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def _load(packed: bytes) -> JsonObject:
    unpacker = zlib.decompressobj()
    try:
        # Bounded while it is unpacked: a few kilobytes of zeros would otherwise unpack to gigabytes.
        text = unpacker.decompress(packed, MAX_BODY_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ReplicaMessageError("body too long or cut off")
        body = json.loads(text.decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError, RecursionError):
        raise ReplicaMessageError("body is damaged") from None
    if not isinstance(body, dict):
        raise ReplicaMessageError("body is not an object")
    return body


def _envelope(body: JsonObject) -> Envelope:
    reading = body.get("reading")
    try:
        return Envelope(
            identity=_build(GatewayIdentity, body.get("identity")),
            status=_build(GatewayStatus, body.get("status")),
            reading=None if reading is None else _with_reach(_build(Reading, reading), reading),
            sent=_checked(body.get("sent"), float, "sent"),
            run=_checked(body.get("run"), int, "run"),
            sequence=_checked(body.get("sequence"), int, "sequence"),
            expect_seconds=_checked(body.get("expect_seconds"), float, "expect_seconds"),
            position=_checked(body.get("position", 0), int, "position"),
        )
    except RecursionError:
        raise ReplicaMessageError("body is nested too deeply") from None


def _with_reach(reading: Reading, members: JsonMapping) -> Reading:
    """Find what was reached where an older publisher tells it in words only."""
    if reading.reach is not None or not isinstance(members.get("connection_mode"), str):
        return reading
    return replace(reading, reach=reach_named(members["connection_mode"], reading.tedapi_mode))


def _build(kind: type[T], members: object) -> T:
    """Build a dataclass from an object, without the members of a newer publisher that are not known here."""
    if not isinstance(members, dict):
        raise ReplicaMessageError(f"{kind.__name__} is not an object")
    hints = HINTS[kind]
    known = {name: _checked(value, hints[name], name) for name, value in members.items() if name in hints}
    try:
        return kind(**known)
    except TypeError:
        raise ReplicaMessageError(f"{kind.__name__} is incomplete") from None


def _checked(value: object, hint: object, name: str) -> Json:
    """Return a value if it has the type that the dataclass promises."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _checked(value, next(part for part in inner if part is not type(None)), name)
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {key: _checked(part, inner[1], name) for key, part in value.items()}
    if origin in (list, Sequence) and isinstance(value, list):
        return [_checked(part, inner[0], name) for part in value]
    if hint in (Capability, Answered, Ways):
        return _build(hint, value)
    if hint is Reach and isinstance(value, str):
        return Reach.__members__.get(value)  # None: a kind that only a newer publisher knows
    if origin is None and _is_plain(value, hint):
        return value
    raise ReplicaMessageError(f"{name} has the wrong type")


def _is_plain(value: object, hint: object) -> bool:
    """Judge whether a value has this plain type. JSON may write a float as an int; a bool is an int to Python only."""
    if hint is Any:
        return True
    if hint in (float, int) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint) if isinstance(hint, type) else False
