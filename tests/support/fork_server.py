"""A process that has imported pwserver, and starts servers by forking itself: half of a start's work is imports.

``start()`` is for tests. The rest of this file runs in the fork server, one per process that runs tests, which ends
with it. A forked server has the arguments, environment, folder, session and standard streams of one that was executed,
runs the same module as ``__main__`` and ends as an interpreter does. What it does not have is a command line of its own
in /proc, and what an interpreter only reads from the environment as it starts: for that ``can_start`` has no.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from pwserver.config.settings import ENVIRONMENT_NAMES
from tests.support.programs import ROOT, clean_environment

# They change nothing before pwserver is imported.
MODULES = frozenset({"pwserver", "tests.agreement.tesla_server", "tests.support.young_demo"})
# What is read, like pwserver's settings, when the server runs; all others must be the fork server's own.
READ_LATER = frozenset({"TZ", "HOME", "XDG_STATE_HOME", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "PLAYED_TESLA"})
# What pypowerwall imports of others.
OF_THE_LIBRARY = (
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.serialization",
    "google.protobuf.descriptor_pb2",
    "google.protobuf.json_format",
    "httpx",
    "requests_oauthlib",
    "websocket",
)
# What a poller imports when it has been forked, and main and the workers never do: for that, tests execute a server.
OF_THE_POLLER = (
    "pwserver.gateways.connection",
    "pwserver.history.sqlite_import",
    "pwserver.poller.cloud_source",
    "pwserver.poller.history_fill",
    "pwserver.poller.process",
)
MESSAGE_BYTES = 100_000  # the longest that asks for a server
DESCRIPTORS = 2  # that come with it: where the output goes, and where the exit status is told


def can_start(module: str, environment: Mapping[str, str]) -> bool:
    """Tell whether a forked server is like one that was executed."""
    own = clean_environment()
    named = {name for name in (own | dict(environment)) if own.get(name) != environment.get(name)}
    changed = {name for name in named if not name.startswith("PW_")} - READ_LATER - ENVIRONMENT_NAMES.keys()
    return module in MODULES and not changed and "COVERAGE_PROCESS_CONFIG" not in own


class Forked:
    """A forked server, with what tests use of ``subprocess.Popen``. The fork server tells its exit status."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the process runs."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if selector.select(0):
                    told = os.read(self._status, 16)
                    os.close(self._status)
                    assert told, "the fork server ended before its server"
                    self.returncode = int(told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Do what ``Popen.wait`` does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                assert timeout is not None
                raise subprocess.TimeoutExpired(f"server {self.pid}", timeout)
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, if the process has not ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Client:
    """The fork server of this process: begun with the first server, ended with the process."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], output: int) -> Forked:
        wanted = {
            "module": module,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": os.getcwd(),
        }
        reads, tells = os.pipe()
        try:
            with self._lock:
                connection = self._connection()
                socket.send_fds(connection, [json.dumps(wanted).encode()], [output, tells])
                told = connection.recv(16)
        finally:
            os.close(tells)
        if not told:
            os.close(reads)
            raise AssertionError("the fork server ended: what it said stands above")
        return Forked(int(told), reads)

    def _connection(self) -> socket.socket:
        if self._ours is None:
            self._ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.fork_server", str(its.fileno())],
                    cwd=ROOT,
                    env=clean_environment(),
                    pass_fds=[its.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            atexit.register(self._end, os.getpid())
        return self._ours

    def _end(self, owner: int) -> None:
        if os.getpid() == owner and self._ours is not None and self._process is not None:
            self._ours.close()
            self._process.wait()


start = _Client().start


class ForkServer:
    """Forks whenever it is asked to, and tells how each server ended; it has one thread and never waits for one."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._tells: dict[int, int] = {}  # process -> where its exit status is told
        self._wakes, self._wake = socket.socketpair()
        self._wakes.setblocking(False)
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())

    def run(self) -> tuple[str, list[str]] | None:
        """Serve until nobody can ask any more. In a fork it returns at once: with what the fork is to run."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wakes:
                        self._wakes.recv(4096)
                        self._collect()
                        continue
                    message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, DESCRIPTORS)
                    if not message:
                        return None
                    output, tells = descriptors
                    pid = os.fork()
                    if pid == 0:
                        self._leave(tells)
                        return _become(json.loads(message), output)
                    os.close(output)
                    self._tells[pid] = tells
                    self._control.send(str(pid).encode())

    def _leave(self, tells: int) -> None:
        """Close in a fork what is the fork server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for own in (self._control, self._wakes, self._wake):
            own.close()
        for descriptor in (tells, *self._tells.values()):
            os.close(descriptor)

    def _collect(self) -> None:
        """Tell how servers ended. A process keeps its number until that is told: nobody signals another one instead."""
        while self._tells:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            tells = self._tells.pop(ended.si_pid)
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
                os.write(tells, str(status).encode())
            os.close(tells)
            os.waitpid(ended.si_pid, 0)


def _become(wanted: dict[str, object], output: int) -> tuple[str, list[str]]:
    """Turn a fork into what a fresh interpreter would be."""
    os.setsid()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    module, arguments, environment = wanted["module"], wanted["arguments"], wanted["environment"]
    assert isinstance(module, str) and isinstance(arguments, list) and isinstance(environment, dict)
    os.chdir(str(wanted["folder"]))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    return module, arguments


def main(control: int) -> None:
    """Import what servers need; then fork when asked to."""
    gc.disable()  # as pwserver.cli does
    import pwserver.cli
    import pwserver.server
    import pwserver.web.app
    import pwserver.web.worker  # noqa: F401
    from pwserver.gateways.library_internals import load

    for name in (*OF_THE_LIBRARY, *OF_THE_POLLER):
        importlib.import_module(name)
    load(tesla=False)
    gc.freeze()  # what is alive stays: no server's collector has to look at it, which would copy it
    gc.enable()
    asked = ForkServer(socket.socket(fileno=control)).run()
    if asked is not None:
        serve(*asked)


def serve(module: str, arguments: list[str]) -> NoReturn:
    """Run what ``python -m`` would run."""
    sys.argv[1:] = arguments
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        if not isinstance(leaving.code, int | None):
            raise
        status = leaving.code or 0
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        if not thread.daemon:
            thread.join()
    for last in (atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        last()
    os._exit(status)  # an interpreter would now free one by one what the system frees at once


if __name__ == "__main__":
    main(int(sys.argv[1]))
