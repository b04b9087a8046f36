"""Clocks that are wrong: whatever they do, no completed row is lost, none is doubled, and the energies hold."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.clock_witnesses import ClockWitnesses, boot_identity, gateway_seconds, kernel_synchronised
from pwserver.history.ring_tables import read_csv
from pwserver.history.waiting_rows import ClockRecord, Span
from tests.history.support import reading
from tests.history.world import DAY, NOON, World

YEAR = 365.0 * DAY
WITH_GATEWAY = pytest.mark.parametrize("gateway", [None, 0.0], ids=["no-gateway-time", "gateway-time"])


def filled(path: Path, days: int = 12, gateway: float | None = None) -> tuple[World, list[float]]:
    """A world with so many days of history, recorded before its computer was started anew."""
    world = World(path, gateway_wrong=gateway)
    kept = lay_down(path, days)
    world.now += 60.0
    world.boot += 1.0
    world.started = world.now - 20.0
    return world, list(kept)


def lay_down(path: Path, days: int) -> list[float]:
    """Put the files of such a history where a world keeps its own; returns its days."""
    files, kept = history_of(days)
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return kept


@functools.cache
def history_of(days: int) -> tuple[dict[str, bytes], list[float]]:
    """The files of a history of so many days, recorded once for all tests that begin with one, and its days."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder)).start()
        kept = world.fill(days)
        world.stop()
        files = (path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}, kept


@WITH_GATEWAY
@pytest.mark.parametrize("behind", [400 * DAY, 57 * YEAR - 90 * DAY, 11 * DAY, 3 * 3600.0])
def test_a_clock_that_is_behind_at_the_start_takes_nothing_away(
    tmp_path: Path, behind: float, gateway: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    world, kept = filled(tmp_path, gateway=gateway)
    world.wrong = -behind
    world.start()
    before, used = world.times(), world.lifetime()
    world.poll(600.0)
    assert world.times("days")[: len(kept)] == kept
    assert set(before) <= set(world.times())
    assert len([one for one in caplog.records if "nothing is taken away" in one.message]) == 1
    world.wrong = 0.0  # NTP has come
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert set(before) <= set(world.times())
    assert not world.misplaced()
    assert len(world.times()) == len(before) + len(world.polled)
    assert world.set_aside() == []
    # The half hour and the minute from the last row of before to the first one of this run count too.
    assert world.lifetime() - used == pytest.approx((660.0 + 1860.0) / 3600.0, abs=0.01)


@pytest.mark.parametrize("days", [0, 1, 12])
@pytest.mark.parametrize("reboot", [False, True], ids=["restart", "reboot"])
@pytest.mark.parametrize("right", ["running", "restart", "reboot"])
@pytest.mark.parametrize("behind", [400 * DAY, 3 * DAY, 5 * 3600.0])
def test_a_gateway_that_follows_the_wrong_clock_takes_no_rows_along(
    tmp_path: Path, days: int, reboot: bool, right: str, behind: float
) -> None:
    """Both got their time from the same wrong source; what both had vouched for before stays where it is."""
    world = World(tmp_path, gateway_wrong=0.0)
    if days:
        lay_down(tmp_path, days)
    world.start()
    world.poll(310.0)
    before, kept = set(world.times()), world.times("days")
    world.wrong = world.gateway_wrong = -behind
    world.restart(reboot=reboot)
    world.poll(300.0)
    assert before <= set(world.times())
    world.wrong = world.gateway_wrong = 0.0
    if right != "running":
        world.restart(reboot=right == "reboot")
    world.poll(300.0)
    assert before <= set(world.times())
    assert world.times("days")[: len(kept)] == kept
    # What waited between two starts of the machine has lost its clock for good, and is kept in a file.
    assert len(world.set_aside()) == (1 if reboot and right == "reboot" else 0)
    assert max(world.times()) == pytest.approx(world.now, abs=10.0)


@WITH_GATEWAY
@pytest.mark.parametrize("kill", [False, True])
def test_a_clock_that_is_put_right_by_a_restart_joins_what_waited(
    tmp_path: Path, kill: bool, gateway: float | None
) -> None:
    world, kept = filled(tmp_path, gateway=gateway)
    world.wrong = -400 * DAY
    world.start()
    before = world.times()
    world.poll(300.0)
    world.restart(kill)
    world.poll(300.0)
    world.stop(kill, 5.0)
    world.wrong = 0.0
    world.start()
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert not world.misplaced()
    assert len(world.times()) == len(before) + len(world.polled)


def test_what_waited_is_joined_by_the_gateways_clock_when_the_machine_was_started_anew(tmp_path: Path) -> None:
    world, kept = filled(tmp_path, gateway=0.0)
    world.wrong = -400 * DAY
    world.start()
    world.poll(300.0)
    world.stop(seconds=30.0)
    world.wrong, world.boot, world.started = 0.0, world.boot + 1.0, world.now - 20.0
    world.start()
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert not world.misplaced()
    assert world.set_aside() == []


def test_what_waited_and_has_no_time_any_more_is_in_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world, kept = filled(tmp_path)
    world.wrong = -400 * DAY
    world.start()
    world.poll(300.0)
    waited = len(world.polled)
    world.stop(seconds=30.0)
    world.wrong, world.boot, world.started = 0.0, world.boot + 1.0, world.now - 20.0
    world.start()
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    (file,) = world.set_aside()
    (table,) = read_csv(file.read_text().splitlines())
    assert (len(table.times), table.columns["load"][0]) == (waited, 1000.0)
    assert file.name in caplog.text
    assert world.polled[waited:] == pytest.approx(world.times()[-12:])


@WITH_GATEWAY
def test_a_year_stays_whatever_a_clock_of_1970_says(tmp_path: Path, gateway: float | None) -> None:
    world, kept = filled(tmp_path, 365, gateway)
    world.wrong = -world.now
    world.start()
    world.poll(120.0)
    world.restart()
    world.poll(120.0)
    world.wrong = 0.0
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert not world.misplaced()


@WITH_GATEWAY
@pytest.mark.parametrize("ahead", [DAY, -DAY, 3600.0, -3600.0, 300.0, -300.0, 40 * YEAR, -30 * YEAR])
def test_a_clock_that_jumps_for_five_seconds_leaves_no_trace(
    tmp_path: Path, ahead: float, gateway: float | None
) -> None:
    world = World(tmp_path, gateway_wrong=gateway).start()
    world.poll(300.0, 1.0)
    world.wrong = ahead
    world.poll(5.0, 1.0)
    assert not world.misplaced()
    world.wrong = 0.0
    world.poll(300.0, 1.0)
    assert world.times() == pytest.approx(world.polled)
    assert world.kilowatt_hours() == pytest.approx(604.0 / 3600.0, rel=1e-6)


@WITH_GATEWAY
@pytest.mark.parametrize("wrong", [3 * YEAR, DAY, 3600.0, 600.0, -600.0, -3600.0])
@pytest.mark.parametrize("by", ["step", "restart", "kill"])
def test_a_start_with_a_wrong_clock_is_mended_when_the_clock_is(
    tmp_path: Path, wrong: float, by: str, gateway: float | None
) -> None:
    world, kept = filled(tmp_path, gateway=gateway)
    world.now += 2 * 3600.0  # so that a clock an hour behind is not behind the history
    world.started = world.now - 20.0
    world.wrong = wrong
    world.start()
    before, used = world.times(), world.lifetime()
    world.poll(900.0)
    if by == "step":
        world.wrong = 0.0
    else:
        world.stop(by == "kill", 5.0)
        world.wrong = 0.0
        world.start()
    world.poll(120.0)
    assert not world.misplaced()
    assert len(world.times()) == len(before) + len(world.polled)
    assert max(world.times()) == pytest.approx(world.now)
    assert world.times("days")[: len(kept)] == kept
    assert max(world.times("days")) <= world.now
    assert max(world.times("quarters")) <= world.now
    assert world.set_aside() == []
    assert world.lifetime() - used == pytest.approx(1020.0 / 3600.0, abs=0.01)


@WITH_GATEWAY
@pytest.mark.parametrize("step", [3600.0, -3600.0, 240.0, -240.0, 6 * 3600.0, -6 * 3600.0])
def test_energies_hold_when_the_clock_is_set_and_stays(tmp_path: Path, step: float, gateway: float | None) -> None:
    world = World(tmp_path, gateway_wrong=gateway).start()
    world.poll(3600.0)
    world.wrong = step
    world.poll(1800.0)
    assert len(world.times()) == len(world.polled)
    assert world.kilowatt_hours() == pytest.approx(1.5, abs=0.003)
    assert world.lifetime() == pytest.approx(1.5, abs=0.003)
    if gateway is not None:  # the gateway knows better
        assert not world.misplaced()
        assert world.archive.correction_seconds == pytest.approx(-step)


@pytest.mark.parametrize("kill", [False, True])
def test_a_clock_that_was_years_ahead_before_the_machine_was_started_anew(
    tmp_path: Path, kill: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world, kept = filled(tmp_path)
    world.wrong = 3 * YEAR
    world.start()
    world.poll(600.0)
    wrong = set(world.times()[-120:])
    before = [when for when in world.times() if when not in wrong]
    world.polled.clear()
    world.stop(kill, 30.0)
    world.wrong, world.boot, world.started = 0.0, world.boot + 1.0, world.now - 20.0
    world.start()
    world.poll(300.0)
    assert world.times() == pytest.approx(before + world.polled)
    assert world.times("days")[: len(kept)] == kept
    (file,) = world.set_aside()
    tables = {table.ring: table for table in read_csv(file.read_text().splitlines())}
    assert set(tables["polls"].times) == wrong
    assert file.name in caplog.text


def test_a_clock_that_lands_between_two_runs_takes_no_good_days_away(tmp_path: Path) -> None:
    world = World(tmp_path).start()
    world.fill(5)
    world.restart(seconds=14 * DAY, reboot=True)  # a holiday
    for _ in range(4):
        world.poll(DAY, 600.0)
    kept = world.times("days")
    world.stop(seconds=60.0)
    world.boot, world.started, world.wrong = world.boot + 1.0, world.now - 20.0, -10 * DAY
    world.start()
    world.poll(1200.0)
    assert world.times("days") == kept
    world.wrong = 0.0
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert not world.misplaced()
    assert world.set_aside() == []


def test_a_kernel_that_is_kept_by_ntp_settles_it_at_once(tmp_path: Path) -> None:
    world, _ = filled(tmp_path)
    world.wrong = 2 * DAY
    world.start()
    world.poll(300.0)
    world.wrong, world.synchronised = 0.0, True
    world.poll(10.0)
    assert not world.misplaced()
    assert max(world.times()) == pytest.approx(world.now)


def test_a_gateway_whose_clock_stands_still_or_is_wrong_says_nothing(tmp_path: Path) -> None:
    for number, says in enumerate((NOON - 30 * DAY, 0.0)):
        world = World(tmp_path / str(number)).start()
        world.gateway_stands_at = says
        world.poll(600.0)
        assert not world.misplaced()
        assert world.archive.correction_seconds == 0.0
    world = World(tmp_path / "wrong", gateway_wrong=-5 * YEAR).start()
    world.poll(600.0)
    world.restart(seconds=3 * DAY, reboot=True)
    world.poll(600.0)
    assert not world.misplaced()


def test_the_present_of_questions_follows_the_history(tmp_path: Path) -> None:
    world, _ = filled(tmp_path)
    world.wrong = -400 * DAY
    world.start()
    world.poll(60.0)
    assert world.clock() + world.archive.correction_seconds == pytest.approx(world.times()[-1], abs=10.0)
    world.wrong = 0.0
    world.poll(60.0)
    assert world.archive.correction_seconds == 0.0


def test_waiting_rows_are_bounded_and_kept_in_files(tmp_path: Path) -> None:
    world, kept = filled(tmp_path)
    world.wrong = -400 * DAY
    world.start()
    room = world.archive.waiting.rows
    world.poll((room + 100) * 5.0)
    (file,) = world.set_aside()
    (table,) = read_csv(file.read_text().splitlines())
    assert len(table.times) == room
    world.wrong = 0.0
    world.poll(60.0)
    assert world.times("days")[: len(kept)] == kept
    assert not [when for when in world.misplaced() if when > world.now - 100 * 5.0]


def test_nothing_but_rows_after_a_jump_is_ever_moved_to_a_file(tmp_path: Path) -> None:
    """Also when gateway and kernel stand by the wrong clock: both may have asked the same wrong router."""
    world, kept = filled(tmp_path)
    world.wrong, world.gateway_wrong, world.synchronised = -7 * DAY, -7 * DAY, True
    world.start()
    world.poll(7200.0)
    assert world.times("days")[: len(kept)] == kept
    assert world.set_aside() == []
    world.wrong = world.gateway_wrong = 0.0
    world.poll(60.0)
    assert not world.misplaced()


def killing(action: Callable[[], None], step: int) -> bool:
    """Run an action that is killed at its ``step``-th write to a ring or record; True when it came to its end."""
    from pwserver.two_copy_record import TwoCopyRecord

    class Killed(BaseException):
        pass

    left = [step]
    write = TwoCopyRecord.write

    def counted(self: TwoCopyRecord, payload: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(self, payload)

    TwoCopyRecord.write = counted  # type: ignore[method-assign]
    try:
        action()
    except Killed:
        return False
    finally:
        TwoCopyRecord.write = write  # type: ignore[method-assign]
    return True


@pytest.mark.parametrize("wrong", [3 * YEAR, 3600.0, -3600.0, -400 * DAY])
def test_a_kill_in_the_middle_of_mending_is_mended_too(tmp_path: Path, wrong: float) -> None:
    for step in range(40):
        world, kept = filled(tmp_path / str(step))
        world.now += 2 * 3600.0
        world.started = world.now - 20.0
        world.wrong = wrong
        world.start()
        before = world.times()
        world.poll(300.0)
        world.wrong, world.synchronised = 0.0, True
        done = killing(lambda world=world: world.poll(5.0), step)  # type: ignore[misc]
        world.restart(kill=True)
        world.poll(60.0)
        assert not world.misplaced(), step
        assert len(world.times()) in (len(before) + len(world.polled), len(before) + len(world.polled) + 1), step
        assert world.times("days")[: len(kept)] == kept
        if done:
            return
    raise AssertionError("never came to its end")


moves = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.integers(1, 40)),
        st.tuples(st.just("set"), st.sampled_from([-400 * DAY, -DAY, -3600.0, -90.0, 90.0, 3600.0, DAY, 3 * YEAR])),
        st.tuples(st.just("right"), st.just(0)),
        st.tuples(st.just("restart"), st.integers(0, 600)),
        st.tuples(st.just("kill"), st.integers(0, 600)),
        st.tuples(st.just("reboot"), st.integers(20, 600)),
        st.tuples(st.just("ntp"), st.booleans()),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=25, deadline=None)
@given(moves, st.sampled_from([None, 0.0, -5 * YEAR]))
def test_no_order_of_steps_restarts_and_kills_loses_a_row(
    moves: list[tuple[str, float]], gateway: float | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world, kept = filled(Path(folder), 3, gateway)
        world.start()
        old = world.times()
        taken = 0.0
        for what, amount in [*moves, ("right", 0), ("ntp", True), ("poll", 60), ("restart", 5), ("poll", 10)]:
            if what == "poll":
                world.poll(amount * 5.0)
                taken += amount * 5.0
            elif what == "set":
                world.wrong, world.synchronised = float(amount), False
            elif what == "right":
                world.wrong = 0.0
            elif what == "ntp":
                world.synchronised = bool(amount) and world.wrong == 0.0
            else:
                world.restart(what == "kill", float(amount), what == "reboot")
        assert world.times("days")[: len(kept)] == kept
        assert set(old) <= set(world.times())
        assert world.times() == sorted(set(world.times()))
        aside = [
            table
            for file in world.set_aside()
            for table in read_csv(file.read_text().splitlines())
            if table.ring in ("polls", "waiting")
        ]
        apart = sum(len(table.times) for table in aside)
        assert len(world.times()) - len(old) + apart + world.archive.waiting.count >= len(world.polled)
        # The last minutes had a clock that was right and vouched for.
        assert max(world.times()) >= world.now - 1.0
        # What flowed while something recorded is in the sums, short gaps included, but for rows put aside.
        most = 3 * 24.0 + (world.now - NOON) / 3600.0
        assert world.lifetime() <= most + 0.05
        elsewhere = apart + world.archive.waiting.count
        assert world.lifetime() >= 3 * 24.0 - 0.5 - 0.05 + (taken - elsewhere * 5.0) / 3600.0
        world.stop()


# --- witnesses -------------------------------------------------------------------------------------------------------


def test_the_kernel_is_asked_without_a_service_manager() -> None:
    assert kernel_synchronised() in (True, False)
    assert kernel_synchronised(lambda: 0.0) is False  # this process sees another time than the kernel's
    assert boot_identity() > 0.0
    assert boot_identity(Path("/nonexistent")) == 0.0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2021-10-17T07:23:34.290637169-07:00", 1634480614.290637),
        ("2021-10-17T14:23:34Z", 1634480614.0),
        ("2021-10-17T14:23:34", 1634480614.0),
        ("0001-01-01T00:00:00Z", -62135596800.0),
        ("yesterday", None),
        ("9" * 1000, None),
        (1634480614, None),
        (None, None),
    ],
)
def test_the_time_of_a_gateway_is_read(written: object, expected: float | None) -> None:
    one = reading(1.8e9, 1.0, 1.0, 1.0, 1.0, counters={"site": {"last_communication_time": written}})
    found = gateway_seconds(one)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-3))


@given(st.text(max_size=70) | st.none() | st.integers() | st.dictionaries(st.text(), st.integers()))
def test_no_time_of_a_gateway_breaks_anything(written: object) -> None:
    one = reading(1.8e9, 1.0, 1.0, 1.0, 1.0, counters={"load": {"last_communication_time": written}})
    found = gateway_seconds(one)
    assert found is None or math.isfinite(found)


def test_a_witness_must_move_with_the_steady_clock() -> None:
    now = [100.0]
    witnesses = ClockWitnesses(lambda: now[0], lambda: False)
    for _ in range(20):
        now[0] += 1.0
        witnesses.hear("alive", math.floor(1000.0 + now[0]), now[0])
        witnesses.hear("dead", 500.0, now[0])
    assert witnesses.offset_of("alive") == pytest.approx(1000.0, abs=1.0)
    assert witnesses.offset_of("dead") is None
    assert witnesses.support(1000.0) and not witnesses.support(400.0)
    assert witnesses.object(0.0) and not witnesses.object(1000.0)
    now[0] += 3600.0  # heard long ago
    assert not witnesses.support(1000.0) and not witnesses.object(0.0)


@given(st.binary(max_size=400))
def test_a_record_of_another_kind_says_nothing(payload: bytes) -> None:
    found = ClockRecord.from_bytes(payload)
    assert found == ClockRecord() or found.to_bytes() == payload or math.isnan(found.offset)


def test_a_record_comes_back_as_it_was() -> None:
    record = ClockRecord(7.0, 1.5, True, 3.0, True, [Span(1.0, 2.0, 3.0, 4.0, 5.0)], origin_at=6.0)
    record.origin.extend([1.0, 2.0])
    assert ClockRecord.from_bytes(record.to_bytes()) == record
