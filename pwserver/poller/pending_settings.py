"""Follow settings that a gateway has acknowledged and no reading has confirmed yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.state.controls import CONTROLS
from pwserver.state.operating_settings import judge_operating_settings

LONGEST_POLL_SECONDS = 120.0  # from the meters' arrival; what seems older has met a clock that was set
PATIENCE_SECONDS = 300.0  # Tesla's cloud passes some commands on late; longer than this is a no
RESERVE_SLACK_PERCENT = 1.0  # a gateway rounds on its own scale

Reader = Callable[[Reading], Any]


def _max_backup(reading: Reading) -> Json:
    if reading.backup_events is None or "error" in reading.backup_events:
        return None
    return "cancel" if not reading.backup_events.get("manual_backup") else "scheduled"


def _islanded(reading: Reading) -> Json:
    return {"UP": "on_grid", "DOWN": "off_grid"}.get(reading.grid_status or "")


# Control -> how a reading shows its setting; a control that is a member of the reading needs no row of its own.
READERS: Final[Mapping[str, Reader]] = {
    **{
        name: attrgetter(name)
        for name, control in CONTROLS.items()
        if control.reads_back and name in Reading.__dataclass_fields__  # a tariff is read, but not back as it was sent
    },
    "reserve": lambda reading: judge_operating_settings(reading).reserve_percent.value,
    "mode": lambda reading: judge_operating_settings(reading).mode.value,
    "max_backup": _max_backup,
    "islanding": _islanded,
}


class PendingSettings:
    """Holds the unconfirmed settings of one gateway. Used by its two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # setting -> (value, moment of the acknowledgement in epoch seconds and on the monotonic clock)
        self._expected: dict[str, tuple[Any, float, float]] = {}

    def expect(self, action: str, arguments: JsonMapping, now: float, tick: float) -> list[str]:
        """Wait for the settings of an acknowledged ``action`` to show. Returns their names.

        ``now``: epoch seconds, to be shown; ``tick``: the monotonic clock, which alone decides.
        """
        wanted = expected_settings(action, arguments)
        with self._lock:
            self._expected.update({name: (value, now, tick) for name, value in wanted.items()})
        return sorted(wanted)

    def seen(self, reading: Reading, now: float, tick: float) -> list[str]:
        """Forget what a new reading confirms. Returns what has waited in vain and is forgotten, too."""
        vain = []
        age = now - reading.timestamp
        taken = tick - (age if 0.0 <= age <= LONGEST_POLL_SECONDS else 0.0)
        with self._lock:
            for name, (value, _, since) in list(self._expected.items()):
                if taken > since and matches(READERS[name](reading), value):
                    del self._expected[name]
                elif tick - since > PATIENCE_SECONDS:
                    vain.append(name)
                    del self._expected[name]
        return vain

    def __bool__(self) -> bool:
        return bool(self._expected)

    def as_json(self) -> JsonObject:
        """Return setting -> what it should become, and since when (epoch seconds)."""
        with self._lock:
            return {name: {"value": value, "acknowledged": since} for name, (value, since, _) in self._expected.items()}


def expected_settings(action: str, arguments: JsonMapping) -> JsonObject:
    """Return which settings a command changes, and to what."""
    if action == "operation":
        wanted = {"reserve": arguments.get("level"), "mode": arguments.get("mode")}
        return {name: value for name, value in wanted.items() if value is not None}
    if action == "max_backup":
        return {action: "cancel" if arguments["value"] == "cancel" else "scheduled"}
    return {action: arguments["value"]} if action in READERS else {}


def matches(found: object, wanted: object) -> bool:
    """Say whether a reading shows the value."""
    if found is None:
        return False
    if isinstance(wanted, (int, float)) and not isinstance(wanted, bool):
        return isinstance(found, (int, float)) and abs(found - wanted) <= RESERVE_SLACK_PERCENT
    return bool(found == wanted)
