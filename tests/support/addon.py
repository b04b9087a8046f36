"""Home Assistant's add-on as Home Assistant runs it: its options in a file, its Supervisor beside it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.programs import ROOT, clean_environment, free_port, get, process
from tests.support.waiting import wait_until

FOLDER = ROOT / "deploy/homeassistant/pwserver"
TOKEN = "the-token-of-the-supervisor"


@dataclass
class Supervisor:
    """A Supervisor that answers every question in the same way, and remembers what it was asked."""

    status: int = 200
    body: bytes = b""
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Authorization
    address: str = ""

    @classmethod
    def offering(cls, **broker: Any) -> Supervisor:
        """One with a broker, in the form in which the real one tells of it."""
        return cls(200, json.dumps({"result": "ok", "data": broker}).encode())


@contextmanager
def answering(supervisor: Supervisor) -> Iterator[Supervisor]:
    """Let it answer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            supervisor.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(supervisor.status)
            self.send_header("Content-Length", str(len(supervisor.body)))
            self.end_headers()
            self.wfile.write(supervisor.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    supervisor.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield supervisor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Addon:
    """A started one."""

    port: int
    pid: int
    data: Path
    config: Path
    log: Path

    def output(self) -> str:
        """Everything in the add-on's log."""
        return self.log.read_text()

    def json(self, target: str) -> Any:
        """The body of a GET; an empty object while nobody answers."""
        return json.loads(get(self.port, target)[1] or b"{}")

    def wait_for_data(self) -> None:
        """Until every gateway is online."""
        wait_until(lambda: (self.json("/health").get("gateways_online") or 0) > 0, 30, "no gateway is online")


@contextmanager
def addon(
    folder: Path, options: dict[str, Any], supervisor: Supervisor | None = None, **environment: str
) -> Iterator[Addon]:
    """Run the add-on's own script. ``environment``: beside what the image gives it."""
    data, config, log = folder / "data", folder / "config", folder / "log"
    data.mkdir(exist_ok=True)
    config.mkdir(exist_ok=True)
    (data / "options.json").write_text(json.dumps(options))
    port = free_port()
    image = {"PW_PORT": str(port), "PW_BIND_ADDRESS": "127.0.0.1", "SUPERVISOR_TOKEN": TOKEN}
    image["SUPERVISOR_API"] = supervisor.address if supervisor is not None else "http://127.0.0.1:1"
    values = clean_environment(**(image | environment))
    values["PATH"] = f"{Path(sys.executable).parent}:{values['PATH']}"
    command = [sys.executable, str(FOLDER / "run.py"), str(data), str(config)]
    with process(command, values, str(log)) as started:
        yield Addon(port, started.pid, data, config, log)
