"""Waiting for conditions: in plain code, in coroutines, and until a program answers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest

# Deadlines are written for an idle machine, and a slow or busy one gets so many times as long. A deadline only ends the
# wait for what will never come; how fast something must be is asserted in other ways.
PATIENCE = float(os.environ.get("PW_TEST_PATIENCE", "5"))

MOST_PAUSE_SECONDS = 0.25  # between two looks: each costs the tester and the server that it asks some processor time


def patient(seconds: float) -> float:
    """Return the deadline that this machine gets for what an idle one does within ``seconds``."""
    return seconds * PATIENCE


class WaitUntil(Protocol):
    """The type of the fixture ``wait_until``."""

    def __call__(self, condition: Callable[[], Any], deadline: float = 10.0, what: str = "") -> Any: ...


def wait_until(condition: Callable[[], Any], deadline: float = 10.0, what: object = "") -> Any:
    """Poll a condition until it is truthy and return its value; fail after ``patient(deadline)`` seconds.

    ``what`` is what is waited for; it is put into words when it did not come.
    """
    deadline = patient(deadline)
    end = time.monotonic() + deadline
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(_late(condition, deadline, what))
        time.sleep(pause)
        pause = min(pause * 1.5, MOST_PAUSE_SECONDS)


async def wait_until_async(condition: Callable[[], Any], deadline: float = 20.0, what: str = "") -> Any:
    """Do the same as ``wait_until`` in a coroutine, while other tasks run."""
    deadline = patient(deadline)
    end = time.monotonic() + deadline
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(_late(condition, deadline, what))
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, 0.02)


def if_answered(check: Callable[[], Any]) -> Callable[[], Any]:
    """Return the check as one that is false while nobody answers it."""

    def asked() -> Any:
        try:
            return check()
        except OSError:
            return None

    return asked


def _late(condition: Callable[[], Any], deadline: float, what: object) -> str:
    return f"not within {deadline:g} s: {str(what) or getattr(condition, '__name__', condition)}"
