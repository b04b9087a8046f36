"""The card of alerts: severity, meaning, unit and times as the server judged them, in any browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import House, until, violations
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

ALERT = "POD_w024_HW_Fault_Asserted"
ONLY_ALERTS = "console?hide=power-flow,energy,trend,daily-energy,powerwall,checks,gateways,strings,control"


@pytest.fixture
def three() -> Iterator[House]:
    """Three Powerwall 3 whose alerts have been heard, so that a new one has a certain beginning."""
    with make_house("powerwall3") as found:
        wait_until(lambda: found.server.json("/api/site/default")["alerts_active"], 20, "alerts")
        yield found


SAID = "Serious alert: the battery pack reports a fault of its hardware (by the alert's name)."
NOTICE = "document.querySelector('#notice').textContent"


def item(page: Page, name: str) -> str:
    """The words of one alert of the card."""
    until(page, f"document.querySelector('.alerts li[title={name}]')", 30)
    return page.inner_text(f".alerts li[title={name}]")


def test_an_alert_has_its_meaning_and_its_beginning_in_every_browser(three: House, look: Look) -> None:
    serial = three.gateway.device.family.units[1].serial
    three.gateway.raise_alert(ALERT, serial)
    three.gateway.raise_alert("NobodyKnowsThisFault", serial)
    page = look(three).open(ONLY_ALERTS)
    told = item(page, ALERT)
    for words in ("Serious", "By its name: the battery pack reports a fault of its hardware.", "PW2", "since "):
        assert words in told, told
    assert "at least" not in told
    until(page, f'{NOTICE} === "{SAID}"')
    assert "State" in item(page, "SystemConnectedToGrid") and "at least since" in item(page, "SystemConnectedToGrid")
    unknown = item(page, "NobodyKnowsThisFault")
    assert "Unknown" in unknown and "What it means is not published." in unknown
    assert page.evaluate("document.querySelector('.alerts li').title") == ALERT  # the worst first
    assert page.inner_text("#title-alerts small") == "1 problem"
    assert page.evaluate("Object.keys(localStorage).filter((key) => /alert/.test(key))") == []
    assert violations(page) == []

    another = look(three).open(ONLY_ALERTS)  # a browser that has never been here
    assert item(another, ALERT) == told

    three.gateway.clear_alert(ALERT, serial)
    until(another, f"document.querySelector('.alerts.ended li[title={ALERT}]')", 40)
    over = another.inner_text(f".alerts.ended li[title={ALERT}]")
    assert "ended " in over and "since " in over and "PW2" in over
    assert another.evaluate(f"document.querySelectorAll('li[title={ALERT}]').length") == 1
    assert violations(another) == []


def test_of_several_houses_only_what_is_more_than_a_state_is_listed(look: Look) -> None:
    with make_house("powerwall2", "powerwall3-single") as two:
        page = look(two).open(ONLY_ALERTS)
        until(page, "/No alerts/.test(document.querySelector('[data-card=alerts]').textContent)", 30)
        list(two.gateways.values())[1].raise_alert("BatteryFault")
        assert "House2" in item(page, "BatteryFault")
        assert page.evaluate("document.querySelectorAll('.alerts li').length") == 1
        page.select_option("#switcher select", "house2")
        assert "State" in item(page, "SystemConnectedToGrid")
        page.select_option("#switcher select", "default")
        until(page, "!document.querySelector('li[title=BatteryFault]')")
