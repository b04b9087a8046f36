"""Calendar ranges of the history page: what they are called, what they add up to, with what they are compared."""

from __future__ import annotations

import datetime
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route

from tests.pages.conftest import Look
from tests.pages.recorded import zone_name
from tests.pages.support import NOON_ZONE, House, until
from tests.pages.test_history import DRAWN, NO_SIGNALS, again, chosen

ZONE = ZoneInfo(zone_name(NOON_ZONE))
TOTALS = "[...document.querySelectorAll('#totals dd')].map((one) => one.textContent)"
COMPARED = "[...document.querySelectorAll('#comparison tbody th')].map((one) => one.textContent)"


def today() -> datetime.date:
    return datetime.datetime.now(ZONE).date()


def calendar(house: House, period: str, end: datetime.date) -> Any:
    answer = house.server.json(f"/api/history/calendar?period={period}&count=1&end={end}")
    return answer["periods"][0]


def shown_home(page: Page) -> float:
    return float(page.evaluate(TOTALS)[1].split("\u202f")[0].replace(",", ""))


def test_what_did_we_use_today_and_in_any_other_time_of_the_calendar(house: House, look: Look) -> None:
    """One click leads there; the title names it, the totals are the calendar's, and what is compared is named."""
    page = look(house.base).open(f"history?{NO_SIGNALS}")
    until(page, DRAWN)
    now = today()
    month = now.strftime("%B %Y")
    cases = {
        "today": ("day", now, now.strftime("%A, %B ") + f"{now.day}, {now.year}"),
        "yesterday": ("day", now - datetime.timedelta(days=1), ""),
        "week": ("week", now, f"Week {now.isocalendar().week}, "),
        "month": ("month", now, month),
        "year": ("year", now, str(now.year)),
    }
    for name, (period, day, title) in cases.items():
        again(page, lambda name=name: page.click(f"[data-range={name}]"))
        assert chosen(page) == {"range": name}
        assert page.inner_text("#title").startswith(title) and page.title().startswith(page.inner_text("#title"))
        assert page.inner_text("#totals-title") == f"Energy: {page.inner_text('#title')}"
        told = calendar(house, period, day)
        assert shown_home(page) == pytest.approx(told["home_kwh"], rel=0.02, abs=0.1), name
        heads = page.evaluate(COMPARED)
        assert bool(heads) == bool(told["previous"]), name
        if period == "month" and told["previous"]:
            before = datetime.date.fromisoformat(told["previous"]["period"] + "-01").strftime("%B %Y")
            assert heads[:2] == [f"{before}, the same {told['previous']['days']} days", "Change"]
    page.reload()
    until(page, DRAWN)
    assert page.inner_text("#title") == str(now.year), "the address has lost what was shown"


def test_previous_next_and_now(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?range=today&{NO_SIGNALS}")
    until(page, DRAWN)
    assert page.is_disabled("#forward") and page.is_disabled("#now"), "there is a way into the future"
    again(page, lambda: page.click("#back"))
    again(page, lambda: page.click("#back"))
    day = today() - datetime.timedelta(days=2)
    assert chosen(page) == {"range": "day", "date": f"{day}"}
    again(page, lambda: page.click("#forward"))
    assert page.get_attribute("[data-range=yesterday]", "aria-pressed") == "true"
    again(page, lambda: page.click("#now"))
    assert chosen(page) == {"range": "today"}
    again(page, page.go_back)
    assert chosen(page) == {"range": "day", "date": f"{day + datetime.timedelta(days=1)}"}
    page.goto(f"{house.base}/history?range=year&date={today() - datetime.timedelta(days=40)}")
    until(page, DRAWN)
    first = house.server.json("/api/timeseries/status")["first_days"]["default"]
    while not page.is_disabled("#back"):
        assert page.evaluate("document.querySelector('#from').value") > first
        again(page, lambda: page.click("#back"))
    assert page.input_value("#from") <= first, "nothing is left, and yet there was a way"
    page.goto(f"{house.base}/history?range=month&date=2026-02-31")
    until(page, DRAWN)
    assert "date=2026-02-31 is no day" in page.inner_text("#state") and chosen(page) == {"range": "month"}
    page.goto(f"{house.base}/history?range=decade")
    until(page, DRAWN)
    assert "range=decade is unknown" in page.inner_text("#state") and chosen(page) == {"range": "1d"}


def test_24_hours_are_24_hours(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?range=1d&{NO_SIGNALS}")
    until(page, DRAWN)
    assert page.is_hidden("#zone"), "browser and house are in one zone"
    assert page.inner_text("#title") == "Last 24 hours" and "2 days" not in page.inner_text("main")
    end = int(time.time())
    told = house.server.json(f"/api/history/totals?from={end - 86400}&to={end}")
    assert shown_home(page) == pytest.approx(told["total"]["home_kwh"], rel=0.02)
    assert page.locator("#energy .hit").count() in (24, 25)
    assert len(page.evaluate(COMPARED)) == 2, "the 24 hours before are missing"


def test_days_are_those_of_the_house_wherever_the_browser_is(house: House, look: Look) -> None:
    elsewhere = zone_name((NOON_ZONE + 12 + 7) % 24 - 12)
    page = look(house.base, timezone_id=elsewhere).open(f"history?range=today&{NO_SIGNALS}")
    until(page, DRAWN)
    assert page.inner_text("#zone") == f"Times and days of the history are those of the house ({zone_name(NOON_ZONE)})."
    assert page.input_value("#from") == page.input_value("#to") == f"{today()}"
    first = page.get_attribute("#table tbody tr:last-child time", "datetime")
    assert str(first).startswith(f"{today()}T00:00")


def test_another_name_of_the_same_zone_is_no_other_zone(house: House, look: Look) -> None:
    """Browsers call some zones by a name of their own."""

    def in_india(route: Route) -> None:
        status = route.fetch().json()
        status["timezones"] = dict.fromkeys(status["timezones"], "Asia/Kolkata")
        route.fulfill(json=status)

    page = look(house.base, timezone_id="Asia/Calcutta").page
    page.route("**/api/timeseries/status", in_india)
    page.goto(f"{house.base}/history?range=1h&{NO_SIGNALS}")
    until(page, DRAWN)
    assert "Asia/Kolkata" in page.evaluate("document.querySelector('#zone').textContent")
    assert page.is_hidden("#zone")
