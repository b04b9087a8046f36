"""Every number of the site document has a title that a person reads, and its unit."""

from __future__ import annotations

from typing import Any

import pytest

from pwserver.documents import site_documents
from pwserver.documents.explanations import leaves
from pwserver.documents.titles import TIME, UNITS, title_of, unit_of
from tests.documents.factory import powerwall3_view, recorded_view, site_of, without_reading


@pytest.mark.parametrize(
    ("path", "title", "unit"),
    [
        ("solar_watts", "Solar power", "W"),
        ("site.home_watts", "Home power", "W"),
        ("charge_percent", "Charge", "%"),
        ("units.2.remaining_wh", "Powerwall 2: Energy left", "Wh"),
        ("units_percent.0", "Charge of one Powerwall", "%"),
        ("meters.generator.watts", "Meter generator: Power", "W"),
        ("meters.other grid.a_amperes", "Meter other grid: A", "A"),
        ("strings.A1.volts", "String A1: Voltage", "V"),
        ("flows.solar_to_home_watts", "Solar to home", "W"),
        ("alerts_active.GridCodesWrite.since", "GridCodesWrite: active since", TIME),
        ("alerts_ended.a.b.ended", "a.b: ended", TIME),
        ("last_known.solar_watts", "Last known: Solar power", "W"),
        ("hours_left", "Time left", "h"),
        ("site.alerts", "Active alerts", None),
        ("connection.calls_per_minute", "Calls per minute", None),
        ("read_at", "Last reading", TIME),
    ],
)
def test_titles_are_words(path: str, title: str, unit: str | None) -> None:
    assert (title_of(path), unit_of(path)) == (title, unit)


@pytest.mark.parametrize("view", [powerwall3_view("home", 3), recorded_view(), without_reading(recorded_view())])
def test_no_title_shows_a_name_of_the_document(view: Any) -> None:
    for body in (site_documents.gateway_document(view), site_documents.site_document(site_of(view))):
        for path in leaves(body):
            if not path.startswith(("set_aside", "control", "connection", "gateways.", "cannot_read")):
                words = title_of(path).rpartition(": ")[2]
                assert words and "_" not in words, path
                assert unit_of(path) in (None, TIME, *UNITS.values())
