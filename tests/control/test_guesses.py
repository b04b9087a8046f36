"""Addresses, the wait after wrong tokens across workers, other sites' pages, and what confirms a setting."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config.server_settings import WebSettings
from pwserver.poller.pending_settings import PATIENCE_SECONDS, PendingSettings
from pwserver.reading import Reading
from pwserver.web import guess_limit
from pwserver.web.address_table import SETS, WAYS, AddressTable, Note
from pwserver.web.auth import from_elsewhere
from pwserver.web.client_address import client_address, group, networks
from pwserver.web.guess_limit import GuessLimit
from pwserver.web.own_names import OwnNames
from pwserver.web.shared_regions import NAMES_BYTES

WORKERS = 3


def table(workers: int = WORKERS) -> AddressTable:
    return AddressTable(memoryview(bytearray(AddressTable.size(workers))), workers)


class Clock:
    """time.monotonic, moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(guess_limit, "time", found)
    return found


@pytest.mark.parametrize("workers", [1, 2, WORKERS, 5])
def test_a_reload_remembers_whatever_the_number_of_workers(clock: Clock, workers: int) -> None:
    before = table()
    limit = GuessLimit(before, attempts=3, longest_seconds=60)
    for number in range(5):
        limit.failed(number % WORKERS, "192.0.2.1")
    limit.failed(0, "192.0.2.2")
    for number in range(4):
        limit.failed(number % WORKERS, "192.0.2.3")
    limit.succeeded(1, "192.0.2.3")
    waits = limit.wait_seconds("192.0.2.1")
    after = table(workers)
    after.inherit(before)
    again = GuessLimit(after, attempts=3, longest_seconds=60)
    assert again.wait_seconds("192.0.2.1") == waits > 0
    assert again.wait_seconds("192.0.2.2") == again.wait_seconds("192.0.2.3") == again.wait_seconds("192.0.2.9") == 0
    clock.now += waits
    again.failed(0, "192.0.2.1")
    assert again.wait_seconds("192.0.2.1") > waits


def test_the_wait_doubles_whichever_worker_is_asked(clock: Clock) -> None:
    limit = GuessLimit(table(), attempts=3, longest_seconds=20)
    waits = []
    for number in range(12):
        waits.append(limit.wait_seconds("192.0.2.1"))
        clock.now += waits[-1]
        assert limit.wait_seconds("192.0.2.1") == 0
        limit.failed(number % WORKERS, "192.0.2.1")
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 20, 20, 20, 20]
    assert limit.wait_seconds("192.0.2.2") == 0


def test_a_right_token_wipes_the_slate_in_all_workers(clock: Clock) -> None:
    limit = GuessLimit(table(), attempts=3, longest_seconds=20)
    for number in range(6):
        limit.failed(number % WORKERS, "192.0.2.1")
    assert limit.wait_seconds("192.0.2.1") == 8
    clock.now += 8
    limit.succeeded(1, "192.0.2.1")
    clock.now += 1
    for number in range(2):
        limit.failed(number, "192.0.2.1")
    assert limit.wait_seconds("192.0.2.1") == 0
    limit.failed(2, "192.0.2.1")
    assert limit.wait_seconds("192.0.2.1") == 1


def test_old_failures_are_forgotten(clock: Clock) -> None:
    limit = GuessLimit(table(), attempts=3, longest_seconds=20)
    for number in range(9):
        limit.failed(number % WORKERS, "192.0.2.1")
    clock.now += 901
    assert limit.wait_seconds("192.0.2.1") == 0
    limit.failed(0, "192.0.2.1")
    assert limit.wait_seconds("192.0.2.1") == 0


@given(st.lists(st.tuples(st.integers(0, WORKERS - 1), st.integers(0, 9)), max_size=200))
def test_each_worker_writes_its_own(writes: list[tuple[int, int]]) -> None:
    found, wanted = table(), dict[tuple[int, int], float]()
    for worker, number in writes:
        wanted[worker, number] = wanted.get((worker, number), 0.0) + 1.0
        found.write(worker, f"10.0.0.{number}", Note(wanted[worker, number], 1.0))
    for number in range(10):
        assert sum(note.first for note in found.notes(f"10.0.0.{number}")) == sum(
            count for (_, named), count in wanted.items() if named == number
        )
    found.clear(0)
    assert found.own(0, "10.0.0.1") == Note()
    assert found.own(1, "10.0.0.1").first == wanted.get((1, 1), 0.0)


def test_a_flood_of_addresses_stays_in_its_place() -> None:
    found = table(1)
    for number in range(5 * SETS * WAYS):
        found.write(0, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", Note(1.0, float(number)))
    last = 5 * SETS * WAYS - 1
    assert found.own(0, f"10.{last >> 16}.{last >> 8 & 255}.{last & 255}").second == last


def test_one_house_is_one_client() -> None:
    assert group("2001:db8:1:2:3::4") == group("2001:db8:1:2:ffff::1") != group("2001:db8:1:3::1")
    assert group("::ffff:192.0.2.1") == group("192.0.2.1") == "192.0.2.1"
    assert group("fe80::1%eth0") == "fe80::/64" and group("") == ""


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("192.0.2.9", "10.0.0.1", "192.0.2.9"),
        ("10.1.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.1.0.1", "203.0.113.5, 192.0.2.7", "192.0.2.7"),
        ("10.1.0.1", "203.0.113.5, 192.0.2.7, 10.1.0.2", "192.0.2.7"),
        ("10.1.0.1", "", "10.1.0.1"),
        ("10.1.0.1", "nonsense", "10.1.0.1"),
        ("10.1.0.1", "10.1.0.3, 10.1.0.2", "10.1.0.3"),
        ("::ffff:10.1.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_whose_address_counts(peer: str, forwarded: str, who: str) -> None:
    assert client_address(peer, forwarded, networks(("10.1.0.0/16", "::1"))) == who


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://home:1"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "nonsense"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "https://listed.example"}, False),
        ({"origin": "http://home:8675", "host": "home:8675"}, False),
        ({"origin": "https://HOME:8675", "host": "home:8675"}, False),
        ({"origin": "http://home:8676", "host": "home:8675"}, True),
        ({"origin": "null", "host": "null"}, True),
        ({"origin": "", "host": ""}, True),
        ({"origin": "file://", "host": ""}, True),
    ],
)
def test_pages_from_elsewhere(headers: dict[str, str], elsewhere: bool) -> None:
    request: Any = SimpleNamespace(headers=headers, ip="192.0.2.1")
    names = OwnNames(WebSettings(), memoryview(bytearray(NAMES_BYTES)))
    assert from_elsewhere(request, ("https://listed.example",), names) is elsewhere


READING = Reading.partial(
    "home", 2000.0, {}, mode="backup", operation={"real_mode": "backup", "backup_reserve_percent": 43.0}
)


@pytest.mark.parametrize(
    ("action", "arguments", "confirmed", "not_yet"),
    [
        ("operation", {"level": 40}, {}, {"operation": {"backup_reserve_percent": 24.0}}),
        ("operation", {"mode": "backup"}, {}, {"operation": {}, "mode": "autonomous"}),
        ("grid_charging", {"value": False}, {"grid_charging": False}, {"grid_charging": None}),
        ("grid_export", {"value": "never"}, {"grid_export": "never"}, {"grid_export": "pv_only"}),
        ("islanding", {"value": "off_grid"}, {"grid_status": "DOWN"}, {"grid_status": "UP"}),
        (
            "max_backup",
            {"value": 60},
            {"backup_events": {"manual_backup": {"active": True}}},
            {"backup_events": {"manual_backup": None}},
        ),
        ("max_backup", {"value": "cancel"}, {"backup_events": {"manual_backup": None}}, {"backup_events": None}),
    ],
)
def test_what_confirms_a_setting(
    action: str, arguments: dict[str, Any], confirmed: dict[str, Any], not_yet: dict[str, Any]
) -> None:
    pending = PendingSettings()
    assert pending.expect(action, arguments, 1999.0, 99.0) and pending
    before = replace(READING, **confirmed, timestamp=1998.0)
    assert pending.seen(before, 2000.0, 100.0) == [], "read before it was written"
    assert pending.seen(replace(READING, **not_yet), 2000.0, 100.0) == [] and pending
    (entry,) = pending.as_json().values()
    assert entry["acknowledged"] == 1999.0
    assert pending.seen(replace(READING, **confirmed), 2000.0, 100.0) == [] and not pending


def test_what_never_shows_is_given_up() -> None:
    pending = PendingSettings()
    pending.expect("grid_export", {"value": "never"}, 1999.0, 99.0)
    assert pending.seen(READING, 1999.0, 99.0 + PATIENCE_SECONDS + 1) == ["grid_export"] and not pending


@pytest.mark.parametrize("step", [-3e7, -3600.0, 3600.0, 3e7])
def test_a_clock_that_is_set_meanwhile_confirms_and_gives_up_nothing(step: float) -> None:
    pending = PendingSettings()
    pending.expect("grid_export", {"value": "never"}, 1999.0 + 4e8, 99.0)
    other = replace(READING, timestamp=2004.0 + 4e8 + step, grid_export="battery_ok")
    assert pending.seen(other, other.timestamp + 0.5, 105.0) == [] and pending
    assert pending.seen(replace(other, grid_export="never"), other.timestamp + 0.5, 110.0) == [] and not pending


def test_a_dispatch_leaves_nothing_to_confirm() -> None:
    assert PendingSettings().expect("dispatch", {"power_watts": 1, "duration_seconds": 1}, 0.0, 0.0) == []
