"""Carry out ``pwserver history fill``: fill gaps from Tesla's own history, while no server runs."""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from pwserver.history.archive import Archive
from pwserver.history.cloud_points import CloudDay, NotBelieved
from pwserver.history.fill_memory import FillMemory
from pwserver.history.gap_filler import fill, filled_rows
from pwserver.history.gap_finder import DayGaps, find_gaps, window_of_gaps
from pwserver.history.gap_questions import CloudSource, NotAnswered, ask_day
from pwserver.history.history_parameters import parse_duration
from pwserver.history.import_journal import settle
from pwserver.history.layout import GatewayLayout
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore

# Tesla's strictest published bound is a question in five minutes for each site, of an old price list; programs that ask
# once a second are not refused. A year takes 730 questions, an hour at this pace.
PAUSE_SECONDS: Final = 5.0
MOST_PAUSE_SECONDS: Final = 3600.0
MOST_DAYS: Final = 400  # of one run, oldest first
DAYS_AT_ONCE: Final = 31  # are written together, for rings are written whole


class ClosableSource(CloudSource, Protocol):
    """Asks over a connection of its own."""

    def close(self) -> None:
        """Close the connection."""
        ...


Opener = Callable[[], ClosableSource]


def add_parser(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the command."""
    parser = actions.add_parser(
        "fill",
        help="fill gaps from Tesla's own history, in cloud and FleetAPI modes; the server must not run",
        description="Fills quarter hours of which nothing is known, between the first and the newest poll.",
    )
    parser.add_argument("--gateway", help="one gateway's gaps only")
    parser.add_argument("--from", dest="start", metavar="TIME", help="default: the first row that there is")
    parser.add_argument("--to", dest="end", metavar="TIME", help="default: an hour ago")
    parser.add_argument("--dry-run", action="store_true", help="ask Tesla and say what would be filled; write nothing")
    pause = f"{PAUSE_SECONDS:g}s"
    parser.add_argument("--pause", default=pause, metavar="DURATION", help=f"between two questions (default: {pause})")


def run_fill(
    options: argparse.Namespace,
    moments: tuple[float, float],
    path: Path,
    layouts: Mapping[str, GatewayLayout],
    sources: Mapping[str, Opener],
    errors: TextIO,
) -> int:
    """Fill the gaps of all gateways that Tesla's servers know, or of one; returns the exit status.

    ``moments``: the window that was asked for, infinite where it was not. ``sources``: how to reach Tesla's servers, by
    the id of each gateway that is polled over them. Raises HistoryLocked while a server runs, ValueError for a gateway
    that cannot be filled.
    """
    pause = parse_duration(options.pause)
    if pause is None or not 0.0 <= pause <= MOST_PAUSE_SECONDS:
        raise ValueError(f"--pause {options.pause}: it takes a duration up to an hour, such as 5s")
    wanted = [name for name in layouts if name in sources and options.gateway in (None, name)]
    if not wanted:
        known = ", ".join(name for name in layouts if name in sources)
        there = f"it can of: {known}" if known else "no gateway is polled in those modes"
        asked = f" of gateway {options.gateway}" if options.gateway else ""
        raise ValueError(f"Tesla's history{asked} can be read in cloud and FleetAPI mode only; {there}")
    store = HistoryStore.open(path, list(layouts.values()))
    failed = False
    try:
        for name in wanted:
            filler = _GatewayFill(store, store.archives[name], options.dry_run, pause, errors)
            failed |= not filler.run(*moments, sources[name])
    finally:
        store.close()
    return 1 if failed else 0


class _GatewayFill:
    """Fills one gateway's gaps and says what came of it."""

    def __init__(self, store: HistoryStore, archive: Archive, dry_run: bool, pause: float, errors: TextIO) -> None:
        self._store, self._archive, self._dry_run = store, archive, dry_run
        self._pause_seconds, self._errors = pause, errors
        self._asked = 0
        self._pending: list[tuple[DayGaps, CloudDay]] = []
        self._refused: Counter[str] = Counter()  # rows by the reason

    def _say(self, text: str) -> None:
        self._errors.write(f"{self._archive.gateway.id}: {text}\n")

    def _pause(self) -> None:
        if self._asked:
            time.sleep(self._pause_seconds)
        self._asked += 1

    def run(self, start: float, end: float, opener: Opener) -> bool:
        """Fill the gaps of a window; False when Tesla's servers did not answer."""
        recorder = Recorder(self._archive)
        where = recorder.zone
        window = self._window(recorder, start, end)
        gaps = find_gaps(self._archive, where, *window)
        for day in gaps:
            if day.totals_known:
                self._say(f"{day.day}: not filled, the day's totals are known and its quarter hours are not all kept")
        gaps = [day for day in gaps if not day.totals_known]
        if not gaps:
            self._say("there are no gaps to be filled")
            return True
        if len(gaps) > MOST_DAYS:
            self._say(f"there are {len(gaps)} days with gaps; the first {MOST_DAYS} of them are filled now")
        try:
            return self._ask_all(gaps[:MOST_DAYS], recorder, opener)
        finally:
            self._bring_in()
            for reason, count in sorted(self._refused.items()):
                if count:
                    self._say(f"{count} rows of Tesla's {reason}; they were not taken")

    def _window(self, recorder: Recorder, start: float, end: float) -> tuple[float, float]:
        if math.isinf(start):
            known = [found[0] for name in ("polls", "quarters") if (found := self._archive.rings[name].bounds())]
            start = min(known, default=math.inf)
        begin, until = window_of_gaps(self._archive, recorder, start, time.time())
        return begin, min(until, end // 900.0 * 900.0) if math.isfinite(end) else until

    def _ask_all(self, gaps: Sequence[DayGaps], recorder: Recorder, opener: Opener) -> bool:
        try:
            source = opener()
        except NotAnswered as problem:
            self._say(f"Tesla's servers cannot be reached: {problem}")
            return False
        try:
            for day in gaps:
                try:
                    found = ask_day(source, day, recorder.zone, self._pause)
                except NotBelieved as problem:
                    self._say(f"{day.day}: not filled, {problem}")
                except NotAnswered as problem:
                    wait = f"; try again in {problem.wait_seconds:.0f} s" if problem.wait_seconds else ""
                    self._say(f"{day.day}: {problem}{wait}. What is filled so far is not asked for again")
                    return False
                else:
                    self._take(day, found, recorder)
            return True
        finally:
            source.close()

    def _take(self, day: DayGaps, found: CloudDay, recorder: Recorder) -> None:
        self._refused += found.refused
        rows = filled_rows(self._archive, recorder, day, found)
        energies = next(iter(rows.days.values()), {})
        told = ", ".join(
            f"{name.removesuffix('_wh').replace('_', ' ')} {energies[name] / 1000.0:.2f} kWh"
            for name in ("solar_wh", "home_wh", "grid_import_wh", "grid_export_wh")
            if name in energies
        )
        filled = len(rows.rows["quarters"])
        verb = "would be filled" if self._dry_run else "filled"
        self._say(f"{day.day}: {filled} of {len(day.quarters)} quarter hours {verb}" + (f" ({told})" if told else ""))
        if filled:
            self._pending.append((day, found))
        if len(self._pending) >= DAYS_AT_ONCE:
            self._bring_in()

    def _bring_in(self) -> None:
        """Bring what has been collected into the rings."""
        pending, self._pending = self._pending, []
        if self._dry_run or not pending:
            return
        merged, added = fill(self._archive, Recorder(self._archive), pending)
        settle(self._archive, merged, {}, lambda: self._store.flush(force=True))
        folder = self._archive.folder
        if folder is not None and merged is not None:
            memory = FillMemory.read(folder)
            memory.note_filled(added["quarters"], time.time())
            memory.write(folder)
        for ring in ("quarters", "minutes", "days"):
            if added[ring]:
                self._say(f"{ring}: {added[ring]} rows {'grew' if ring == 'days' else 'added'}")
