"""The console says what energy was worth, that it is an estimate, and nothing of it without a tariff."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import Look
from tests.pages.support import House, until, violations
from tests.pages.support import house as make_house

ONLY_ENERGY = "console?hide=power-flow,trend,daily-energy,powerwall,checks,gateways,strings,alerts,control"
WORTH = "document.querySelector('.worth').textContent"
TODAY = "document.querySelector('.energy-now').innerText.includes('% self-powered')"


def test_today_and_the_month_are_told_as_an_estimate(look: Look, tmp_path_factory: pytest.TempPathFactory) -> None:
    tariff: Path = tmp_path_factory.mktemp("tariff") / "tariff.yaml"
    tariff.write_text("currency: EUR\nbuy: 0.3\nsell: 0.08\nfixed_per_day: 0.5\n")
    with make_house("v1r", past_days=2, PW_TARIFF_FILE=str(tariff)) as found:
        page = look(found).open(ONLY_ENERGY)
        until(page, f"{WORTH}.startsWith('Value, an estimate. Today: costs ')", 90)
        words = page.evaluate(WORTH)
        assert "This month: costs EUR " in words
        assert "NaN" not in words and "undefined" not in words
        assert violations(page) == []


def test_without_a_tariff_nothing_is_said(house: House, look: Look) -> None:
    page = look(house).open(ONLY_ENERGY)
    until(page, TODAY)
    assert page.evaluate(WORTH) == ""
    assert page.evaluate("getComputedStyle(document.querySelector('.worth')).display") == "none"
