"""A server of the tests' fork server is like one that was executed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.server import Server

STATUS = ("Umask", "SigBlk", "SigIgn", "SigCgt", "Threads", "NoNewPrivs", "Seccomp")


def looked_at(server: Server) -> dict[str, dict[str, object]]:
    """What the kernel tells of each process of a server, as far as it is the same for two servers."""
    server.wait_for_everybody()
    found: dict[str, dict[str, object]] = {}
    for name, pid in {"main": server.process.pid, **server.children()}.items():
        process = Path(f"/proc/{pid}")
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        descriptors = (process / f"fd/{number}" for number in sorted(map(int, os.listdir(process / "fd"))))
        targets = [os.readlink(one).replace(server.log.name, "log") for one in descriptors]
        kinds = [target.partition("[")[0] for target in targets]
        found[name] = {
            "status": {field: status[field] for field in STATUS if field != "Threads" or name == "main"},
            "descriptors": kinds if name == "main" else kinds[:3],
            "folder": os.readlink(process / "cwd"),
            "session": os.getsid(pid) == server.process.pid,
            "group": os.getpgid(pid) == server.process.pid,
            "nice": os.getpriority(os.PRIO_PROCESS, pid),
            "limits": (process / "limits").read_text(),
        }
    return found


def test_a_forked_server_is_like_an_executed_one() -> None:
    settings = {"PW_HOST": "127.0.0.1:9", "PW_GW_PWD": "of nobody", "PW_WORKERS": "1", "TZ": "Asia/Kathmandu"}
    answers, ends = [], []
    for executed in (True, False):
        with Server(["--style", "solar"], settings, executed=executed) as server:
            config = server.json("/stats")["config"]
            config.pop("PW_PORT")
            answers.append((looked_at(server), config))
            server.process.send_signal(signal.SIGTERM)
            ends.append(server.process.wait(60))
    assert answers[0] == answers[1]
    assert ends == [0, 0]


def test_the_end_of_a_forked_server_is_told() -> None:
    with Server(["--demo"], {"PW_WORKERS": "1"}) as server:
        assert server.process.poll() is None
        server.process.kill()
        assert server.process.wait(60) == -signal.SIGKILL == server.process.returncode
    with (
        pytest.raises(AssertionError, match=r"(?s)ended with 2:\n.*PW_WORKERS"),
        Server([], {"PW_WORKERS": "no number"}),
    ):
        pass
