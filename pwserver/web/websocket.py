"""Speak the part of RFC 6455 that a server needs which only sends: the handshake, and frames out and in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from collections.abc import Callable
from typing import Final

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG = 1000, 1001, 1002, 1008, 1009
_CONTROL_MAX: Final = 125  # bytes of a control frame's payload (RFC 6455 §5.5)
# Codes that a client may send: 1004 to 1006 and 1015 never appear in a frame (RFC 6455 §7.4.1).
_CLOSE_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015)})


def accept_key(key: str) -> str | None:
    """Return the answer to ``Sec-WebSocket-Key``, None where that is not 16 bytes in base 64 (RFC 6455 §4.2.2)."""
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            return None
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()


def accepts_deflate(offers: str) -> bool:
    """Tell whether permessage-deflate is offered in a way that needs no state for each client (RFC 7692 §7.1)."""
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        names = {parameter.partition("=")[0].strip() for parameter in parameters}
        # server_max_window_bits would ask for another window, and so for bytes of this client's own.
        allowed = {"client_max_window_bits", "server_no_context_takeover", "client_no_context_takeover"}
        if name == "permessage-deflate" and names <= allowed:
            return True
    return False


def frame(payload: bytes, opcode: int = TEXT, compressed: bool = False) -> bytes:
    """Make the frame of a whole message; a server masks nothing (RFC 6455 §5.1 and §5.2)."""
    first = 0x80 | opcode | (0x40 if compressed else 0)
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 126, size)
    else:
        head = struct.pack("!BBQ", first, 127, size)
    return head + payload


def deflated(payload: bytes) -> bytes:
    """Compress a message on its own (server_no_context_takeover), so that all clients can have the same bytes.

    The last four bytes of the flush are left out, as RFC 7692 §7.2.1 says.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)  # negative: raw deflate, without zlib's header and checksum
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def close_frame(code: int) -> bytes:
    """Make the Close frame with this status code (RFC 6455 §5.5.1)."""
    return frame(struct.pack("!H", code), CLOSE)


class ProtocolViolation(Exception):
    """Says that the client broke the protocol; ``code``: the status to close with (RFC 6455 §7.4.1)."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(str(code))


class FrameReader:
    """Takes apart what a client sends. Its messages are skipped and not kept: nothing that we serve takes any.

    ``limit``: bytes of one message. ``on_ping(payload)``, ``on_close(code or None)`` are called as they come.
    """

    __slots__ = ("_at", "_control", "_deflate", "_head", "_left", "_limit", "_mask", "_message", "_opcode", "_whole",
                 "frames", "on_close", "on_ping")  # fmt: skip

    def __init__(
        self, limit: int, deflate: bool, on_ping: Callable[[bytes], None], on_close: Callable[[int | None], None]
    ) -> None:
        self.on_ping = on_ping
        self.on_close = on_close
        self.frames = 0
        self._limit = limit
        self._deflate = deflate
        self._head = b""  # of the next frame, until it is complete
        self._left = 0  # bytes of the present payload still to come
        self._opcode = -1
        self._mask = b""
        self._control = b""
        self._whole = True  # is the message before complete?
        self._message = 0  # bytes of the present message so far
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take bytes as they come. Raises ProtocolViolation."""
        at, size = 0, len(data)
        while at < size:
            if self._left == 0:
                at = self._read_head(data, at)
                if self._left == 0 and self._opcode >= CLOSE and not self._head:
                    self._control_frame()
                continue
            part = data[at : at + self._left]
            at += len(part)
            self._left -= len(part)
            if self._opcode >= CLOSE:
                self._control += part
                if self._left == 0:
                    self._control_frame()

    def _read_head(self, data: bytes, at: int) -> int:
        """Take bytes until the head is complete; returns where the payload begins."""
        self._opcode = -1
        while True:
            have = len(self._head)
            need = 2
            if have >= 2:
                extra = {126: 2, 127: 8}.get(self._head[1] & 127, 0)
                need = 2 + extra + 4
            if have >= need:
                self._judge(need)
                return at
            part = data[at : at + need - have]
            if not part:
                return at
            self._head += part
            at += len(part)
            if len(self._head) >= 2 and not self._head[1] & 128:
                raise ProtocolViolation(PROTOCOL_ERROR)  # a client must mask every frame (RFC 6455 §5.1)

    def _judge(self, need: int) -> None:
        head, self._head = self._head, b""
        final, opcode, size = bool(head[0] & 128), head[0] & 15, head[1] & 127
        reserved = head[0] & 0x70
        if need > 6:
            size = int.from_bytes(head[2 : need - 4], "big")
        data = opcode in (TEXT, BINARY)
        # RSV1 marks a compressed message, and only its first frame has it; RSV2 and RSV3 have no meaning here
        # (RFC 6455 §5.2, RFC 7692 §6).
        if reserved & ~0x40 or (reserved and not (self._deflate and data)):
            raise ProtocolViolation(PROTOCOL_ERROR)
        if opcode in (CLOSE, PING, PONG):
            if not final or size > _CONTROL_MAX:
                raise ProtocolViolation(PROTOCOL_ERROR)
        elif data or opcode == CONTINUATION:
            # A new message may begin only after the last one is complete, and a continuation only before that
            # (RFC 6455 §5.4).
            if data != self._whole:
                raise ProtocolViolation(PROTOCOL_ERROR)
            self._message = size if data else self._message + size
            self._whole = final
            if self._message > self._limit:
                raise ProtocolViolation(TOO_BIG)
        else:
            raise ProtocolViolation(PROTOCOL_ERROR)
        self.frames += 1
        self._opcode, self._left, self._mask, self._control = opcode, size, head[need - 4 :], b""

    def _control_frame(self) -> None:
        payload = bytes(byte ^ self._mask[place & 3] for place, byte in enumerate(self._control))
        opcode, self._opcode = self._opcode, -1
        if opcode == PING:
            self.on_ping(payload)
        elif opcode == CLOSE:
            if not payload:
                self.on_close(None)
                return
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
            try:
                payload[2:].decode("utf-8")  # the reason is text (RFC 6455 §5.5.1)
            except UnicodeDecodeError:
                raise ProtocolViolation(PROTOCOL_ERROR) from None
            if code not in _CLOSE_CODES and not 3000 <= code <= 4999:
                raise ProtocolViolation(PROTOCOL_ERROR)
            self.on_close(code)
