"""The same document as an ordinary Sanic handler would serve it: ``python -m benchmarks.plain_sanic BODY TWIN ETAG``.

Prints its port. One process, no middleware, body and gzip twin in memory: the fastest form of the usual way.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic


def main(body_path: str, twin_path: str, etag: str) -> None:
    """Serve /document until ended."""
    app: Sanic[Any, Any] = Sanic("plain", configure_logging=False)
    app.config.AUTO_EXTEND = False
    body, twin = Path(body_path).read_bytes(), Path(twin_path).read_bytes()
    common = {"etag": etag, "cache-control": "no-cache", "vary": "Accept-Encoding", "access-control-allow-origin": "*"}

    @app.get("/document")
    async def document(request: Request) -> HTTPResponse:
        if request.headers.get("if-none-match") == etag:
            return HTTPResponse(None, status=304, headers=common)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return HTTPResponse(twin, headers={**common, "content-encoding": "gzip"}, content_type="application/json")
        return HTTPResponse(body, headers=common, content_type="application/json")

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(listener.getsockname()[1], flush=True)
    app.run(sock=listener, single_process=True, motd=False, access_log=False, backlog=4096)


if __name__ == "__main__":
    main(*sys.argv[1:])
