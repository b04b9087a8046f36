"""Waiting for conditions: in plain code, in coroutines, and until a program answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest


class WaitUntil(Protocol):
    """The type of the fixture ``wait_until``."""

    def __call__(self, condition: Callable[[], Any], deadline: float = 10.0, what: str = "") -> Any: ...


def wait_until(condition: Callable[[], Any], deadline: float = 10.0, what: str = "") -> Any:
    """Poll a condition until it is truthy and return its value; fail after ``deadline`` seconds.

    The deadline is what a badly loaded machine may take, not what is expected.
    """
    end = time.monotonic() + deadline
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(_late(condition, deadline, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


async def wait_until_async(condition: Callable[[], Any], deadline: float = 20.0, what: str = "") -> Any:
    """Do the same as ``wait_until`` in a coroutine, while other tasks run."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(_late(condition, deadline, what))
        await asyncio.sleep(0.001)


def if_answered(check: Callable[[], Any]) -> Callable[[], Any]:
    """Return the check as one that is false while nobody answers it."""

    def asked() -> Any:
        try:
            return check()
        except OSError:
            return None

    return asked


def _late(condition: Callable[[], Any], deadline: float, what: str) -> str:
    return f"not within {deadline} s: {what or getattr(condition, '__name__', condition)}"
