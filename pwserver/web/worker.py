"""One worker process: Sanic on the inherited socket, with a heartbeat from its own event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from functools import partial

from pwserver import log
from pwserver.shared import MAIN_GONE_STATUS
from pwserver.web.gate import GateProtocol
from pwserver.web.gate_setup import for_worker
from pwserver.web.sanic_app import App

BEAT_SECONDS = 2.5
BEATS_PER_SILENCE = 4  # main gives up a worker that has been silent for PW_HEARTBEAT_TIMEOUT; a few beats may be late


async def _beat(app: App, row: int, parent: int) -> None:
    """Show that this loop turns, and end at once when main is gone.

    On Linux the kernel ends a child whose parent has died; elsewhere only this does.
    """
    beats = app.ctx.runtime.shared.beats
    silence = app.ctx.runtime.config.settings.process.heartbeat_timeout_seconds
    pause = min(BEAT_SECONDS, silence / BEATS_PER_SILENCE)
    while True:
        beats.beat(row)
        log.faults.tell_repeated()
        if os.getppid() != parent:
            # At once and without clean-up: a new main may already be waiting for the port.
            os._exit(MAIN_GONE_STATUS)
        await asyncio.sleep(pause)


def run_worker(app: App, listener: socket.socket, number: int, tls: ssl.SSLContext | None = None) -> None:
    """Serve ``app``, which main has built, until SIGTERM. Called in the forked process."""
    parent = os.getppid()
    runtime = app.ctx.runtime
    app.ctx.number = number
    app.ctx.gate = for_worker(app.ctx.gate, number, tls)

    counters = runtime.shared.counters
    log.faults.count = partial(counters.add, number, counters.index("faults"))

    async def start_beating(app: App) -> None:
        # Sanic would stop on Ctrl-C, which reaches the whole group; main tells its children in its own order.
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        app.ctx.beating = asyncio.create_task(_beat(app, runtime.worker_row(number), parent), name="heartbeat")

    app.register_listener(start_beating, "after_server_start")
    app.run(
        sock=listener,
        single_process=True,
        motd=False,
        access_log=False,
        protocol=GateProtocol,
        backlog=4096,
    )
