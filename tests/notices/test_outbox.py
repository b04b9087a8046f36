"""What waits, what is summed up, and what is given up: nothing is dropped without a word, nothing comes as a burst."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import ujson
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.config.daily_hours import DailyHoursKind, daily_hours
from pwserver.config.raw_text import BadValue
from pwserver.notices.notice import Notice
from pwserver.notices.outbox import MOST_WAITING, OLDEST_SECONDS, Outbox
from pwserver.notices.outbox_file import FILE_NAME, OutboxFile
from pwserver.notices.quiet_hours import held_back

NOW = 1_782_900_000.0
LEAVES = st.none() | st.integers() | st.text(max_size=5) | st.floats()
BERLIN = ZoneInfo("Europe/Berlin")


def notice(number: int = 1, rule: str = "grid", gateway: str = "home") -> Notice:
    return Notice(gateway, rule, f"Title {number}", f"text {number}", NOW)


def never(one: Notice) -> bool:
    return False


def always(one: Notice) -> bool:
    return True


def test_each_notice_is_a_message_while_there_is_room() -> None:
    outbox = Outbox()
    made = outbox.take([notice(1), notice(2)], NOW, never, ["a", "b"], 10)
    assert [(one.number, one.title, one.targets) for one in made] == [
        (1, "Title 1", {"a": False, "b": False}), (2, "Title 2", {"a": False, "b": False}),
    ]  # fmt: skip
    outbox.done(1, "a")
    assert outbox.next_for("a") is made[1] and outbox.next_for("b") is made[0] and outbox.settled == 1
    outbox.done(1, "b")
    assert outbox.settled == 2 and outbox.messages == [made[1]]


def test_the_last_message_of_an_hour_takes_all_that_are_left() -> None:
    outbox = Outbox()
    made = outbox.take([notice(number) for number in range(5)], NOW, never, ["a"], 3)
    assert [one.title for one in made] == ["Title 0", "Title 1", "3 notices"]
    assert made[2].body == "Title 2: text 2\nTitle 3: text 3\nTitle 4: text 4"
    assert not outbox.take([notice(7), notice(8)], NOW + 1800, never, ["a"], 3)
    assert not outbox.take([], NOW + 3599, never, ["a"], 3)
    (later,) = outbox.take([], NOW + 3600, never, ["a"], 3)
    assert later.body == "Title 7: text 7\nTitle 8: text 8"


def test_what_has_waited_for_quiet_hours_comes_in_one_message() -> None:
    outbox = Outbox()
    assert not outbox.take([notice(1)], NOW, always, ["a"], 10)
    assert not outbox.take([notice(2)], NOW, always, ["a"], 10)
    held, fresh = outbox.take([notice(3)], NOW, never, ["a"], 10)
    assert (held.title, held.body, fresh.title) == ("2 notices", "Title 1: text 1\nTitle 2: text 2", "Title 3")
    assert not outbox.waiting


def test_more_than_has_room_is_counted_and_told() -> None:
    outbox = Outbox()
    outbox.wait([notice(number) for number in range(MOST_WAITING + 7)])
    (one,) = outbox.take([], NOW, never, ["a"], 10)
    assert one.title == f"{MOST_WAITING + 7} notices" and one.body.endswith(f"… and {MOST_WAITING + 7 - 10} more")
    assert outbox.left_out == 0


def test_what_is_too_old_or_goes_to_nobody_is_given_up() -> None:
    outbox = Outbox()
    outbox.take([notice()], NOW, never, ["a", "gone"], 10)
    assert outbox.give_up(NOW + 1, ["a"]) == [(1, "gone")]
    assert outbox.give_up(NOW + OLDEST_SECONDS, ["a"]) == []
    assert outbox.give_up(NOW + OLDEST_SECONDS + 1, ["a"]) == [(1, "a")] and not outbox.messages


@given(
    st.lists(st.tuples(st.floats(0, 4000), st.integers(0, 6), st.booleans()), max_size=30),
    st.integers(1, 4),
)
def test_no_hour_has_more_messages_than_allowed_and_nothing_is_lost(
    steps: list[tuple[float, int, bool]], most: int
) -> None:
    outbox, now, number, times, told = Outbox(), NOW, 0, [], ""
    for pause, count, quiet in [*steps, (4000.0, 0, False)]:
        now += pause
        fresh = [notice(number + place) for place in range(count)]
        number += count
        made = outbox.take(fresh, now, always if quiet else never, ["a"], most)
        outbox = Outbox.from_json(ujson.loads(ujson.dumps(outbox.to_json())))  # killed after each step
        times += [now] * len(made)
        told += "".join(f"\n{one.title}\n{one.body}\n" for one in made)
        for one in made:
            outbox.done(one.number, "a")
    assert all(sum(0.0 <= at - first < 3600.0 for at in times) <= most for first in times)
    assert not outbox.waiting
    for place in range(number):
        assert told.count(f"text {place}\n") <= 1
    if number <= 10:  # more do not get a line each
        assert all(told.count(f"text {place}\n") == 1 for place in range(number))


def test_quiet_hours_follow_the_wall_clock_over_both_clock_changes() -> None:
    hours = daily_hours("22:00-07:00")
    for day in ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2026-07-01"):
        for clock, quiet in (("21:59", False), ("22:00", True), ("02:30", True), ("06:59", True), ("07:00", False)):
            at = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=BERLIN).timestamp()
            judge = held_back(hours, ("backup",), {"home": BERLIN}, at)
            assert judge(notice()) is quiet, (day, clock)
            assert not judge(notice(rule="backup")), "urgent"
    noon = datetime(2026, 7, 1, 12, tzinfo=BERLIN).timestamp()
    assert held_back(daily_hours("9:00-17:00"), (), {"home": BERLIN}, noon)(notice())
    assert not held_back(None, (), {}, noon)(notice())


@pytest.mark.parametrize("text", ["22:00", "22-7", "24:00-07:00", "22:00-22:00", "22:60-07:00", "a", "-1:00-2:00"])
def test_other_hours_are_refused(text: str) -> None:
    with pytest.raises(BadValue):
        DailyHoursKind().parse(text)


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_hours_are_written_as_they_are_read(begin: int, end: int) -> None:
    text = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    if begin != end:
        assert DailyHoursKind().parse(text) == text


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path)
    outbox = Outbox()
    outbox.take([notice(1), notice(2, "alert")], NOW, held_back(None, (), {}, NOW), ["a"], 10)
    outbox.wait([notice(3)])
    file.save(outbox)
    assert OutboxFile(tmp_path).load() == outbox
    (tmp_path / FILE_NAME).write_bytes(b'{"next_number": 7')
    assert OutboxFile(tmp_path).load() == Outbox()
    assert (tmp_path / f"{FILE_NAME}.damaged").read_bytes() == b'{"next_number": 7'


def test_a_folder_that_cannot_be_used_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    file = OutboxFile(tmp_path / "file" / "folder")
    file.save(Outbox(next_number=7))
    assert file.journal is None and file.load() == Outbox() and "are lost when the server ends" in caplog.text


@settings(max_examples=30)
@given(
    st.recursive(LEAVES, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=5), one, max_size=4))
)
def test_a_kept_outbox_can_be_anything(kept: object) -> None:
    names = ("next_number", "memories", "waiting", "left_out", "messages", "made")
    for told in (kept, dict.fromkeys(names, kept), {name: [kept] for name in names}):
        Outbox.from_json(told).to_json()
