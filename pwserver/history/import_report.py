"""Count what an import brought and what of it was not taken, and say it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from pwserver.history.incoming import Series
from pwserver.records import record

_MOST_NAMED = 5


@record(slots=True)
class ImportReport:
    """Counts what an import brought to one gateway, and what of it was not taken."""

    added: dict[str, int] = field(default_factory=dict)  # rows by ring
    completed_days: int = 0  # days that had a row, which now covers more
    kept_days: int = 0  # days whose own row covers as much or more
    polls_too_old: int = 0  # summed up, but older than single polls are kept
    polls_known: int = 0  # there was a poll of that time
    refused: int = 0  # rows of a time that no row can have
    later_than_now: int = 0  # rows of the future
    impossible: int = 0  # rows of powers or energies that no house has
    signals_without_room: set[Series] = field(default_factory=set)

    @property
    def changes(self) -> bool:
        """Say whether anything is to be written."""
        return bool(self.completed_days or any(self.added.values()))

    def lines(self) -> list[str]:
        """Return a line for each thing that is to be said, to be written behind the gateway's id."""
        found = [f"/{name}: {count} rows added" for name, count in sorted(self.added.items()) if count]
        for count, what in (
            (self.completed_days, "days that were known in part are complete now"),
            (self.kept_days, "days stay as they are: what is here covers as much or more"),
            (self.polls_known, "polls were known already"),
            (self.polls_too_old, "polls are older than single polls are kept (PW_TIMESERIES_RETENTION): summed up"),
            (self.refused, "rows have a time that cannot be; they were not taken"),
            (self.impossible, "rows hold powers or energies that no house has; they were not taken"),
            (self.later_than_now, "rows lie in the future; they were not taken. Is the clock of this machine right?"),
        ):
            if count:
                found.append(f": {count} {what}")
        if self.signals_without_room:
            some = sorted(f"{metric} of {device}" for device, metric in self.signals_without_room)
            more = f" and {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
            found.append(f": no room for {', '.join(some[:_MOST_NAMED])}{more} (PW_HISTORY_MAX_SIGNALS); not taken")
        return found


def check_names(names: Mapping[str, str], there: Collection[str]) -> None:
    """Raise ValueError where an id that is to be taken for another one is not among those of the imported file."""
    for old, new in names.items():
        if old not in there:
            held = f"it holds {', '.join(sorted(there)[:_MOST_NAMED])}" if there else "it holds none"
            raise ValueError(f"--as {old}={new}: there is no gateway {old} in the file; {held}")


def not_configured(gateway: str, rows: int, known: Sequence[str]) -> str:
    """Say that rows belong to a gateway that this server does not have, and how to take them."""
    new = known[0] if len(known) == 1 else "ID"
    there = f"gateways here: {', '.join(known)}" if known else "no gateway is configured here"
    return (
        f"{gateway}: {rows} rows were not taken, no gateway of this name is configured ({there}); "
        f"pwserver history import --as {gateway}={new} takes them for one of another name"
    )
