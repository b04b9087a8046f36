"""A WebSocket client that can misbehave, over a plain socket."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any

from tests.support.waiting import patient

PATIENCE_SECONDS = patient(20.0)
MOST_FRAMES = 60  # messages that may come before the frame one waits for


class Refused(Exception):
    """The handshake was answered otherwise."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        super().__init__(f"{status} {body!r}")


class Client:
    """One connection, handshake done."""

    def __init__(
        self, port: int, path: str, receive_buffer: int = 0, source: str = "127.0.0.1", **headers: str
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        given = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "keep-alive, Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.stream = self.socket.makefile("rb")
        status = int(self.stream.readline().split()[1])
        self.headers: dict[str, str] = {}
        while (line := self.stream.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        if status != 101:
            body = self.stream.read(int(self.headers.get("content-length", 0)))
            self.__exit__()
            raise Refused(status, self.headers, body)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def frame(self) -> tuple[int, bytes]:
        """The next frame: (first byte, payload). EOFError when the server has closed."""
        head = self.stream.read(2)
        if len(head) < 2:
            raise EOFError
        size = head[1]
        assert size < 128, "servers do not mask"
        if size == 126:
            size = int.from_bytes(self.stream.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self.stream.read(8), "big")
        return head[0], self.stream.read(size)

    def message(self) -> Any:
        """The next text message, decoded; frames of other kinds are skipped."""
        while True:
            first, payload = self.frame()
            if first == 0x81:
                return json.loads(payload)

    def until(self, opcode: int) -> bytes:
        """The payload of the next frame of this kind. AssertionError when it does not come."""
        for _ in range(MOST_FRAMES):
            first, payload = self.frame()
            if first & 15 == opcode:
                return payload
        raise AssertionError(f"no frame of kind {opcode} among {MOST_FRAMES}")

    def closed_with(self) -> int:
        """The code of the server's good-bye."""
        return int.from_bytes(self.until(8)[:2], "big")

    def send(
        self, opcode: int, payload: bytes = b"", final: bool = True, masked: bool = True, reserved: int = 0
    ) -> None:
        """One frame, right or wrong."""
        self.socket.sendall(self.bytes_of(opcode, payload, final, masked, reserved))

    @staticmethod
    def bytes_of(
        opcode: int, payload: bytes = b"", final: bool = True, masked: bool = True, reserved: int = 0
    ) -> bytes:
        """The same, to be sent together with others."""
        first = (0x80 if final else 0) | reserved | opcode
        mask = os.urandom(4) if masked else b""
        size = len(payload)
        bit = 0x80 if masked else 0
        head = struct.pack("!BB", first, bit | size) if size < 126 else struct.pack("!BBH", first, bit | 126, size)
        body = bytes(byte ^ mask[place & 3] for place, byte in enumerate(payload)) if masked else payload
        return head + mask + body
