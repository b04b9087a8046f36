"""Memory of all processes: what they share is counted once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pwserver.web.process_memory import PAGE_KB, ProcessMemory, proportional_kb
from tests.support.server import Server
from tests.support.waiting import wait_until


def test_stats_tell_the_proportional_memory_of_all_processes(server: Server) -> None:
    pids = [server.process.pid, *server.children().values()]
    resident = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB for pid in pids)

    def right() -> bool:
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
        truth = sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:"))
        told = server.json("/stats")["mem"]
        assert told < 0.9 * resident, "pages of main are shared by every child"
        return isinstance(told, int) and abs(told - truth) < 0.1 * truth

    wait_until(right, 20)


def test_kernels_that_tell_no_proportional_size(tmp_path: Path) -> None:
    for number, files in enumerate(
        ({"smaps_rollup": "x\nRss: 90 kB\nPss:   40 kB\n"}, {"statm": "500 30 10 1 0 9 0\n"}, {"statm": "odd"}, {})
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    assert [proportional_kb([number], tmp_path) for number in range(5)] == [40, 20 * PAGE_KB, 0, 0, 0]
    assert proportional_kb(range(5), tmp_path) == 40 + 20 * PAGE_KB


def test_many_who_ask_at_once_cost_one_measurement() -> None:
    asked = []

    def pids() -> list[int]:
        asked.append(1)
        return [os.getpid()]

    async def ask() -> list[int]:
        memory = ProcessMemory(pids)
        return await asyncio.gather(*(memory.kb() for _ in range(20)))

    told = asyncio.run(ask())
    assert len(asked) == 1 and set(told) == {told[0]} and told[0] > 1000
