"""Local services that notices are sent to: over HTTP, as Apprise's ``json://`` does it, and a mail server."""

from __future__ import annotations

import email
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

NUMBER = re.compile(r"pwserver, notice (-?\d+)")


@dataclass
class Received:
    """One message that has arrived."""

    title: str
    body: str

    @property
    def number(self) -> int:
        found = NUMBER.search(self.body)
        assert found, self.body
        return int(found[1])


@dataclass
class Receiver:
    """A web server that takes messages. ``status``: what it answers; while ``hold`` is set it does not answer."""

    path: str = "/hook"
    status: int = 200
    messages: list[Received] = field(default_factory=list)
    asked: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.asked += 1
                if receiver.hold.is_set():
                    receiver.free.wait(120)
                    return
                if receiver.status == 200:
                    receiver.messages.append(Received(told["title"], told["message"]))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        """What Apprise calls it."""
        return f"json://127.0.0.1:{self.server.server_address[1]}{self.path}"

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    @property
    def numbers(self) -> list[int]:
        return [message.number for message in self.messages]


class _AnyPort(Controller):
    """A mail server on a port that nobody else has; the library connects to it once to see it work."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()


@dataclass
class MailServer:
    """A mail server that takes messages."""

    messages: list[Received] = field(default_factory=list)

    def __enter__(self) -> MailServer:
        self.controller = _AnyPort(self, hostname="127.0.0.1", port=0)
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        parsed = email.message_from_bytes(envelope.content)
        title = str(email.header.make_header(email.header.decode_header(parsed["subject"])))
        part = next(part for part in parsed.walk() if part.get_content_maintype() == "text")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        self.messages.append(Received(title, payload.decode()))
        return "250 OK"

    @property
    def address(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.controller.port}/?from=powerwall@example.com&to=owner@example.com&mode=insecure"
        )
