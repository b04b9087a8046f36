"""Pauses between the death of a child and its next start: each kind of death is counted for itself."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.deaths import FAULTS, Death, DeathKind, death_of
from pwserver.restarts import PAUSES, SETTLED_SECONDS, RestartLadder

KINDS = st.sampled_from(list(DeathKind))
LIVES = st.one_of(st.just(0.0), st.floats(0.0, 2 * SETTLED_SECONDS))
DEATHS = st.builds(lambda kind, worked: Death(kind, worked_seconds=worked), KINDS, LIVES)


def pauses(deaths: list[Death]) -> list[float]:
    ladder = RestartLadder()
    return [ladder.pause_after(death) for death in deaths]


@given(st.lists(DEATHS, max_size=60), KINDS)
def test_no_kind_of_death_changes_the_pauses_of_another(deaths: list[Death], kind: DeathKind) -> None:
    """Short lives only: a long one is a reason to forget, whatever ended it."""
    deaths = [Death(death.kind, worked_seconds=min(death.worked_seconds, SETTLED_SECONDS / 2)) for death in deaths]
    mixed = [pause for death, pause in zip(deaths, pauses(deaths), strict=True) if death.kind is kind]
    assert mixed == pauses([death for death in deaths if death.kind is kind])


@given(st.lists(DEATHS, max_size=60), KINDS)
def test_a_life_that_worked_makes_every_count_begin_anew(deaths: list[Death], kind: DeathKind) -> None:
    ladder = RestartLadder()
    for death in deaths:
        ladder.pause_after(death)
    assert ladder.pause_after(Death(kind, worked_seconds=SETTLED_SECONDS)) == PAUSES[kind][0]
    assert {other: ladder.in_a_row(other) for other in DeathKind} == {other: int(other is kind) for other in DeathKind}


@given(KINDS, st.integers(1, 100))
def test_pauses_of_a_kind_only_grow_and_end_at_their_longest(kind: DeathKind, count: int) -> None:
    seen = pauses([Death(kind)] * count)
    assert seen == sorted(seen)
    assert seen[-1] <= PAUSES[kind][-1] and (count < len(PAUSES[kind]) or seen[-1] == PAUSES[kind][-1])


@given(st.lists(DEATHS, max_size=60))
def test_whatever_came_before_a_killed_child_is_back_within_a_second(deaths: list[Death]) -> None:
    ladder = RestartLadder()
    for death in deaths:
        ladder.pause_after(death)
    assert ladder.pause_after(Death(DeathKind.KILLED)) <= 1.0


@given(st.lists(st.floats(0.0, 1.0), min_size=20, max_size=200))
def test_a_killer_in_a_loop_costs_one_start_a_second(lives: list[float]) -> None:
    """Killed as soon as it works a little: beyond the first few, the starts come no faster than one a second."""
    seen = pauses([Death(DeathKind.KILLED, worked_seconds=life) for life in lives])
    assert seen[:3] == [0.0, 0.0, 0.0]
    assert all(pause == 1.0 for pause in seen[5:])


def test_the_first_death_of_most_kinds_costs_no_pause() -> None:
    first = {kind for kind in DeathKind if PAUSES[kind][0] > 0}
    assert first == {DeathKind.NOT_FORKED}


@given(st.integers(-64, 255), LIVES, LIVES, st.booleans(), st.booleans())
def test_every_end_is_one_death(code: int, lived: float, worked: float, hung: bool, out_of_memory: bool) -> None:
    death = death_of(code, lived, worked, hung=hung, out_of_memory=out_of_memory)
    assert (death.signal_number is None) == (code >= 0) and (death.status is None) == (code < 0)
    assert 0 <= death.worked_seconds <= death.lived_seconds
    assert str(death)
    if code < 0:
        assert (death.kind is DeathKind.CRASHED) == (-code in FAULTS)
        assert death.kind not in (DeathKind.FAILED, DeathKind.FAILED_AT_START, DeathKind.NOT_FORKED)
    if death.kind in (DeathKind.HUNG, DeathKind.OUT_OF_MEMORY):
        assert code == -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "worked", "known", "kind", "told"),
    [
        (-signal.SIGKILL, 3.0, {}, DeathKind.KILLED, "was killed from outside by SIGKILL"),
        (-signal.SIGKILL, 0.0, {}, DeathKind.KILLED, "was killed from outside by SIGKILL"),
        (-signal.SIGKILL, 3.0, {"hung": True}, DeathKind.HUNG, "gave no sign of life and was killed"),
        (
            -signal.SIGKILL,
            3.0,
            {"out_of_memory": True},
            DeathKind.OUT_OF_MEMORY,
            "was killed by the kernel because memory ran out",
        ),
        (-signal.SIGTERM, 0.0, {}, DeathKind.KILLED, "was killed from outside by SIGTERM"),
        (-signal.SIGTERM, 0.0, {"out_of_memory": True}, DeathKind.KILLED, "was killed from outside by SIGTERM"),
        (-40, 0.0, {}, DeathKind.KILLED, "was killed from outside by signal 40"),
        (-signal.SIGBUS, 0.0, {}, DeathKind.CRASHED, "crashed with SIGBUS"),
        (-signal.SIGSEGV, 3.0, {"hung": True}, DeathKind.CRASHED, "crashed with SIGSEGV"),
        (0, 3.0, {}, DeathKind.KILLED, "ended as if it had been asked to"),
        (1, 0.0, {}, DeathKind.FAILED_AT_START, "ended with status 1 before it worked"),
        (1, 0.5, {}, DeathKind.FAILED, "ended with status 1"),
    ],
)
def test_the_kind_of_a_death(code: int, worked: float, known: dict[str, bool], kind: DeathKind, told: str) -> None:
    death = death_of(code, 4.0, worked, **known)
    assert (death.kind, str(death)) == (kind, told)
