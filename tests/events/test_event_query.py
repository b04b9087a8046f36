"""Questions to the events: windows, kinds, houses, pages, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.events.event import Event
from pwserver.events.event_query import read_cursor, write_cursor
from pwserver.history.event_route import events
from pwserver.history.history_answer import Histories
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.store import HistoryStore

NOW = 1_790_000_000.0
NAMES = ("home", "cabin: am See, 2")


def world(*happened: tuple[int, float, str]) -> Histories:
    """Two houses, to which these things happened: number of the house, seconds before now, kind."""
    gateways = [HistoryGateway(name, name) for name in NAMES]
    gateways.append(HistoryGateway("aggregate", "All gateways", virtual=True))
    store = HistoryStore.in_memory([plan(HistorySettings(), gateway) for gateway in gateways])
    for house, ago, kind in happened:
        name = NAMES[house]
        store.events[name].commit([Event(name, kind, NOW - ago, {"charge_percent": ago, "exact": True})], b"")
    return Histories(HistorySettings(), gateways, store.archives, "home", events=store.events)


def ask(histories: Histories, status: int = 200, /, **arguments: str) -> Any:
    given = {name.rstrip("_"): value for name, value in arguments.items()}
    answer = events(histories, given, NOW)
    assert answer.status == status, answer
    return answer.body.decode() if given.get("format") == "csv" and status == 200 else json.loads(answer.body)


def ages(answer: Mapping[str, Any]) -> list[float]:
    return [NOW - event["timestamp"] for event in answer["events"]]


BOTH = world(
    (0, 90, "grid_down"), (1, 80, "grid_down"), (0, 70, "grid_up"), (1, 60, "mode_changed"), (0, 50, "alert_begun")
)


def test_all_houses_are_merged_by_time_the_newest_first() -> None:
    answer = ask(BOTH)
    assert ages(answer) == [50, 60, 70, 80, 90] and answer["count"] == 5 and answer["next"] is None
    assert answer["events"][0] == {
        "gateway": "home",
        "sequence": 3,
        "time": "2026-09-21T14:12:30Z",
        "timestamp": NOW - 50,
        "kind": "alert_begun",
        "title": "Alert begun",
        "details": {"charge_percent": 50.0, "exact": True},
    }
    assert ages(ask(BOTH, order="asc")) == [90, 80, 70, 60, 50]
    assert ages(ask(BOTH, gateway="aggregate")) == [50, 60, 70, 80, 90]


def test_a_window_is_half_open() -> None:
    assert ages(ask(BOTH, from_=str(NOW - 90), to=str(NOW - 60))) == [70, 80, 90]
    assert ages(ask(BOTH, from_="now-60s", to="now")) == [50, 60]


def test_kinds_and_one_house_are_chosen() -> None:
    assert ages(ask(BOTH, kind="grid_down,grid_up")) == [70, 80, 90]
    assert ages(ask(BOTH, kind="grid_down", gateway=NAMES[1])) == [80]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.sampled_from(["grid_up", "grid_down"])), max_size=12),
    st.integers(1, 4),
    st.sampled_from(["asc", "desc"]),
    st.sampled_from(["", "grid_up"]),
    st.sampled_from(["", *NAMES]),
)
def test_pages_hold_each_event_once(
    happened: list[tuple[int, int, str]], limit: int, order: str, kind: str, gateway: str
) -> None:
    """Also where two events have one time, and where a clock went back."""
    histories = world(*[(house, float(ago), name) for house, ago, name in happened])
    asked = {"order": order, "kind": kind, "gateway": gateway}
    whole = [(one["gateway"], one["sequence"]) for one in ask(histories, **asked)["events"]]
    paged: list[tuple[str, int]] = []
    cursor = ""
    for _ in range(len(happened) + 2):
        answer = ask(histories, limit=str(limit), cursor=cursor, **asked)
        paged += [(one["gateway"], one["sequence"]) for one in answer["events"]]
        cursor = answer["next"]
        if not answer["events"] or cursor is None:
            break
    assert sorted(paged) == sorted(whole) and len(set(paged)) == len(paged)
    for name in NAMES:
        mine = [number for house, number in paged if house == name]
        assert mine == sorted(mine, reverse=order == "desc")


def test_a_client_follows_what_happens_later() -> None:
    histories = world((0, 50, "grid_down"))
    first = ask(histories, order="asc")
    assert ask(histories, order="asc", cursor=first["next"])["events"] == []
    histories.events[NAMES[1]].commit([Event(NAMES[1], "grid_up", NOW - 40, {})], b"")
    histories.events["home"].commit([Event("home", "grid_up", NOW - 40, {})], b"")
    later = ask(histories, order="asc", cursor=first["next"])
    assert [(one["gateway"], one["sequence"]) for one in later["events"]] == [("home", 2), (NAMES[1], 1)]
    alone = ask(histories, order="asc", gateway="home", limit="1")
    assert alone["next"] == "1", "for one house the cursor is the sequence number"


def test_an_answer_is_not_sent_twice() -> None:
    tag = events(BOTH, {}, NOW).etag
    assert events(BOTH, {}, NOW + 60.0, tag).status == 304
    assert events(BOTH, {"kind": "grid_up"}, NOW, tag).status == 200


def test_csv_has_a_column_for_every_member() -> None:
    rows = list(csv.DictReader(io.StringIO(ask(BOTH, format="csv", kind="grid_down"))))
    assert [(row["gateway"], row["charge_percent"], row["exact"], row["home_wh"]) for row in rows] == [
        (NAMES[1], "80", "true", ""),
        ("home", "90", "true", ""),
    ]
    assert rows[0]["time"] == "2026-09-21T14:12:00Z" and float(rows[0]["timestamp"]) == NOW - 80


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "grid_down,nonsense"),
        ("order", "up"),
        ("limit", "0"),
        ("limit", "5001"),
        ("limit", "many"),
        ("from", "yesterday"),
        ("to", "1e400"),
        ("format", "xml"),
        ("cursor", "7"),
        ("cursor", "elsewhere:7"),
        ("cursor", "home:-1"),
        ("cursor", "home:" + "9" * 40),
        ("cursor", "home"),
    ],
)
def test_what_is_not_allowed_is_named(name: str, value: str) -> None:
    (problem,) = ask(BOTH, 422, **{name: value})["detail"]
    assert problem["loc"] == ["query", name] and problem["input"] == value and problem["msg"]


def test_a_window_that_ends_before_it_begins_and_an_unknown_house_are_refused() -> None:
    assert ask(BOTH, 422, from_="now", to="now-1h")["detail"][0]["loc"] == ["query", "from"]
    assert "nowhere" in ask(BOTH, 404, gateway="nowhere")["detail"]


@given(st.dictionaries(st.text(min_size=1, max_size=6), st.integers(0, 10**17), min_size=1, max_size=4))
def test_cursors_come_back_as_they_were(places: dict[str, int]) -> None:
    assert read_cursor(write_cursor(places), list(places)) == places
