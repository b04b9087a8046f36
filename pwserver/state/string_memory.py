"""Remember solar strings from poll to poll: which ones ever produced, and how long others were dark. Bounded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.fact import finite

MOST_STRINGS: Final = 128
MOST_BYTES: Final = 64  # of a name; the library's names have two letters
LONGEST_STEP_SECONDS: Final = 600.0  # a longer pause does not count as dark, as it is not known what happened in it
UNUSED_SECONDS: Final = 3600.0  # a string that was dark this long in all, while others produced, is unused


@record(slots=True)
class StringMemory:
    """Remembers the strings of one gateway. A string that ever produced stays in ``produced``, and is never unused."""

    produced: dict[str, None] = field(default_factory=dict)
    dark_seconds: dict[str, float] = field(default_factory=dict)
    last: float | None = None  # epoch seconds of the reading before

    def note(self, producing: Collection[str], dark: Collection[str], at: float) -> None:
        """Note one reading. ``dark``: the strings without voltage while another one clearly produced."""
        passed = at - self.last if self.last is not None else 0.0
        step = passed if 0.0 <= passed <= LONGEST_STEP_SECONDS else 0.0
        self.last = at
        for name in producing:
            if len(name) <= MOST_BYTES and len(self.produced) < MOST_STRINGS:
                self.produced[name] = None
            self.dark_seconds.pop(name, None)
        for name in dark:
            known = name in self.dark_seconds or len(self.dark_seconds) < MOST_STRINGS
            if known and name not in self.produced and len(name) <= MOST_BYTES:
                self.dark_seconds[name] = min(self.dark_seconds.get(name, 0.0) + step, UNUSED_SECONDS)

    def unused(self, name: str) -> bool:
        """Return whether a string never produced although others did for long enough."""
        return name not in self.produced and self.dark_seconds.get(name, 0.0) >= UNUSED_SECONDS

    def to_json(self) -> JsonObject:
        """Return everything as plain JSON, to be kept with the history."""
        return {"produced": list(self.produced), "dark_seconds": self.dark_seconds, "last": self.last}

    @classmethod
    def from_json(cls, kept: object) -> StringMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        members = kept if isinstance(kept, Mapping) else {}
        produced, dark = members.get("produced"), members.get("dark_seconds")
        memory = cls(last=finite(members.get("last")))
        for name in produced[:MOST_STRINGS] if isinstance(produced, list) else ():
            if isinstance(name, str) and len(name) <= MOST_BYTES:
                memory.produced[name] = None
        for name, told in list(dark.items())[:MOST_STRINGS] if isinstance(dark, Mapping) else ():
            seconds = finite(told)
            if seconds is not None and len(name) <= MOST_BYTES and name not in memory.produced:
                memory.dark_seconds[name] = min(max(0.0, seconds), UNUSED_SECONDS)
        return memory
