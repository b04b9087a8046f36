"""Encode and decode the protobuf wire format, as far as the simulator needs it: tags, varints, lengths.

It is written by hand so that a simulator starts without importing a library. The tests prove it with pypowerwall, which
uses the real one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types

Fields = dict[int, list["int | bytes"]]


class WireError(ValueError):
    """Raised when bytes are not a protobuf message."""


def varint(value: int) -> bytes:
    """Encode ``value`` as a base-128 varint; protobuf writes a negative one as its 64-bit two's complement."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(number: int, value: int) -> bytes:
    """Encode field ``number`` of a varint type (int32, uint64, bool, enum)."""
    return varint(number << 3 | VARINT) + varint(value)


def blob(number: int, value: bytes | str) -> bytes:
    """Encode field ``number`` of a length-delimited type (bytes, string, message), even if it is empty."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(raw)) + raw


def double(number: int, value: float) -> bytes:
    """Encode field ``number`` of type double."""
    return varint(number << 3 | FIXED64) + struct.pack("<d", value)


def nested(path: Iterable[int], value: bytes) -> bytes:
    """Wrap ``value`` in one message per field number of ``path``, the outermost first."""
    for number in reversed(list(path)):
        value = blob(number, value)
    return value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:  # ten groups of 7 bits hold 64 bits; more is malformed
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise WireError("truncated varint")


def decode(data: bytes) -> Fields:
    """Return the fields of one message by number, each as a list in order of appearance. Raises WireError.

    Values of varint and fixed types are ints (raw bits, little endian), length-delimited ones are bytes.
    """
    fields: Fields = {}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)  # the field number, and in the lowest three bits the wire type
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == VARINT:
            value, at = _read_varint(data, at)
        elif kind in (FIXED64, FIXED32, BYTES):
            if kind == BYTES:
                size, at = _read_varint(data, at)
            else:
                size = 8 if kind == FIXED64 else 4
            chunk = data[at : at + size]
            if number == 0 or len(chunk) != size:
                raise WireError("truncated field")
            at += size
            value = chunk if kind == BYTES else int.from_bytes(chunk, "little")
        else:
            raise WireError(f"wire type {kind} is not known")
        fields.setdefault(number, []).append(value)
    return fields


def message(fields: Fields, *path: int) -> Fields | None:
    """Return the message at the end of ``path`` (field numbers); None if a step is absent or not a message."""
    for number in path:
        values = fields.get(number)
        if not values or not isinstance(values[-1], bytes):
            return None
        fields = decode(values[-1])
    return fields


def raw(fields: Fields, *path: int) -> bytes | None:
    """Return the bytes of the length-delimited field at the end of ``path``, or None."""
    holder = message(fields, *path[:-1])
    values = holder.get(path[-1]) if holder is not None else None
    return values[-1] if values and isinstance(values[-1], bytes) else None


def number(fields: Fields, *path: int) -> int | None:
    """Return the integer of the varint or fixed field at the end of ``path``, or None."""
    holder = message(fields, *path[:-1])
    values = holder.get(path[-1]) if holder is not None else None
    return values[-1] if values and isinstance(values[-1], int) else None


def text(fields: Fields, *path: int) -> str | None:
    """Return the string at the end of ``path``, or None. Raises WireError if it is not UTF-8."""
    value = raw(fields, *path)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        raise WireError("string is not UTF-8") from error


def double_from_bits(bits: int) -> float:
    """Return the double whose raw bits ``decode`` returned."""
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])
