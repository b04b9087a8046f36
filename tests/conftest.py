"""What every room's tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and order the rooms.

    A test that says its own ``xdist_group`` goes by itself.
    """

    def order(item: pytest.Item) -> int:
        return next((number for number, room in enumerate(FIRST) if room in item.path.parts), len(FIRST))

    items.sort(key=order)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            shared = item.path.parent if item.path.parent.name in WHOLE else item.path
            item.add_marker(pytest.mark.xdist_group(str(shared.relative_to(item.config.rootpath))))
