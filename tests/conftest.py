"""What every room's tests share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, not about the code.
settings.register_profile("pwserver", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pwserver")


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
            pytest.fail(f"not within {deadline} s: {what or getattr(condition, '__name__', condition)}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class WaitUntil(Protocol):
    """The type of the fixture ``wait_until``."""

    def __call__(self, condition: Callable[[], Any], deadline: float = 10.0, what: str = "") -> Any: ...


@pytest.fixture(scope="session", name="wait_until")
def _wait_until() -> WaitUntil:
    return wait_until


# The simulator is read with the library as it is, and the gateways room changes the library for its whole process. Then
# the rooms whose tests wait for real servers, so that no processor is left alone with them at the end.
FIRST = ("simulator", "e2e", "pages", "agreement")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and order the rooms.

    A test that says its own ``xdist_group`` goes by itself.
    """

    def order(item: pytest.Item) -> int:
        return next((number for number, room in enumerate(FIRST) if room in item.path.parts), len(FIRST))

    items.sort(key=order)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(item.config.rootpath))))
