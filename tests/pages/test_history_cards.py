"""When was the grid away, what did it cost and save: the cards of the history, with one house and with twelve."""

from __future__ import annotations

import datetime
import time
from typing import Any

from playwright.sync_api import Page, Route

from pwserver.history import value_sum
from tests.pages.conftest import Look
from tests.pages.support import House, until, violations
from tests.pages.test_history import DRAWN, NO_SIGNALS
from tests.pages.test_history_ranges import today

HOURS = 3600.0
PICTURE = "document.querySelector('#power canvas').toDataURL()"


def outage(gateway: str, ago: float, **more: Any) -> dict[str, Any]:
    """An outage of an hour that began so many hours ago."""
    begin = time.time() - ago * HOURS
    whole = {"gateway": gateway, "begin": begin, "end": begin + HOURS, "duration_seconds": HOURS, "exact": True}
    return {
        **whole,
        "charge_begin_percent": 80.0,
        "charge_end_percent": 71.2,
        "home_wh": 940.0,
        "purpose": None,
        **more,
    }


def day_over() -> str:
    """The address of a day that is over: what is drawn of it stays the same, however long a test takes."""
    return f"range=day&date={today() - datetime.timedelta(days=2)}&{NO_SIGNALS}"


def told(page: Page, path: str, answer: Any) -> None:
    """Have the server say this of a path."""

    def fulfil(route: Route) -> None:
        route.fulfill(json=answer)

    page.route(f"**{path}*", fulfil)


def plain(page: Page, place: str) -> str:
    return page.inner_text(place).replace("\u202f", " ").replace("\t", " ")


def battery(health: float | None, **more: Any) -> dict[str, Any]:
    """What the server knows of a battery, with three days."""
    daily = [{"day": f"2026-11-{day}", "full_wh": None, "health_percent": health, "source": None, "discharged_wh": None}
             for day in (21, 22, 24)]  # fmt: skip
    return {"full_wh": None, "median_full_wh": None, "nominal_wh": 13500.0, "health_percent": health,
            "trend_percent_per_year": -3.1, "trend_range_percent_per_year": [-3.6, -2.4], "discharged_wh": None,
            "cycles": None, "unknown": {"cycles": "not counted"},
            "source": None, "days": 3, "first_day": None, "last_day": None, "compared_since": None, "steps": [],
            "daily": daily, **more}  # fmt: skip


def string(weak: bool | None, **more: Any) -> dict[str, Any]:
    """What the server finds of a solar string."""
    return {"weak": weak, "since": None, "share": None, "earlier_share": None, "compared_with": None, "reason": None,
            "last_judged_day": None, "daily": [], **more}  # fmt: skip


def healths(*gateways: str) -> dict[str, Any]:
    """The same two batteries in each of these houses."""
    units = {"T1": battery(97.26, label="PW1", part="2012170-25-E", type=None),
             "T2": battery(None, label="PW2", part=None, type=None,
                           steps=[{"day": "2026-03-01", "percent": -4.0}])}  # fmt: skip
    house = {"timezone": "UTC", "whole": battery(96.0), "units": units}
    return {
        "enabled": True,
        "meaning": "An estimate of the battery itself.",
        "gateways": dict.fromkeys(gateways, house),
    }


def strings_of(**gateways: dict[str, Any]) -> dict[str, Any]:
    """The strings of some houses."""
    found = {name: {"timezone": "UTC", "strings": strings} for name, strings in gateways.items()}
    return {"enabled": True, "rule": "The rule.", "gateways": found}


AMOUNTS = {"cost": 3.5, "earnings": 1.25, "fixed": 0.5, "bill": 2.75, "solar_savings": 4.1, "battery_savings": None}
WORTH = {"gateway": "default", "timezone": "UTC", "step": "year", "currency": "EUR", "estimate": True, "rule": "",
         "notes": [], "cause": None, "remedy": None, "price_now": {}, "rows": [], "total": AMOUNTS}  # fmt: skip


def test_when_the_grid_was_away_and_what_it_cost_and_saved(house: House, look: Look) -> None:
    page = look(house.base).page
    away = [outage("default", 3, end=None, duration_seconds=3 * HOURS, charge_end_percent=None, home_wh=None),
            outage("default", 48), outage("default", 49, begin=None, duration_seconds=None)]  # fmt: skip
    page.goto(f"{house.base}/history?{day_over()}")
    until(page, DRAWN)
    assert plain(page, "#outages-total") == "The grid was never away in this time, as far as it was watched."
    remedy = house.server.json("/api/value")["remedy"]
    assert remedy in plain(page, "#value-words") and page.is_hidden("#value"), "no way to a tariff is shown"
    undisturbed = page.evaluate(PICTURE)
    told(page, "/api/outages", {"outages": away, "count": 3, "seconds": 4 * HOURS, "unknown_begins": 1})
    told(page, "/api/value", WORTH)
    page.reload()
    until(page, DRAWN)
    assert plain(page, "#outages-total") == "3 outages, 4 h 00 min in all at least, as the begin of one was not seen"
    rows = [" ".join(one.split()) for one in page.locator("#outages tbody tr").all_inner_texts()]
    assert "3 h 00 min, goes on 80 % → … –" in rows[0].replace("\u202f", " ")
    assert "1 h 00 min 80 % → 71 % 0.9 kWh" in rows[1].replace("\u202f", " ")
    assert rows[2].startswith("before it was watched")
    until(page, f"{PICTURE} !== {undisturbed!r}")
    amounts = plain(page, "#value")
    assert all(words in amounts for words in ("Bought for", "€3.50", "Sold for", "€1.25", "Bill", "€2.75", "€4.10"))
    assert "Saved by the battery" not in amounts, "what is not known is shown"
    assert "An estimate; the bill of your utility is right." in plain(page, "#value-words")
    assert violations(page) == []


def test_how_healthy_the_batteries_are_and_which_string_is_weak(house: House, look: Look) -> None:
    page = look(house.base).page
    faded = string(True, since="2026-11-20", share=0.55, earlier_share=1.02)
    told(page, "/api/battery/health", healths("default"))
    told(page, "/api/solar/strings", strings_of(default={"A": string(False, share=1.0, earlier_share=0.98), "B": faded,
                                                         "C": string(None, reason="too few days")}))  # fmt: skip
    page.goto(f"{house.base}/history?{day_over()}")
    until(page, DRAWN)
    assert plain(page, "#strings-verdict") == "Weak: String B"
    rows = [" ".join(one.split()) for one in page.locator("#strings tbody tr").all_inner_texts()]
    assert rows[0].startswith("String B weak since ") and rows[0].endswith("55 % 102 %"), "the weak one is not first"
    assert rows[1] == "String A in step 100 % 98 %" and rows[2] == "String C too few days – –"
    units = [" ".join(one.split()) for one in page.locator("#health tbody tr").all_inner_texts()]
    assert units[0] == "PW1 97.3 % – 13.5 kWh −3.1 (−3.6 to −2.4) –" and units[1].startswith("PW2 – ")
    assert units[2].startswith("All together 96.0 %")
    assert page.locator("#health tbody td[title='not counted']").count() == 3, "why is not said"
    assert "PW2 changed by −4.0 % on " in plain(page, "#health-notes")
    assert plain(page, "#health-meaning") == "An estimate of the battery itself."
    page.focus("#health-chart")
    page.keyboard.press("Home")
    spoken = "document.querySelector('#health-card .unseen').textContent"
    until(page, f"/^[^:]*: PW1 97.3.%, PW2 –, All together 96.0.%$/.test({spoken})")
    assert violations(page) == []


def test_the_same_of_twelve_houses(house: House, look: Look) -> None:
    page = look(house.base).page
    names = {f"house{number}": f"Number {number}" for number in range(1, 13)}
    status = house.server.json("/api/timeseries/status") | {"gateway_names": names, "gateways": list(names)}
    told(page, "/api/timeseries/status", status)
    told(page, "/api/outages", {"outages": [outage("house7", 5)], "count": 1, "seconds": HOURS, "unknown_begins": 0})
    told(page, "/api/battery/health", healths(*names))
    told(
        page,
        "/api/solar/strings",
        strings_of(**{name: {"A": string(name == "house7")} for name in names}),
    )
    left_out = value_sum.DAYS_LEFT_OUT.format(count=2)
    told(page, "/api/value?*gateway=aggregate", WORTH | {"notes": [left_out]})
    page.goto(f"{house.base}/history?range=today&{NO_SIGNALS}")
    until(page, DRAWN)
    assert plain(page, "#outages-total") == "1 outage, 1 h 00 min in all"
    assert plain(page, "#outages tbody tr").startswith("Number 7 ")
    assert "€2.75" in plain(page, "#value"), "what all houses pay together is not shown"
    assert plain(page, "#value-words").endswith(left_out)
    assert page.locator("#switcher option").count() == 13
    assert plain(page, "#strings-verdict") == "Weak: Number 7 · String A"
    assert plain(page, "#health").count("· PW1") == 12 and "Number 12 · PW2" in plain(page, "#health")


def test_the_values_below_the_pointer_are_read_out(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?{day_over()}")
    until(page, DRAWN)
    page.focus("#power")
    page.keyboard.press("End")
    spoken = "document.querySelector('[data-metric=power] .unseen').textContent"
    until(page, f"/: Solar .*kW, Home .*kW, Battery .*kW, Grid .*kW, Charge .*%$/.test({spoken})")
    last = page.evaluate(spoken)
    page.keyboard.press("ArrowLeft")
    until(page, f"{spoken} !== {last!r}")
    at = page.inner_text("[data-metric=power] .legend .at")
    assert at and page.evaluate(spoken).startswith(f"{at}: "), "the eye sees another time than the ear hears"


def test_a_sum_without_a_record_of_its_own_is_the_houses_added_up(house: House, look: Look) -> None:
    """After an import of several houses there is no record of their sum, and yet each has its rows."""
    page = look(house.base).page
    fields = ",".join(f"{name},{name}_min,{name}_max" for name in ("solar", "load", "battery", "site", "soe"))
    since = int(time.time() - 7 * 24 * HOURS)
    rows = house.server.json(f"/api/history?from={since}&step=3600&fields={fields}")
    told(page, "/api/history?from=", [{name: row[name] if name == "time" else None for name in row} for row in rows])
    page.goto(f"{house.base}/history?range=30d&{NO_SIGNALS}")
    until(page, DRAWN)
    page.focus("#power")
    page.keyboard.press("End")
    spoken = "document.querySelector('[data-metric=power] .unseen').textContent"
    until(page, f"/: Solar .*kW, Home .*kW, Battery .*kW, Grid .*kW, Charge .*%$/.test({spoken})")


def test_an_outage_that_was_there_before_anybody_watched_is_no_time_with_grid(house: House, look: Look) -> None:
    page = look(house.base).page
    unseen = outage("default", 0, begin=None, end=None, duration_seconds=None, charge_begin_percent=None,
                    charge_end_percent=None, home_wh=None)  # fmt: skip
    told(page, "/api/outages", {"outages": [unseen], "count": 1, "seconds": 0, "unknown_begins": 1})
    page.goto(f"{house.base}/history?range=1d&{NO_SIGNALS}")
    until(page, DRAWN)
    assert "away already when it was first watched" in page.inner_text("#outages-total")
    (row,) = page.locator("#outages tbody tr").all_inner_texts()
    assert " ".join(row.split()) == "before it was watched –, goes on – → … –"
