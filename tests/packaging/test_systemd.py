"""What systemd sees: readiness, watchdog, its own socket, and unit files it understands."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver import systemd
from pwserver.supervisor import Child, Supervisor
from tests.packaging.roots import CHECKOUT
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

UNITS = sorted(file for file in (CHECKOUT / "deploy").glob("*/*") if file.suffix in (".service", ".socket"))
# Sets the listening socket up as descriptor 3 the way systemd does, with the number of the process that becomes us.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS=sys.argv[2], LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="pwserver.socket")
os.execv(sys.executable, [sys.executable, "-m", "pwserver", *sys.argv[3:]])
"""


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """Everything said so far, one assignment an entry."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += self.socket.recv(4096).decode().split("\n")
        return self.heard


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(prefix="pw") as folder:  # a short path: socket names have 108 bytes
        made = Manager(Path(folder))
        yield made
        made.socket.close()


def test_ready_watchdog_reload_and_stop(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "600000", "PW_HEARTBEAT_TIMEOUT": "60s"}
    with Server(["--demo=powerwall3"], environment) as server:
        wait_until(lambda: "READY=1" in manager.listen(), 30, "READY=1")
        # It is ready: it answers, with no other wait in between.
        assert server.get("/livez").status in (200, 503)
        assert any(said.startswith("STATUS=2 workers, 1 gateway") for said in manager.heard)
        wait_until(lambda: manager.listen().count("WATCHDOG=1") > 3, 30, "the watchdog is fed")

        stopped = server.children()["poller"]
        os.kill(stopped, signal.SIGSTOP)
        os.kill(server.children()["worker-0"], signal.SIGKILL)
        fed = manager.listen().count("WATCHDOG=1")
        wait_until(lambda: manager.listen().count("WATCHDOG=1") > fed, 30, "fed again once the worker is replaced")
        os.kill(stopped, signal.SIGCONT)

        manager.heard.clear()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "READY=1" in manager.listen(), 60, "ready after a reload")
        assert manager.heard.index("RELOADING=1") < manager.heard.index("READY=1")
        assert any(re.fullmatch(r"MONOTONIC_USEC=\d+", said) for said in manager.heard)
    assert "STOPPING=1" in manager.listen()


class Beating:
    """A child's heartbeat, last heard three seconds ago."""

    def start(self, row: int, pid: int, state: int = 0) -> None: ...
    def stop(self, row: int) -> None: ...

    def age(self, row: int) -> float | None:
        return 3.0

    def beats(self, row: int) -> int:
        return 1


def test_the_watchdog_is_fed_only_while_every_child_beats() -> None:
    supervisor = Supervisor.__new__(Supervisor)  # without its signal handlers
    child = Child("one", Beating(), 0, lambda: None, hang_seconds=4.0, pid=1)
    supervisor.children = [child]
    assert supervisor.well()
    child.hang_seconds = 2.0
    assert not supervisor.well(), "silent for too long"
    child.hang_seconds = math.inf
    assert supervisor.well(), "has no heartbeat to lose"
    child.pid = 0
    assert not supervisor.well(), "not there"


def pass_socket(listener: socket.socket, count: int, *arguments: str) -> subprocess.Popen[str]:
    """pwserver with ``listener`` as its descriptor 3."""
    return subprocess.Popen(
        [sys.executable, "-c", AS_SYSTEMD, str(listener.fileno()), str(count), *arguments],
        env=clean_environment(PYTHONUNBUFFERED="1"),
        pass_fds=[listener.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_socket_activation(family: socket.AddressFamily) -> None:
    with socket.create_server(("", 0), family=family) as listener:
        port = listener.getsockname()[1]
        # A client that comes before the server waits instead of being refused.
        with socket.create_connection(("localhost" if family == socket.AF_INET else "::1", port)) as early:
            early.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            process = pass_socket(listener, 1, "--port", "1")  # the port it would not get
            try:
                early.settimeout(60)
                answer = b"".join(iter(lambda: early.recv(65536), b""))
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            finally:
                process.terminate()
                output = process.communicate(timeout=patient(20))[0]
    assert process.returncode == 0, output


def test_sockets_that_do_not_fit() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        process = pass_socket(other, 1)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 1
        assert "not a listening TCP socket" in output
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = pass_socket(listener, 2)
        assert "2 sockets" in process.communicate(timeout=60)[0]


def test_variables_for_another_process_are_left_alone() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "OTHER": "x"}
    assert systemd.inherited_socket(environment) is None
    assert environment == {"OTHER": "x"}


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not systemd.notify("READY=1")
    assert not systemd.Watchdog().due()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    assert not systemd.notify("READY=1")


def test_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(f"\0pwserver-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@pwserver-{os.getpid()}")
        assert systemd.notify("READY=1", "STATUS=fine")
        assert there.recv(100) == b"READY=1\nSTATUS=fine"


def test_units_are_understood(tmp_path: Path) -> None:
    assert [unit.name for unit in UNITS] == ["pwserver-influxdb.service", "pwserver.service", "pwserver.socket"]
    for unit in UNITS:  # the program it names is not installed here, so let it be one that is
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/pwserver/bin/pwserver", sys.executable))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    complaints = [line for line in checked.stderr.splitlines() if "pwserver" in line]
    assert not complaints and checked.returncode == 0, checked.stderr


def test_unit_and_code_agree() -> None:
    service = (CHECKOUT / "deploy/systemd/pwserver.service").read_text()
    assert "\nType=notify\n" in service and "\nWatchdogSec=60\n" in service
    # No option twice, so that nothing is overridden by accident.
    names = [line.partition("=")[0] for line in service.splitlines() if "=" in line and line[0] != "#"]
    assert {name for name in names if names.count(name) > 1} <= {"SystemCallFilter"}
