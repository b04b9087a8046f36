"""A real server in a real memory group that is too small for it. What needs no such group is in ``test_memory.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pwserver.memory_limits import count_of_kills, groups, kills_file
from pwserver.memory_need import MIB
from tests.support.server import Server
from tests.support.waiting import wait_until

LIMITS = ("memory.limit_in_bytes", "memory.max")


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A group below our own with this limit; OSError where this machine lets us make none."""
    for parent in groups():
        folder = parent / f"pwserver-test-{os.getpid()}"
        folder.mkdir()
        try:
            files = [folder / name for name in LIMITS if (folder / name).exists()]
            if files:
                files[0].write_text(str(limit_bytes))
                yield folder
                return
        finally:
            wait_until(lambda folder=folder: not (folder / "cgroup.procs").read_text(), 20, "all have gone")
            folder.rmdir()
    raise OSError("no group limits memory here")


def groups_can_be_made() -> bool:
    """Does this machine let us limit the memory of a process, as root outside a container does?"""
    try:
        with memory_group(64 * MIB):
            return True
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not groups_can_be_made(), reason="nobody may make memory groups here")


@contextmanager
def server_in(group: Path, **environment: str) -> Iterator[Server]:
    """A server all of whose processes are in ``group`` from their first instruction."""
    shell = f'echo $$ > "{group}/cgroup.procs" && exec "$0" "$@"'
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real(["sh", "-c", shell, *command], **options)  # type: ignore[call-overload, no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", start)
        server = Server(environment=environment, executed=True)
        server.__enter__()
    try:
        yield server
    finally:
        server.__exit__()


def handicap_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_where_two_workers_do_not_fit_one_is_started_and_main_outlives_every_kill() -> None:
    with (
        memory_group(64 * MIB) as group,
        server_in(group, PW_WORKERS="2", PW_HOST="127.0.0.1:1", PW_GW_PWD="x") as server,
    ):
        kills = next(path for name in ("memory.oom_control", "memory.events") if (path := group / name).exists())
        wait_until(lambda: (count_of_kills(kills) or 0) >= 3, 60, "the kernel kills")
        wait_until(lambda: server.output().count("was killed by the kernel because memory ran out") >= 3, 20)
        said = server.output()
        assert "memory is limited to 64 MB" in said and "2 workers need about" in said and "starting one worker" in said
        assert said.count("memory is limited to") == 1
        assert f"The limit is 64 MB ({group}/" in said and "docker run --memory=" in said
        assert "from outside" not in said
        assert server.process.poll() is None
        assert "worker-1" not in server.children()
        wait_until(lambda: server.get("/health").status == 200, 20)


def test_main_is_the_last_the_kernel_takes() -> None:
    with memory_group(512 * MIB) as group, server_in(group, PW_WORKERS="1") as server:
        wait_until(lambda: {"poller", "worker-0"} <= server.children().keys(), 20)
        main = handicap_of(server.process.pid)
        wait_until(lambda: all(handicap_of(pid) > main for pid in server.children().values()), 20)


def test_a_group_of_128_mb_is_enough() -> None:
    with (
        memory_group(128 * MIB) as group,
        server_in(group, PW_WORKERS="2", PW_HOST="127.0.0.1:1", PW_GW_PWD="x") as server,
    ):
        wait_until(lambda: {"poller", "worker-0", "worker-1"} <= server.children().keys(), 20)
        wait_until(lambda: server.get("/livez").status == 200, 20)
        wait_until(lambda: server.state()["error"], 30, "the library is loaded, and has asked")
        said = [line for line in server.output().splitlines() if "history in memory" not in line]
        assert "memory" not in "\n".join(said)


def test_our_own_group_is_found() -> None:
    with memory_group(300 * MIB) as group:
        code = (
            "from pwserver.memory_limits import kills_file, memory_limit;"
            "print(memory_limit().limit_bytes, kills_file().parent)"
        )
        told = subprocess.run(
            ["sh", "-c", f'echo $$ > "{group}/cgroup.procs"; exec "$0" -c "{code}"', sys.executable],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        assert told.split() == [str(300 * MIB), str(group)]
    assert kills_file() is not None
