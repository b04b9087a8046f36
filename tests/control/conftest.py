"""Houses that several tests share: starting one takes longer than using it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.control.houses import House, house


@pytest.fixture(scope="package")
def houses() -> Iterator[Callable[..., House]]:
    """houses(scenario, **environment): the one for these, made when first asked for."""
    made: dict[str, House] = {}
    with ExitStack() as stack:

        def get(scenario: str, **environment: str) -> House:
            key = f"{scenario} {sorted(environment.items())}"
            if key not in made:
                made[key] = stack.enter_context(house(scenario, **environment))
            made[key].forget()
            return made[key]

        yield get


@pytest.fixture
def v1r(houses: Callable[..., House]) -> House:
    """A Powerwall 3 that can be written to, and islanded as often as one likes."""
    return houses("v1r", PW_ISLANDING_COOLDOWN="0")
