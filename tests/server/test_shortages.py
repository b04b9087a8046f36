"""What a machine may be short of: processes, descriptors, and folders that can be written."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pwserver.config import load
from pwserver.open_files import LEAST_CONNECTIONS, with_files
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import one
from tests.support.programs import children, free_port
from tests.support.server import Server
from tests.support.waiting import patient, wait_until


@contextmanager
def limited(number: int, limit: int) -> Iterator[None]:
    """Programs started meanwhile get this limit; our own hard one stays, so that it can be taken back."""
    with prepared(f"import os, resource, sys; resource.setrlimit({number}, ({limit}, {limit})); "):
        yield


@contextmanager
def prepared(first: str) -> Iterator[None]:
    """Programs started meanwhile run this code first, in the process that they become."""
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        code = first + "os.execv(sys.argv[1], sys.argv[1:])"
        return real([sys.executable, "-c", code, *command], **options)  # type: ignore[call-overload, no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", start)
        yield


@contextmanager
def limited_server(number: int, limit: int, **environment: str) -> Iterator[Server]:
    """A server that was started with this limit."""
    server = Server(environment=environment, executed=True)
    with limited(number, limit):
        server.__enter__()
    try:
        yield server
    finally:
        server.__exit__()


def test_with_few_descriptors_clients_are_refused_instead_of_left_waiting() -> None:
    with (
        limited_server(resource.RLIMIT_NOFILE, 64, PW_WORKERS="2", PW_MAX_CONNECTIONS="500") as server,
        ExitStack() as held,
    ):
        assert "PW_MAX_CONNECTIONS is 500, but the system allows each process 64 open files" in server.output()
        for _ in range(140):  # more than both processes have descriptors
            client = held.enter_context(socket.create_connection(("127.0.0.1", server.port or 0), patient(10)))
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.get("/livez").status == 503
        held.close()
        wait_until(lambda: server.get("/livez").status == 200, 20)
        assert "starting it again" not in server.output()


def test_descriptors_beyond_a_thousand_end_nothing(tmp_path: Path) -> None:
    """The histories of seventeen gateways have that many open, and select() knows none from 1024 on."""
    code = (
        "import os, resource, sys; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard)); "
        "[os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True) for _ in range(1100)]; "
    )
    with SimulatedGateway("powerwall2") as gateway:
        environment = {**one(gateway), "PW_HISTORY_PATH": str(tmp_path / "history"), "PW_WORKERS": "1"}
        server = Server(environment=environment, executed=True)
        with prepared(code):
            server.__enter__()
        try:
            server.wait_for_data()
            server.wait_for_everybody()
            for name in ("poller", "worker-0"):
                old = children(server.process.pid)[name]
                os.kill(old, signal.SIGKILL)
                wait_until(lambda name=name, old=old: children(server.process.pid).get(name, old) != old, 20, name)
            server.wait_for_everybody()
            server.wait_for_data(newer_than=server.timestamp())
        finally:
            server.__exit__()
        assert server.process.returncode == 0


def printed(code: str) -> str:
    """What this code prints in a process of its own: a hard limit cannot be raised again."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout


def test_many_histories_get_the_descriptors_they_need() -> None:
    code = """
import json, resource
from pwserver.config import load
from pwserver.open_files import HISTORY_FILES, with_files
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
entries = [{"id": f"h{number}", "name": f"H {number}", "host": "127.0.0.1", "gw_pwd": "x"} for number in range(100)]
environment = {"PW_GATEWAYS": json.dumps(entries), "PW_MAX_CONNECTIONS": "100", "PW_HISTORY_PATH": "/srv/history"}
with_files(load({}, environment))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 101 * HISTORY_FILES)
"""
    assert int(printed(code)) >= 100


def test_histories_that_need_more_descriptors_than_there_are_leave_some_to_clients_and_say_so() -> None:
    code = """
import resource
from pwserver.config import load
from pwserver.open_files import with_files
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
environment = {"PW_REPLICA": "mqtt://broker", "PW_REPLICA_MAX_GATEWAYS": "1000", "PW_HISTORY_PATH": "/srv/history"}
fitted = with_files(load({}, environment))
print(fitted.settings.web.max_connections)
print([warning for warning in fitted.warnings if "history" in warning])
"""
    connections, warnings = printed(code).splitlines()
    assert int(connections) > 500
    assert "the history of 1001 gateways" in warnings and "PW_HISTORY_PATH=memory" in warnings, warnings


def test_the_cap_of_connections_follows_the_descriptors_there_are() -> None:
    code = """
import resource
from pwserver.config import load
from pwserver.open_files import with_files
for limit in (4096, 1024, 256, 64, 32, 16):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for environment in ({}, {"PW_MAX_CONNECTIONS": "5000"}, {"PW_MAX_CONNECTIONS": "20"}):
        config = load({}, {"PW_WORKERS": "2", "PW_HISTORY_PATH": "memory", **environment})
        fitted = with_files(config)
        print(limit, config.settings.web.max_connections, fitted.settings.web.max_connections, len(fitted.warnings))
"""
    told = printed(code)
    for line in told.splitlines():
        limit, wanted, taken, warnings = (int(word) for word in line.split())
        assert LEAST_CONNECTIONS <= taken <= wanted
        assert taken // 2 < limit or taken == LEAST_CONNECTIONS
        assert warnings == (1 if taken < wanted and (wanted != 10_000 or taken < 100) else 0), line
    assert len(told.splitlines()) == 18


def test_where_nothing_limits_descriptors_the_configuration_stays() -> None:
    config = load({}, {"PW_MAX_CONNECTIONS": "10"})
    assert with_files(config) is config


def test_where_no_file_can_be_written_gateways_are_polled_all_the_same() -> None:
    """A read-only system, or a disk quota used up: Python finds no temporary folder then."""
    with SimulatedGateway("powerwall3") as gateway:
        output = subprocess.PIPE  # a pipe is no file
        port = free_port()
        with limited(resource.RLIMIT_FSIZE, 0):
            main = subprocess.Popen(
                [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", str(port)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **one(gateway)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
        server = Server(port=port)
        try:
            wait_until(lambda: _answers(server), 30)
            wait_until(lambda: server.timestamp("/aggregates") > 0, 30, "data")
            main.send_signal(signal.SIGTERM)
            said = main.communicate(timeout=patient(20))[1].decode()
            assert main.returncode == 0
            assert "starting it again" not in said, said
        finally:
            main.kill()
            main.wait()


def _answers(server: Server) -> bool:
    try:
        return server.get("/livez").status == 200
    except OSError:
        return False
