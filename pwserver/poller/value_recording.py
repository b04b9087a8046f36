"""Keep the value of energy up to date while the server runs: of each gateway with a tariff, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pwserver.history.store import HistoryStore
from pwserver.history.value_days import ValueDays
from pwserver.tariff.figures import ValueFigures
from pwserver.tariff.tariff import Tariff

UPDATE_SECONDS = 10.0


class ValueRecording:
    """Holds what writes the values of each gateway's days."""

    def __init__(self, store: HistoryStore, tariffs: Mapping[str, Tariff]) -> None:
        self._store = store
        usable = store.archives if store.stop_reason() is None else {}
        self._days = {name: ValueDays(usable[name], tariff) for name, tariff in tariffs.items() if name in usable}
        self._figures: dict[str, ValueFigures] = {}

    async def run(self) -> None:
        """Work out what has changed, again and again, until cancelled."""
        while self._days:
            await asyncio.to_thread(self._update)
            await asyncio.sleep(UPDATE_SECONDS)

    def figures(self, gateway: str) -> ValueFigures | None:
        """Return what is known of a gateway's value; None where there is no tariff or nothing was worked out yet."""
        return self._figures.get(gateway)

    def _update(self) -> None:
        for name, days in self._days.items():
            if self._store.stop_reason() is None:
                days.update()
                self._figures[name] = days.figures()
