"""The wiring of processes: what starts where, in what order.

main: listening socket, arena, "no data" documents, fork -> workers -> (when they beat) poller
"""

from __future__ import annotations

import gc
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial

from pwserver import __version__, demo, log
from pwserver.assemble import assemble
from pwserver.config import Config, ConfigError
from pwserver.poller.process import run_poller
from pwserver.shared import FIRST_WORKER_ROW, POLLER_ROW
from pwserver.supervisor import Child, Supervisor
from pwserver.web.app import create_app
from pwserver.web.worker import run_worker

logger = logging.getLogger("pwserver")

READY_SECONDS = 20.0
BACKLOG = 4096
Reload = Callable[[], Config]


def serve(config: Config, reload: Reload | None = None) -> int:
    """Serve until told to stop; returns the exit status. ``reload`` reads the configuration anew on SIGHUP."""
    log.configure(config["PW_DEBUG"], config.secrets())
    try:
        listener = listen(config["PW_BIND_ADDRESS"], config["PW_PORT"])
    except OSError as refused:
        address = f"{config['PW_BIND_ADDRESS']}:{config['PW_PORT']}"
        print(f"pwserver: cannot listen on {address}: {refused.strerror or refused}", file=sys.stderr)
        return 1
    try:
        return Main(config, listener, reload).run()
    except ConfigError as error:
        print(f"pwserver: {error.message}", file=sys.stderr)
        return 2
    finally:
        listener.close()


def listen(address: str, port: int) -> socket.socket:
    """The one listening socket, inherited by every worker. OSError when the address is taken or not ours."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


class Main:
    """The main process: holds the socket and the arena, and looks after the children."""

    def __init__(self, config: Config, listener: socket.socket, reload: Reload | None) -> None:
        self.listener = listener
        self.reload = reload
        self.simulator: Callable[[], None] | None = None
        if config["PW_DEMO"]:
            config, self.simulator = demo.prepare(config)
        self.config = config
        self.runtime = assemble(config)

    def run(self) -> int:
        """Start everything, then repair what breaks until a signal ends it."""
        supervisor = Supervisor()
        try:
            self._start(supervisor)
            while True:
                supervisor.look()
                asked = supervisor.request()
                if asked is not None:
                    logger.info("stopping on %s", asked.name)
                    return 0
        finally:
            supervisor.stop(seconds=self.config["PW_STOP_TIMEOUT"] * 0.75)

    def _start(self, supervisor: Supervisor) -> None:
        shared, hang = self.runtime.shared, self.config["PW_HEARTBEAT_TIMEOUT"]
        app = create_app(self.runtime)
        gc.collect()
        gc.freeze()  # children share these pages as long as nobody's collector touches them
        workers = [
            Child(
                f"worker-{number}",
                shared.beats,
                FIRST_WORKER_ROW + number,
                partial(run_worker, app, self.listener, number),
                hang,
            )
            for number in range(shared.workers)
        ]
        if self.simulator is not None:
            supervisor.add(
                Child(
                    "simulator",
                    shared.beats,
                    shared.beats.rows - 1,
                    self.simulator,
                    hang_seconds=1e9,
                    start_seconds=1e9,
                )
            )
        for worker in workers:
            supervisor.add(worker)
        if supervisor.wait_ready(workers, READY_SECONDS):
            supervisor.add(Child("poller", shared.beats, POLLER_ROW, partial(run_poller, self.runtime), hang))
            self._banner()

    def _banner(self) -> None:
        host, port = self.listener.getsockname()[:2]
        shown = "localhost" if host in ("0.0.0.0", "::") else host
        for warning in self.config.warnings:
            logger.warning("%s", warning)
        lines = [f"pwserver {__version__} on http://{shown}:{port}/ with {self.runtime.shared.workers} workers"]
        for gateway in self.config.gateways:
            target = gateway.address or "Tesla's cloud"
            how = f"{gateway.mode.label} at {target}, every {self.config['PW_CACHE_EXPIRE']} s"
            lines.append(f"  {gateway.id}: {gateway.name}, {how}")
        if not self.config.gateways:
            lines.append("  no gateway is configured: set PW_HOST and PW_GW_PWD, or try --demo")
        lines.append(f"  look at http://{shown}:{port}/health, /docs, /json")
        print("\n".join(lines), flush=True)
