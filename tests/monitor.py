"""Another energy monitor, for tests: a small HTTP server with one JSON of four powers and the charge."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

TOLD = {"site": -2100.5, "battery": 0, "load": 1900.0, "solar": 4000.5, "percentage": 81.0}
KEY = "k3yk3yk3y"


class Monitor:
    """Another energy monitor: a small HTTP server with one document."""

    def __init__(self) -> None:
        self.body: bytes = json.dumps(TOLD).encode()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.drip_seconds = 0.0
        self.over = Event()
        self.asked: list[str] = []
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if monitor.over.is_set():
                    self.close_connection = True
                    return
                monitor.asked.append(self.path)
                self.send_response(monitor.status)
                for name, value in {"Content-Length": str(len(monitor.body)), **monitor.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if not monitor.drip_seconds:
                    self.wfile.write(monitor.body)
                    return
                for byte in monitor.body:
                    if monitor.over.wait(monitor.drip_seconds):
                        return
                    self.wfile.write(bytes((byte,)))

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that hangs up is what some tests are about."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}/api/powers?token={KEY}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def tell(self, told: Any) -> None:
        self.body = told if isinstance(told, bytes) else json.dumps(told).encode()

    def stop(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.over.is_set():
            self.stop()
