"""Five hundred clients that send one byte now and then and never finish, and an honest client beside them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

from benchmarks.table import Table
from tests.support.programs import children, free_port, get, pss_kb, pwserver, wait_for
from tests.support.readers import percentile

SECTION = "attackers"
ATTACKERS = 500
PAUSE_SECONDS = 0.2  # between two bytes of one attacker
START = b"GET /aggregates HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HONEST = "127.0.0.2"  # its address; the attackers have 127.0.0.1


def run(table: Table) -> None:
    """One worker; the head's deadline is the default (a third of it in a quick run)."""
    port, deadline = free_port(), 3.0 if table.quick else 10.0
    with pwserver(port, PW_WORKERS="1", PW_HEAD_TIMEOUT=str(deadline)) as main:
        wait_for(lambda: get(port, "/aggregates")[0])
        worker = children(main.pid)["worker-0"]
        alone = honest(port, deadline / 2)
        before = pss_kb(worker)
        attack = Attack(port)
        begun = time.monotonic()
        seconds = honest(port, deadline - 1)
        peak = pss_kb(worker)
        gone = wait_until_gone(attack, begun + 4 * deadline)
        attack.end()
        time.sleep(0.5)
        after = pss_kb(worker)
    table.add(SECTION, "honest client alone, p99", percentile(alone, 0.99) * 1e3, "ms")
    table.add(
        SECTION,
        f"honest client beside {ATTACKERS} attackers, p99",
        percentile(seconds, 0.99) * 1e3,
        "ms",
        aim="<= 20",
        details={"p50 ms": percentile(seconds, 0.5) * 1e3, "most ms": seconds[-1] * 1e3, "answers": len(seconds)},
    )
    table.add(SECTION, "memory an attacker costs", (peak - before) / ATTACKERS, "kB", aim="<= 4")
    table.add(SECTION, "memory kept when they are gone", after - before, "kB")
    table.add(
        SECTION,
        "the last attacker is closed after",
        gone - begun,
        "s",
        aim=f"<= {deadline + 1.5:g}",
        details={"deadline s": deadline, "left": attack.left},
    )


class Attack:
    """The attackers, in one thread."""

    def __init__(self, port: int) -> None:
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(ATTACKERS)]
        self.left = ATTACKERS
        self._stop = threading.Event()
        for one in self.sockets:
            one.sendall(START)
            one.setblocking(False)
        self._thread = threading.Thread(target=self._dribble, daemon=True)
        self._thread.start()

    def _dribble(self) -> None:
        open_ = list(self.sockets)
        while not self._stop.wait(PAUSE_SECONDS):
            still = []
            for one in open_:
                with contextlib.suppress(OSError):
                    one.send(b"a")
                    try:
                        while one.recv(4096):
                            pass
                    except BlockingIOError:
                        still.append(one)
            open_ = still
            self.left = len(open_)

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        for one in self.sockets:
            one.close()


def wait_until_gone(attack: Attack, until: float) -> float:
    """When the last attacker was closed (monotonic), or ``until``."""
    while attack.left and time.monotonic() < until:
        time.sleep(0.01)
    return time.monotonic()


def honest(port: int, seconds: float) -> list[float]:
    """Sorted seconds of the answers of a client that asks a hundred times a second, every tenth time anew."""
    found: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(HONEST, 0))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(found) % 10 == 0:
            connection.close()
        begun = time.monotonic()
        connection.request("GET", "/aggregates")
        connection.getresponse().read()
        found.append(time.monotonic() - begun)
        time.sleep(0.01)
    connection.close()
    return sorted(found)
