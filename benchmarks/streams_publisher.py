"""One worker over an arena whose documents we publish ourselves, with the time of publishing in them."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pwserver.config import load
from pwserver.documents.catalogue import gateway_prefix
from pwserver.server import Generation, listen
from pwserver.web.document_table import DocumentTable
from tests.support.programs import children, free_port, get, wait_for

DOCUMENT_BYTES = 20_000


@contextmanager
def publishing(every_seconds: float = 1.3) -> Iterator[tuple[int, int]]:
    """(port, pid of the worker). A document of about DOCUMENT_BYTES is published every so often."""
    port = free_port()
    pid = os.fork()
    if pid == 0:
        try:
            _serve(port, every_seconds)
        finally:
            os._exit(0)
    try:
        wait_for(lambda: get(port, "/soe")[0] == 200)
        yield port, children(pid)["worker-0"]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(port: int, every_seconds: float) -> None:
    from pwserver.supervisor import Supervisor

    environment = {
        "PW_HOST": "127.0.0.1:1",
        "PW_GW_PWD": "x",
        "PW_WORKERS": "1",
        "PW_MAX_STREAMS": "3000",
        "PW_MAX_STREAMS_PER_ADDRESS": "3000",
    }
    generation = Generation(load({}, environment), listen("127.0.0.1", port), 1)
    runtime = generation.runtime
    supervisor = Supervisor()
    supervisor.add(generation.workers[0])
    entry = DocumentTable(runtime.shared, runtime.server.default_gateway, runtime.fallbacks).entries[
        gateway_prefix("default")
    ]
    slot = runtime.shared.slots[entry.slot]
    documents = list(runtime.fallbacks[entry.slot])
    padding = json.dumps({"values": list(range(DOCUMENT_BYTES // 6))}).encode()

    def publish() -> None:
        while True:
            time.sleep(every_seconds)
            stamp = struct.pack("!d", time.monotonic()).hex().encode()
            body = b'{"t":"' + stamp + b'",' + padding[1:]
            documents[entry.index] = (200, body, None, b'"%s"' % stamp)
            slot.publish(documents, time.time(), 0.0)
            runtime.shared.bell.ring()

    threading.Thread(target=publish, daemon=True).start()
    while True:
        supervisor.look()


__all__ = ["publishing", "socket"]
