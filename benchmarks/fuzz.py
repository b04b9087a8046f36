"""``make fuzz``: the compiled modules under AddressSanitizer and UBSan, with inputs nobody would send.

    python -m benchmarks.fuzz [MINUTES] [SEED]

Each kind of input has its turn for a moment, again and again. A finding ends the program: the sanitizer's report, or
an assertion with the seed of its round.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import pwserver_ext
from benchmarks.fuzz_gate import Fuzzer
from benchmarks.hostile_arguments import Table, any_call
from pwserver_ext import aggregate, csv, vitals
from pwserver_ext.buckets import aggregate as buckets
from pwserver_ext.limits import WindowLimiter
from pwserver_ext.ring import Ring
from pwserver_ext.rows import lttb
from pwserver_ext.series import Column, csv_rows, json_column, json_rows
from pwserver_ext.snapshot import SnapshotSlot

MINUTES = 10.0
TURN_SECONDS = 0.5
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
ODD = (0, 1, -1, 0.0, -0.0, 1e308, float("nan"), float("inf"), 2**70, True, None, "", "x", "TEPINV--1--2", "Up", [], {})
KEYS = (
    "PVAC_Fout", "battery_blocks", "PackageSerialNumber", "TEPOD--1--A", "PVS--2", "alerts", "componentParentDin",
    "battery", "control", "serialNumber", "PVAC_Fan_Speed_Actual_RPM", "instant_power", "frequency", "vin", "\u00e9",
)  # fmt: skip
Round = Callable[[random.Random], None]


def anything(rng: random.Random, depth: int = 3) -> Any:
    """JSON-like data of no sense."""
    kind = rng.random()
    if depth and kind < 0.35:
        return {rng.choice(KEYS): anything(rng, depth - 1) for _ in range(rng.randrange(6))}
    if depth and kind < 0.5:
        return [anything(rng, depth - 1) for _ in range(rng.randrange(5))]
    return rng.choice(ODD)


def devices(rng: random.Random) -> None:
    """Flattening, sums and lines: any exception will do, any crash will not."""
    a, b, c, d = (anything(rng) for _ in range(4))
    functions: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (vitals.units, (a, b, c, "")),
        (vitals.frequency, (a, b, c, d)),
        (vitals.pods, (a, b, c)),
        (vitals.numbered_temperatures, (a,)),
        (vitals.numbered_fans, (a,)),
        (vitals.sorted_alerts, (a,)),
        (vitals.battery_blocks, (a, b)),
        (vitals.string_details, (a,)),
        (vitals.version_number, (a,)),
        (aggregate.sum_meters, ([a, b, c], True, "x")),
        (aggregate.weighted_mean, (a, b)),
        (aggregate.total, (a,)),
        (aggregate.mean, ([a, b],)),
        (csv.line_v2, (a, b, c, d, a, b, c, True)),
    ]
    for function, values in functions:
        try:
            function(*values)
        except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError):
            pass


def snapshots(rng: random.Random) -> None:
    """Publications of any size into a small slot, read back."""
    count, capacity = rng.randrange(1, 8), rng.choice([64, 500, 4096])
    slot = SnapshotSlot(bytearray(SnapshotSlot.size(count, capacity)), count, capacity)
    for _ in range(rng.randrange(1, 6)):
        shared = rng.randbytes(rng.randrange(capacity))
        documents = [
            None
            if rng.random() < 0.1
            else (
                rng.choice([200, 503, 0, 65535]),
                shared if rng.random() < 0.3 else rng.randbytes(rng.randrange(2 * capacity // count)),
                None if rng.random() < 0.5 else rng.randbytes(rng.randrange(100)),
                rng.randbytes(rng.randrange(40)),
            )
            for _ in range(count)
        ]
        try:
            _, overflowed = slot.publish(documents, rng.random(), rng.random())
        except ValueError:
            continue
        for index, document in enumerate(documents):
            found = slot.read(index)
            if document is not None and index not in overflowed:
                assert found is not None
                assert found[:2] == document[:2]


def rings(rng: random.Random) -> None:
    """Rows in and out, also of memory that holds anything (a damaged file)."""
    columns, rows, width = rng.randrange(1, 5), rng.randrange(2, 40), rng.choice([4, 8])
    memory = bytearray(Ring.size(columns, rows, width))
    ring = Ring(memory, columns, rows, 1.0, width)
    moment = rng.choice([0.0, 1.7e9, -5.0, 253402300790.0])
    for _ in range(rng.randrange(60)):
        moment += rng.choice([0.0, 0.5, 1.0, 30.0, -2.0])
        ring.append(moment, array("d", [rng.choice([0.0, 1.5, float("nan"), 1e300]) for _ in range(columns)]))
    if rng.random() < 0.5:
        for _ in range(rng.randrange(1, 30)):
            memory[rng.randrange(len(memory))] = rng.randrange(256)
        try:
            ring = Ring(memory, columns, rows, 1.0, width)
            ring.check()
            ring.recover()
        except (ValueError, RuntimeError):
            return
    start = rng.choice([moment - 50, float("-inf"), moment, 0.0])
    try:
        times, values = ring.select(start, moment + rng.choice([0, 10, float("inf")]), None, rng.randrange(30))
        buckets(ring, start if start > 0 else 0.0, moment + 1, rng.choice([0.5, 7.0]), [rng.randrange(6)], [0])
        ring.bounds()
        ring.truncate_after(moment - rng.randrange(60))
    except (ValueError, RuntimeError, OverflowError, MemoryError):
        return
    texts(rng, times, values[0])


def texts(rng: random.Random, times: array[float], values: array[float]) -> None:
    """Rows as JSON and CSV."""
    column = Column("a\u00e9", values, rng.randrange(1, 16), rng.choice([1.0, 0.001, 1e9]))
    try:
        for row, when in zip(json.loads(json_rows(times, [column])), times, strict=True):
            said = datetime.datetime.fromisoformat(row["time"])
            assert abs((said - EPOCH).total_seconds() - when) < 0.001, (row, when)
        csv_rows(times, [column, column])
        json_column(column)
        lttb(times, values, rng.randrange(3, 20))
    except (ValueError, OverflowError):
        return


class Arguments:
    """Any function, with arguments that make no sense."""

    def __init__(self) -> None:
        self.table = Table()
        assert not self.table.unknown, self.table.unknown

    def round(self, rng: random.Random) -> None:
        any_call(self.table, rng)


class Limits:
    """Any address, a table that is always full."""

    def __init__(self) -> None:
        self.limiter = WindowLimiter(bytearray(WindowLimiter.size(8)), 8, 3, 0.01)

    def round(self, rng: random.Random) -> None:
        assert 0 <= self.limiter(f"10.0.{rng.randrange(40)}.{rng.randrange(3)}") <= 0.011


def main() -> int:
    """Until the time is over; 0 when nothing was found."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    assert all(pwserver_ext.compiled().values()), "the compiled modules are not in use"
    gate = Fuzzer()
    kinds: dict[str, Round] = {
        "gate": gate.round,
        "devices": devices,
        "snapshots": snapshots,
        "rings": rings,
        "limits": Limits().round,
        "arguments": Arguments().round,
        "gate again": gate.round,
    }
    done = dict.fromkeys(kinds, 0)
    end = time.monotonic() + 60 * minutes
    print(f"{minutes:g} minutes, seed {seed}, {pwserver_ext.__file__}", flush=True)
    while time.monotonic() < end:
        for name, one in kinds.items():
            until = time.monotonic() + TURN_SECONDS
            while time.monotonic() < until:
                seed += 1
                try:
                    one(random.Random(seed))
                except BaseException:
                    print(f"{name}, round with seed {seed}:", flush=True)
                    raise
                done[name] += 1
    print(", ".join(f"{name} {count:,}" for name, count in done.items()) + ": nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
