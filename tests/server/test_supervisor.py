"""Children that die or hang are replaced; nobody outlives main."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import alive
from tests.support.waiting import patient, wait_until

FAMILY = [sys.executable, "-m", "tests.server.supervised"]


class Family:
    """The process tree under test."""

    def __init__(self, *arguments: str) -> None:
        self.main = subprocess.Popen([*FAMILY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.last: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        assert self.main.stdout is not None
        self.last = json.loads(self.main.stdout.readline())
        return self.last

    def until(self, condition: Any) -> dict[str, Any]:
        wait_until(lambda: condition(self.report()), 20)
        return self.last

    def close(self) -> None:
        self.main.kill()
        self.main.communicate()


@pytest.fixture
def family() -> Iterator[Family]:
    made = Family()
    yield made
    made.close()


def test_a_killed_child_is_replaced_and_its_sibling_is_not_touched(family: Family) -> None:
    before = family.until(lambda report: report["poller"]["pid"] and report["worker-0"]["pid"])
    os.kill(before["worker-0"]["pid"], signal.SIGKILL)
    after = family.until(lambda report: report["worker-0"]["starts"] == 2 and report["worker-0"]["pid"])
    assert after["worker-0"]["pid"] != before["worker-0"]["pid"]
    # Its heart goes on beating meanwhile.
    assert after["poller"] | {"beats": 0} == before["poller"] | {"beats": 0}


def test_a_stopped_child_is_noticed_by_its_heartbeat_and_replaced(family: Family) -> None:
    before = family.until(lambda report: report["poller"]["pid"])
    os.kill(before["poller"]["pid"], signal.SIGSTOP)
    after = family.until(lambda report: report["poller"]["starts"] == 2 and report["poller"]["pid"])
    assert not alive(before["poller"]["pid"])
    assert alive(after["poller"]["pid"])


def test_no_child_outlives_main(family: Family) -> None:
    report = family.until(lambda report: report["poller"]["pid"] and report["worker-0"]["pid"])
    family.main.kill()
    wait_until(lambda: not alive(report["poller"]["pid"]) and not alive(report["worker-0"]["pid"]), 2)


def test_sigterm_ends_everybody(family: Family) -> None:
    report = family.until(lambda report: report["poller"]["pid"] and report["worker-0"]["pid"])
    family.main.terminate()
    family.until(lambda said: said.get("stopped"))
    assert family.main.wait(patient(5)) == 0
    assert not alive(report["poller"]["pid"])
    assert not alive(report["worker-0"]["pid"])


def test_a_child_that_cannot_start_is_tried_again_with_growing_pauses_and_disturbs_nobody() -> None:
    family = Family("--crashing")
    try:
        report = family.until(lambda report: report.get("crashing", {}).get("starts", 0) >= 3)
        assert report["poller"]["starts"] == report["worker-0"]["starts"] == 1
    finally:
        family.close()


def test_a_child_that_is_killed_again_and_again_is_back_at_once_after_the_last_kill() -> None:
    """Also where a kill hits it before its first heartbeat: that is no failure of its own."""
    family = Family("--slow-to-work")
    try:
        pids: set[int] = set()
        while len(pids) < 12:
            pid = family.report().get("slow", {}).get("pid", 0)
            if pid and pid not in pids:
                os.kill(pid, signal.SIGKILL)
                pids.add(pid)
        report = family.until(lambda report: report["slow"]["pid"] not in {0, *pids})
        assert set(report["slow"]["deaths"]) == {"was killed from outside by SIGKILL"}
        assert report["poller"]["starts"] == report["worker-0"]["starts"] == 1
    finally:
        family.close()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGTERM])
def test_main_knows_what_a_child_died_of(family: Family, number: signal.Signals) -> None:
    before = family.until(lambda report: report["poller"]["beats"] > 0)
    os.kill(before["poller"]["pid"], number)
    after = family.until(lambda report: report["poller"]["starts"] == 2 and report["poller"]["pid"])
    told = "was killed from outside by" if number == signal.SIGTERM else "crashed with"
    assert after["poller"]["deaths"] == [f"{told} {number.name}"]


def test_a_kill_that_the_kernel_counted_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    count = tmp_path / "proc/vmstat"
    count.write_text("oom_kill 3\n")
    family = Family("--machine", str(tmp_path))
    try:
        before = family.until(lambda report: report["poller"]["beats"] > 0 and report["worker-0"]["beats"] > 0)
        count.write_text("oom_kill 4\n")  # the kernel counts before it kills
        os.kill(before["poller"]["pid"], signal.SIGKILL)
        family.until(lambda report: report["poller"]["starts"] == 2 and report["poller"]["pid"])
        os.kill(before["worker-0"]["pid"], signal.SIGKILL)
        after = family.until(lambda report: report["worker-0"]["starts"] == 2)
        assert after["poller"]["deaths"] == ["was killed by the kernel because memory ran out"]
        assert after["worker-0"]["deaths"] == ["was killed from outside by SIGKILL"]
    finally:
        family.close()


def test_where_the_kernel_refuses_a_process_it_is_tried_again_until_there_is_room() -> None:
    family = Family("--few-processes")
    try:
        after = family.until(lambda report: report["poller"]["starts"] >= 4 and report["poller"]["beats"] > 0)
        assert after["poller"]["deaths"] == ["was killed from outside by SIGKILL", *["could not be started"] * 2]
        assert after["worker-0"]["starts"] == 1
    finally:
        family.close()


def test_a_child_that_ignores_sigterm_does_not_hold_up_the_end() -> None:
    family = Family("--stubborn")
    try:
        report = family.until(lambda report: report["stubborn"]["beats"] > 0)
        family.main.terminate()
        family.until(lambda said: said.get("stopped"))
        assert family.main.wait(patient(5)) == 0
        assert not alive(report["stubborn"]["pid"])
    finally:
        family.close()


def test_children_go_on_while_main_is_stopped_and_those_that_died_meanwhile_are_replaced(family: Family) -> None:
    before = family.until(lambda report: report["poller"]["beats"] > 0 and report["worker-0"]["beats"] > 0)
    family.main.send_signal(signal.SIGSTOP)
    os.kill(before["poller"]["pid"], signal.SIGKILL)
    time.sleep(2.5)  # longer than a heartbeat may be late, and than main may be absent: that is what is tested
    family.main.send_signal(signal.SIGCONT)
    after = family.until(lambda report: report["poller"]["starts"] == 2 and report["poller"]["pid"])
    assert after["poller"]["deaths"] == ["was killed from outside by SIGKILL"]
    assert after["worker-0"]["pid"] == before["worker-0"]["pid"] and not after["worker-0"]["deaths"]
