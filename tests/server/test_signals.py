"""A signal stops the server, makes it reload, or changes nothing: while it starts, serves, reloads and stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pwserver.process_signals import CHILD_IGNORES, IGNORED, RELOADING, STOPPING
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

ENVIRONMENT = {"PW_WORKERS": "1", "PW_STOP_TIMEOUT": "10"}
# What the kernel does not let a program decide, or what is harmless where nobody handles it.
HARMLESS = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH}
JOB_CONTROL = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
FAULTS_AND_LIMITS = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGABRT,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGXCPU,
    signal.SIGXFSZ,
}


def meaning(pid: int, kind: str) -> set[int]:
    """The signals that a process ignores (SigIgn), blocks (SigBlk) or handles (SigCgt)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            mask = int(line.split()[1], 16)
            return {number for number in range(1, 65) if mask >> (number - 1) & 1}
    raise AssertionError(f"no {kind}")


@contextmanager
def starting() -> Iterator[subprocess.Popen[str]]:
    """A server from the moment it knows what signals mean; it has not read its configuration yet."""
    main = subprocess.Popen(
        [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", "0"],
        env=clean_environment(**ENVIRONMENT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: meaning(main.pid, "SigBlk") >= RELOADING, 20)
        yield main
    finally:
        main.kill()
        main.communicate()


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    with Server(environment=dict(ENVIRONMENT)) as started:
        wait_until(lambda: started.get("/livez").status == 200, 20)
        wait_until(lambda: {"poller", "worker-0"} <= started.children().keys(), 20)  # named when signals have a meaning
        yield started


def test_every_signal_has_its_row() -> None:
    decided = STOPPING | RELOADING | IGNORED | HARMLESS | JOB_CONTROL | FAULTS_AND_LIMITS
    assert {int(number) for number in signal.valid_signals()} <= {int(number) for number in decided}


def test_signals_without_a_meaning_change_nothing(server: Server) -> None:
    before = server.children()
    for pid in (server.process.pid, *before.values()):
        for number in IGNORED:
            os.kill(pid, number)
    for pid in before.values():
        for number in CHILD_IGNORES:
            os.kill(pid, number)
    assert server.get("/livez").status == 200
    for pid in before.values():  # an ignored signal leaves no trace to wait for, its meaning does
        assert meaning(pid, "SigIgn") >= IGNORED | CHILD_IGNORES
    assert meaning(server.process.pid, "SigIgn") >= IGNORED
    assert server.children() == before and server.process.poll() is None
    assert "starting it again" not in server.output()


def test_signals_without_a_meaning_do_not_disturb_the_start_and_a_reload_waits_for_its_end() -> None:
    with starting() as main:
        for number in (*IGNORED, *RELOADING):
            main.send_signal(number)
        lines = []
        assert main.stdout is not None
        while "configuration reloaded" not in (lines or [""])[-1]:
            lines.append(main.stdout.readline())
            assert lines[-1], "".join(lines)
        main.terminate()
        assert main.wait(patient(20)) == 0


@pytest.mark.parametrize("number", sorted(STOPPING))
def test_a_stop_during_the_start_ends_main_at_once(number: int) -> None:
    with starting() as main:
        main.send_signal(number)
        assert main.wait(patient(20)) == 0


def test_signals_without_a_meaning_do_not_disturb_a_reload(server: Server) -> None:
    before = server.children()
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + patient(30)
    while "configuration reloaded" not in server.output() and time.monotonic() < deadline:
        for pid in (server.process.pid, *server.children().values()):
            for number in IGNORED:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    break
    assert "configuration reloaded" in server.output()
    assert not set(before.values()) & set(server.children().values())
    assert server.get("/livez").status == 200
    assert "starting it again" not in server.output()


@pytest.mark.parametrize("number", sorted(STOPPING))
def test_a_stop_is_in_order_whatever_signals_follow(server: Server, number: int) -> None:
    """A request is under way, so that the end takes a moment; Ctrl-C and its siblings reach the whole group."""
    with socket.create_connection(("127.0.0.1", server.port or 0)) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
        os.killpg(server.process.pid, number)
        while server.process.poll() is None:
            for other in (*IGNORED, *RELOADING):
                server.process.send_signal(other)
    assert server.process.returncode == 0
    assert "stopping on" in server.output()
    assert "starting it again" not in server.output()


def test_a_child_asked_to_end_from_outside_ends_in_order_and_is_replaced_at_once(server: Server) -> None:
    before = server.children()
    os.kill(before["worker-0"], signal.SIGTERM)
    wait_until(lambda: server.children().get("worker-0", before["worker-0"]) != before["worker-0"], 20)
    wait_until(lambda: "worker-0 ended as if it had been asked to" in server.output(), 5)
