"""Keep what the judges remember where the next process finds it: beside the history.

With a history on disk it lies in a file of each gateway's folder and outlives everything; without, it lies in shared
memory and outlives the poller and a reload, but not the server. It is written after every reading, before the values
that were judged with it are published, so a process that is killed never leaves a memory older than what clients have
seen. A power cut may lose what was not flushed (PW_HISTORY_FLUSH_SECONDS).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import ujson

from pwserver.json_types import Json, JsonMapping
from pwserver.runtime import Runtime
from pwserver.shared import AGGREGATE
from pwserver.state.counter_sums import SumMemory
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.two_copy_record import TwoCopyRecord

log = logging.getLogger("pwserver.publish")


class JudgeMemories:
    """Reads and writes the judges' records of all gateways by id. One writer per gateway."""

    def __init__(self, records: Mapping[str, TwoCopyRecord]) -> None:
        self._records = records
        self._too_long: set[str] = set()

    def gateway(self, gateway: str) -> GatewayMemory:
        """Return the memory of one gateway's judge as it was left; an empty one when there is none."""
        return GatewayMemory.from_json(self._read(gateway))

    def sums(self) -> SumMemory:
        """Return the memory of the sums over all gateways."""
        return SumMemory.from_json(self._read(AGGREGATE))

    def keep(self, gateway: str, memory: Callable[[], JsonMapping]) -> None:
        """Write down a memory, given as plain JSON. One that is too long is told once, and the last one stays."""
        record = self._records.get(gateway)
        if record is None:
            return
        try:
            record.write(ujson.dumps(memory(), ensure_ascii=False).encode())
        except ValueError as problem:
            if gateway not in self._too_long:
                self._too_long.add(gateway)
                log.error("what was learned about %s cannot be kept: %s", gateway, problem)

    def _read(self, gateway: str) -> Json:
        record = self._records.get(gateway)
        payload = record.read()[1] if record is not None else b""
        try:
            return ujson.loads(payload) if payload else None
        except ValueError:
            return None


def inherit(old: Runtime, new: Runtime) -> None:
    """Hand the memories of one generation to the next, where that has records of its own that are blank.

    To be called when the old poller has ended.
    """
    for gateway, record in new.history.judges.items():
        former = old.history.judges.get(gateway)
        if former is not None and former is not record and record.blank:
            payload = former.read()[1]
            if payload:
                record.write(payload)
