"""pwserver whose second generation has no workers: each ends at once, as with a library that was half upgraded."""

from __future__ import annotations

import socket
import ssl
import sys
from typing import Any

from sanic import Sanic

from pwserver import server
from pwserver.cli import main
from pwserver.web import worker

BARREN = "pwserver-2"
REAL = worker.run_worker


def run_worker(app: Sanic[Any, Any], listener: socket.socket, number: int, tls: ssl.SSLContext | None = None) -> None:
    if app.name == BARREN:
        raise SystemExit(9)
    REAL(app, listener, number, tls)


if __name__ == "__main__":
    vars(worker)["run_worker"] = run_worker
    server.READY_SECONDS = 2.0
    sys.exit(main())
