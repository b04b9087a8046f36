"""Give the houses of the demo their past, beside the first polls, so that the start does not wait for it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

import ujson

from pwserver.demo.past import Past
from pwserver.demo.signals import write_signals
from pwserver.events.event_memory import EventMemory
from pwserver.events.event_ring import EventRing
from pwserver.events.kinds import GRID_UP
from pwserver.history.archive import Archive
from pwserver.history.days import day_span, day_start, zone
from pwserver.history.device_days import DeviceDays, Figures, OpenDay
from pwserver.history.import_journal import settle
from pwserver.history.import_merge import ImportMerge
from pwserver.history.incoming import Incoming
from pwserver.history.string_days import STRING, judge_strings_of_day
from pwserver.history.unit_days import UNIT, WHOLE
from pwserver.poller.recording import Recording
from pwserver.runtime import Runtime
from pwserver.simulator.house import Plant

log = logging.getLogger("pwserver.demo")

YEAR_DAYS: Final = 365
MANY_DAYS: Final = 60  # of each of many houses
LOOK_SECONDS: Final = 0.5
DEVICES_SECONDS: Final = 20.0  # so long the units and strings of a house may take to be known
PAUSE_SECONDS: Final = 0.002  # between rows, so that polls and documents are not kept waiting for the interpreter
ATTEMPTS: Final = 3


class DemoHistory:
    """Writes the past of every house that has no history yet.

    ``plants``: what is installed, by gateway id. ``weak``: the ids of those of which a solar string has been fading.
    """

    def __init__(self, plants: Mapping[str, Plant], weak: Collection[str]) -> None:
        self._plants = plants
        self._weak = weak
        self._days = YEAR_DAYS if len(plants) == 1 else MANY_DAYS
        self._wanted: dict[str, Past] = {}

    def begin(self, runtime: Runtime) -> None:
        """Find out which houses have no history yet; called before anything is polled."""
        now = time.time()
        for number, (gateway, plant) in enumerate(self._plants.items(), 1):
            archive = runtime.history.archives.get(gateway)
            if archive is not None and archive.rings and not archive.recorded:
                # A gateway whose zone the owner has not set tells it with its first reading: that of its plant.
                where = zone(archive.timezone if archive.gateway.timezone_set else plant.timezone)
                self._wanted[gateway] = past = Past(plant, number, self._days, now, where, gateway in self._weak)
                _write_events(runtime.history.events[gateway], past)

    async def run(self, recording: Recording) -> None:
        """Write the past of each house once its first readings are recorded, which name its units and strings."""
        for gateway, past in self._wanted.items():
            archive = recording.store.archives[gateway]
            begun = time.monotonic()
            while not _knows_devices(archive, past) and time.monotonic() - begun < DEVICES_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
            try:
                await asyncio.to_thread(_write, recording, gateway, past)
            except Exception:  # the demo goes on without a past
                log.exception("%s: the past of the demo could not be made", gateway)


def _write_events(ring: EventRing, past: Past) -> None:
    events = past.events(ring.gateway)
    lasted = [event.details["duration_seconds"] for event in events if event.kind == GRID_UP]
    memory = EventMemory(
        counts=dict(Counter(event.kind for event in events)), last_outage_seconds=lasted[-1] if lasted else None
    )
    ring.commit(events, ujson.dumps(memory.to_json()).encode())


def _knows_devices(archive: Archive, past: Past) -> bool:
    if archive.polls.bounds() is None:
        return False
    opened = DeviceDays(archive).open.devices
    return bool(opened[STRING]) and (bool(opened[UNIT]) or not past.has_battery)


def _write(recording: Recording, gateway: str, past: Past) -> None:
    archive = recording.store.archives[gateway]
    pause = partial(time.sleep, PAUSE_SECONDS)
    flush = partial(recording.store.flush, force=True)
    for _ in range(ATTEMPTS):
        merging = ImportMerge(archive, Incoming(polls=past.polls()), time.time(), believed=False, pause=pause)
        merging.collect()
        with recording.held(gateway) as live:
            merged = merging.merged(live)
            if merged is not None:
                settle(archive, merged, {}, flush)
                _write_devices(archive, past)
                write_signals(archive, pause)
                return


def _write_devices(archive: Archive, past: Past) -> None:
    """Write the days of units and strings before today, as if each had been recorded when it was over."""
    days = DeviceDays(archive)
    today, where = days.open, zone(archive.timezone)
    if not days.is_open:
        return
    columns = [archive.column("days", name) for name in ("solar_wh", "battery_discharge_wh")]
    times, energies = archive.days.select(-math.inf, math.inf, columns)
    by_day = {when: (solar, given) for when, solar, given in zip(times, *energies, strict=True)}
    strings = [name for name, figures in today.devices[STRING].items() if figures.get("energy_wh")]
    units = {serial: dict(figures) for serial, figures in today.devices[UNIT].items() if "full_wh" in figures}
    counted = dict.fromkeys(units, math.fsum(given for _, given in by_day.values() if given == given))
    days.open = OpenDay()
    for ago in range(past.days, 0, -1):
        start, end = day_span(day_start(past.date_ago(ago), where), where)
        days.begin(start)
        solar, given = by_day.get(start, (0.0, 0.0))
        for serial, now in units.items():
            counted[serial] -= given if given == given else 0.0
            share = counted[serial] / (1 if serial == WHOLE else max(1, len(units) - 1))
            figures = {**now, "full_wh": past.full_wh(now["full_wh"], ago)}
            if "discharged_wh" in now:
                figures["discharged_wh"] = now["discharged_wh"] - share
            _note(days, UNIT, serial, figures)
        for name, energy in past.string_energies(strings, solar, ago).items():
            _note(days, STRING, name, {"energy_wh": energy})
        days.open.more["covered"] = dict.fromkeys(strings, end - start)
        judge_strings_of_day(days, archive, end - start)
    days.begin(today.start)
    days.open = today
    days.show()
    days.keep()


def _note(days: DeviceDays, kind: str, device: str, figures: Figures) -> None:
    found = days.figures(kind, device)
    if found is not None:
        found.update(figures)
