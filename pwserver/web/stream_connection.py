"""Keep a connection that has become a WebSocket or an event stream: judge what comes in; the hub does the sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pwserver.web.sanic_internals import StreamEndpoint
from pwserver.web.stream_hub import Hub
from pwserver.web.stream_topics import DEFLATED, EVENTS, Listener
from pwserver.web.websocket import NORMAL, POLICY, PONG, FrameReader, ProtocolViolation, close_frame, frame

FRAMES_PER_SECOND = 50  # far more than the pings of a client that only listens
CLOSE_SECONDS = 1.0  # for the client to read our Close frame


class StreamConnection(StreamEndpoint):
    """Keeps one client's connection once it is a stream.

    ``frame_bytes``: the longest message that a client may send. ``on_end`` is called once, when the connection is lost.
    """

    def __init__(self, hub: Hub, listener: Listener, frame_bytes: int, on_end: Callable[[], None]) -> None:
        super().__init__()
        self._hub = hub
        self._listener = listener
        self._on_end = on_end
        self._transport: Any = listener.transport
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._second = 0  # the second in which frames are being counted
        self._frames = 0  # frames that had come before it
        self._incoming: FrameReader | None = None
        if listener.form != EVENTS:
            self._incoming = FrameReader(frame_bytes, listener.form == DEFLATED, self._answer_ping, self._answer_close)

    def data_received(self, data: bytes) -> None:
        """Judge what the client sends. A stream takes no messages, so only pings and a Close frame are expected."""
        if self._incoming is None or self._closing:
            return
        try:
            second = int(self._loop.time())
            if second != self._second:
                self._second, self._frames = second, self._incoming.frames
            self._incoming.feed(bytes(data))
            if self._incoming.frames - self._frames > FRAMES_PER_SECOND:
                raise ProtocolViolation(POLICY)
        except ProtocolViolation as violation:
            self.say_goodbye(violation.code)

    def eof_received(self) -> bool:
        """Keep an event stream open, whose client has sent all it will; end a WebSocket."""
        return self._listener.form == EVENTS

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the listener out of the count, whichever side ended the connection."""
        self._closing = True
        self._on_end()

    def abort(self) -> None:
        """End the connection at once."""
        self._listener.shut()
        self._transport.abort()

    def say_goodbye(self, code: int) -> None:
        """Send the Close frame of a WebSocket, and close. ``code``: its status (RFC 6455 §7.4.1)."""
        if self._closing:
            return
        self._closing = True
        self._hub.remove(self._listener)
        # A client that has not read the last frame would not read this one; writing it would only grow the buffer.
        if self._incoming is not None and self._transport.get_write_buffer_size() == 0:
            self._transport.write(close_frame(code))
        self._transport.close()
        # A client that does not even read this would keep the connection for ever.
        self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def _answer_ping(self, payload: bytes) -> None:
        # Only the latest ping needs an answer (RFC 6455 §5.5.3), and only that of a client that reads.
        if self._transport.get_write_buffer_size() == 0:
            self._listener.queued = True  # the hub must not write past these bytes, straight to the socket
            self._transport.write(frame(payload, PONG))

    def _answer_close(self, code: int | None) -> None:
        self.say_goodbye(NORMAL if code is None else code)
        self._transport.close()
