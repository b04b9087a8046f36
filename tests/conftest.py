"""What every room's tests share."""

from __future__ import annotations

import gc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.waiting import WaitUntil, wait_until

# How long an example takes says something about the machine, not about the code.
settings.register_profile("pwserver", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pwserver")


@pytest.fixture(scope="session", name="wait_until")
def _wait_until() -> WaitUntil:
    return wait_until


# The rooms whose files share something on the disk: here the roots that tests are unpacked into.
WHOLE = ("packaging",)
# The simulator is read with the library as it is, and the gateways room changes the library for its whole process. Then
# the rooms whose tests wait for real servers, so that no processor is left alone with them at the end.
FIRST = ("simulator", "packaging", "e2e", "pages", "agreement")
# The room whose every process starts a browser and a house with a past: half of the processes do, as long as it lasts.
COSTLY = "pages"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what is collected: nothing of it is garbage, and it is most of the memory."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the rooms."""

    def order(item: pytest.Item) -> int:
        return next((number for number, room in enumerate(FIRST) if room in item.path.parts), len(FIRST))

    items.sort(key=order)


class ByFile(LoadScopeScheduling):
    """Keep the tests of one file in one process, and those of a room in WHOLE.

    Not ``--dist=loadgroup``: pytest-xdist 3.8 writes groups into the ids of tests, which pytest 9.2 does not let it.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return str(path.parent if path.parent.name in WHOLE else path)

    def _assign_work_unit(self, node: Any) -> None:
        """Give a process the next file, to half of them one of the costly room while there are any."""
        is_of_half = self.nodes.index(node) < max(1, len(self.nodes) // 2)
        wanted = (scope for scope in self.workqueue if (Path(scope).parent.name == COSTLY) is is_of_half)
        if scope := next(wanted, None):
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Say to pytest-xdist, where it runs, how tests are shared out."""
    return ByFile(config, log)
