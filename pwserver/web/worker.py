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
from pwserver.web.sanic_internals import drain, open_server

BEAT_SECONDS = 2.5
BACKLOG = 4096
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
    """Serve ``app``, which main has built and started, until SIGTERM. Called in the forked process."""
    parent = os.getppid()
    runtime = app.ctx.runtime
    app.ctx.number = number
    app.ctx.gate = for_worker(app.ctx.gate, number, tls)

    counters = runtime.shared.counters
    log.faults.count = partial(counters.add, number, counters.index("faults"))

    app.setup_loop()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_serve(app, listener, parent))


async def _serve(app: App, listener: socket.socket, parent: int) -> None:
    """Accept connections until SIGTERM, then let those that are being answered end."""
    loop = asyncio.get_running_loop()
    server = open_server(app, GateProtocol, listener, BACKLOG)
    await server.before_start()
    await server
    # Ctrl-C reaches the whole group; main tells its children in its own order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await server.after_start()
    app.ctx.beating = loop.create_task(_beat(app, app.ctx.runtime.worker_row(app.ctx.number), parent), name="heartbeat")
    await stop.wait()
    await server.before_stop()
    await server.close()
    await drain(server.connections, app.config.GRACEFUL_SHUTDOWN_TIMEOUT)
    await server.after_stop()
