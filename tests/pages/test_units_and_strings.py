"""The cards of the battery units and of the solar strings: at night, and while a unit does not answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import House, until, until_is
from tests.pages.support import house as make_house

HIDE = "console?hide=power-flow,trend,daily-energy,energy"
BOXES = "[...document.querySelectorAll('.unit-box')].map((box) => box.innerText)"
STRINGS = "[...document.querySelectorAll('[data-card=strings] tbody th')].map((cell) => cell.textContent)"
LISTED = "document.querySelectorAll('.unit-box').length === 3 && document.querySelector('[data-card=strings] tbody tr')"


@pytest.fixture(scope="module", params=["powerwall3", "powerwall2"])
def night(request: pytest.FixtureRequest) -> Iterator[House]:
    with make_house(request.param, hour=1.0) as found:
        yield found


@pytest.fixture(scope="module")
def two() -> Iterator[House]:
    with make_house("powerwall2", hour=1.0, PW_CACHE_TTL="9") as found:
        yield found


@pytest.fixture(scope="module")
def three() -> Iterator[House]:
    with make_house("v1r", hour=12.5) as found:
        yield found


def boxes(page: Page) -> list[str]:
    found: list[str] = page.evaluate(BOXES)
    return found


def test_at_night_the_strings_are_asleep_and_the_units_are_there(night: House, look: Look) -> None:
    page = look(night).open(HIDE)
    until(page, f"{STRINGS}.length >= 4 && {STRINGS}.every((row) => row.endsWith(' · asleep'))")
    assert "connected" not in page.inner_text("[data-card=strings]").lower()
    for number, box in enumerate(boxes(page), 1):
        assert f"Powerwall {number} · " in box and "%" in box and "NaN" not in box, box
        assert "missing" not in box


def test_by_day_strings_that_produce_need_no_word(three: House, look: Look) -> None:
    page = look(three).open(HIDE)
    until(page, LISTED)
    told = three.server.json("/api/site/default")["strings"]
    states = {name: one["state"] for name, one in told.items()}
    assert set(states.values()) == {"producing", None}  # nothing is unused after a moment
    until_is(page, STRINGS, list(told))


def test_a_unit_that_the_gateway_does_not_hear_keeps_its_place(two: House, look: Look) -> None:
    """At first its last figures are there, with their age; when they are too old it is missing."""
    page = look(two).open(HIDE)
    until(page, "document.querySelectorAll('.unit-box').length === 2")
    two.gateway.fault("unit-missing", unit=0)
    try:
        until(page, f"{BOXES}[0].includes('figures') && {BOXES}[0].includes(' old')")
        until(page, f"{BOXES}[0].includes('missing')")
        first, second = boxes(page)
        assert first.startswith("Powerwall 1 · –") and "NaN" not in first
        assert second.startswith("Powerwall 2 · ") and "%" in second and "missing" not in second
    finally:
        two.gateway.fault("none")
    until(page, f"!{BOXES}[0].includes('missing') && {BOXES}[0].includes('%')")


def test_followers_that_a_wired_gateway_only_names_are_listed(three: House, look: Look) -> None:
    page = look(three).open(HIDE)
    until(page, LISTED)
    units = three.server.json("/api/site/default")["units"]
    for number, (box, unit) in enumerate(zip(boxes(page), units.values(), strict=True), 1):
        assert box.startswith(f"Powerwall {number} · ") and unit["serial"] in box
        assert ("missing" in box) == (unit["state"] == "missing")


def test_an_expansion_pack_says_of_which_unit(look: Look) -> None:
    with make_house("powerwall3-single", hour=12.5) as single:
        page = look(single).open(HIDE)
        until(page, "document.querySelectorAll('.unit-box').length === 2")
        alone, pack = boxes(page)
        assert alone.startswith("Powerwall 1 · ") and pack.startswith("Powerwall 1 expansion 1 · ")
        assert "EXPANSION OF" in pack.upper() and "Powerwall 1" in pack
        assert "EXPANSION OF" not in alone.upper()
