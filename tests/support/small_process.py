"""Running a function in a process that holds nothing but what it imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.support.programs import ROOT
from tests.support.waiting import patient


def run_in_small_process(function: Callable[[], None], seconds: float = 100.0) -> None:
    """Run a function of a module of tests in a Python of its own; fail when it does.

    For what forks hundreds of times: to fork a process that has collected all tests costs forty times as much.
    """
    program = f"from {function.__module__} import {function.__name__} as run; run()"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=patient(seconds),
    )
    assert ended.returncode == 0, ended.stderr[-6000:]
