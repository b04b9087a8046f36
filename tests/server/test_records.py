"""Our dataclasses compare, hash and show themselves as those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field

import pytest

from pwserver.records import record


@record(frozen=True, slots=True)
class Ours:
    first: int
    second: list[int] = field(default_factory=list, compare=False)
    third: str = field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    first: int
    second: list[int] = field(default_factory=list, compare=False)
    third: str = field(default="", repr=False)


@record(slots=True)
class Changing:
    only: int


@record(frozen=True, slots=True)
class Empty:
    pass


@record(frozen=True)
class WithItsOwn:
    first: int

    def __repr__(self) -> str:
        return "shown"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


def test_it_is_made_and_shown_as_the_standard_library_does_it() -> None:
    ours, theirs = Ours(1, [2], "secret"), Theirs(1, [2], "secret")
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours") == "Ours(first=1, second=[2])"
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert not hasattr(ours, "__dict__") and Ours.__match_args__ == Theirs.__match_args__
    with pytest.raises(TypeError, match="first"):
        Ours()  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_equal_is_what_has_equal_compared_members(kind: type[Ours]) -> None:
    one = kind(1, [2], "a")
    for other in (kind(1, [3], "a"), copy.copy(one), pickle.loads(pickle.dumps(one)), dataclasses.replace(one)):
        assert one == other and hash(one) == hash(other)
    assert one != kind(1, [2], "b") and one != kind(2, [2], "a")
    assert one != (1, "a") and Ours(1) != Theirs(1)


def test_what_can_change_has_no_hash() -> None:
    assert Changing(1) == Changing(1) != Changing(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing(1))


def test_without_members_all_are_equal() -> None:
    assert Empty() == Empty() and len({Empty(), Empty()}) == 1


def test_what_a_class_defines_itself_stays() -> None:
    one, other = WithItsOwn(1), WithItsOwn(2)
    assert (repr(one), one == other, hash(one)) == ("shown", True, 7)
