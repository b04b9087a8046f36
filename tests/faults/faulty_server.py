"""pwserver with three planted faults: in a handler of HTTP, in what a WebSocket receives, and in an event stream."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from pwserver.cli import main
from pwserver.documents import status
from pwserver.web import stream_routes
from pwserver.web.websocket import FrameReader


def fail(*_: Any, **__: Any) -> NoReturn:
    """A fault that nobody expects."""
    raise ZeroDivisionError("planted")


def fail_otherwise(*_: Any) -> NoReturn:
    """Another one."""
    raise OverflowError("planted")


def fail_in_a_stream(*_: Any) -> NoReturn:
    """A third one."""
    raise BufferError("planted")


status.mqtt_status = fail
FrameReader.feed = fail_otherwise  # type: ignore[method-assign, assignment]  # takes whatever it is given
vars(stream_routes)["listen"] = fail_in_a_stream

if __name__ == "__main__":
    sys.exit(main())
