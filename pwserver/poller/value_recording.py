"""Keep the value of energy up to date while the server runs: of each gateway with a tariff, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from pwserver.history.archive import Archive
from pwserver.history.days import local_date, zone
from pwserver.history.history_answer import Histories
from pwserver.history.store import HistoryStore
from pwserver.history.tariff_copies import keep_copy
from pwserver.history.value_days import ValueDays
from pwserver.json_types import JsonMapping
from pwserver.poller.heartbeat import sleep_to_beat
from pwserver.state.view import View
from pwserver.tariff.figures import ValueFigures
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import NotATariff

log = logging.getLogger("pwserver.values")

UPDATE_SECONDS = 10.0
UPDATES_WITHOUT_TARIFF = 6  # times as long, while no house has a tariff: an import may still bring one


class ValueRecording:
    """Holds what writes the values of each gateway's days. A tariff may come or change at any time."""

    def __init__(self, store: HistoryStore, histories: Histories) -> None:
        self._store = store
        self._histories = histories
        self._days: dict[str, tuple[Tariff, ValueDays]] = {}
        self._figures: dict[str, ValueFigures] = {}
        self._told: dict[str, JsonMapping] = {}  # gateway id -> what Tesla's servers told last
        self._failed: set[str] = set()
        self._looked_at: dict[str, JsonMapping] = {}

    async def run(self) -> None:
        """Work out what has changed, again and again, until cancelled."""
        while True:
            await asyncio.to_thread(self._update)
            for _ in range(UPDATES_WITHOUT_TARIFF):
                await sleep_to_beat(UPDATE_SECONDS)
                if self._days or self._told:
                    break

    def take(self, view: View) -> None:
        """Note what Tesla's servers tell of a gateway's tariff. From any thread."""
        reading = view.reading
        if reading is None or not view.status.online:
            return
        info = (reading.fleet or {}).get("info")
        # FleetAPI tells two forms, and only the second has a currency.
        second = info.get("tariff_content_v2") if isinstance(info, Mapping) else None
        told = second or reading.tariff
        if isinstance(told, Mapping) and told:
            self._told[view.gateway.id] = told

    def figures(self, gateway: str) -> ValueFigures | None:
        """Return what is known of a gateway's value; None where there is no tariff or nothing was worked out yet."""
        return self._figures.get(gateway)

    def _update(self) -> None:
        for archive in self._histories.real():
            if self._store.stop_reason(archive.gateway.id) is not None:
                return
            try:
                self._update_one(archive)
            except Exception:
                # An estimate must not take the polls with it. It is told once.
                self._figures.pop(archive.gateway.id, None)
                if archive.gateway.id not in self._failed:
                    log.exception("%s: what energy was worth cannot be worked out", archive.gateway.id)
                self._failed.add(archive.gateway.id)

    def _update_one(self, archive: Archive) -> None:
        name = archive.gateway.id
        if name not in self._histories.tariffs:
            self._keep_told(archive)
        tariff = self._histories.tariff(name)
        if tariff is None:
            return
        known = self._days.get(name)
        if known is None or known[0] != tariff:
            # Copies of what Tesla told are dropped at last; what their days were worth stays.
            owners = name in self._histories.tariffs
            since = None if owners else tariff.versions[0].holds_from
            known = self._days[name] = (tariff, ValueDays(archive, tariff, since))
        known[1].update()
        self._figures[name] = known[1].figures(time.time())

    def _keep_told(self, archive: Archive) -> None:
        """Keep what Tesla's servers told, if it is a tariff and another than before."""
        name = archive.gateway.id
        told = self._told.get(name)
        if told is None or told is self._looked_at.get(name):
            return
        self._looked_at[name] = told
        now = time.time() + archive.correction_seconds
        try:
            if keep_copy(archive, told, local_date(now, zone(archive.timezone))):
                log.info("%s: the tariff that Tesla tells is new; it holds from today on", name)
        except NotATariff as why:
            log.debug("%s: what Tesla tells as the tariff cannot be used: %s", name, why)
