"""Every public function of the compiled modules, called with arguments that make no sense.

Any exception will do; a crash or a call without an end will not. ``python -m benchmarks.hostile_arguments`` calls each
function with each hostile value in the place of each argument; ``any_call`` is one random call, for the fuzzer.
"""

from __future__ import annotations

import importlib
import inspect
import math
import os
import random
import signal
import sys
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from pwserver_ext.modules import MODULES

# Keyword arguments, called under the name of their function with a star.
KEYWORDS = {
    "http_recogniser.Recogniser*": ("line_limit", "head_limit", "field_limit", "body_limit"),
    "http_gate.Gate*": (
        "row", "first_event", "limiter", "exempt", "head_seconds", "idle_seconds", "stall_seconds", "linger_seconds",
        "tick_seconds", "drain_seconds", "connections_max", "per_address_max", "access", "client", "asker", "counters",
    ),
}  # fmt: skip
REQUEST = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
CALL_SECONDS = 20.0  # a call takes microseconds; this is for a machine that does other things
NAN, INF = math.nan, math.inf
Arguments = tuple[Any, ...]


class LyingLength:
    """A sequence that is shorter than it says."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        if index > 1:
            raise IndexError(index)
        return array("d", [1.0])


class LyingArray(array):  # type: ignore[type-arg]
    """An array whose buffer is shorter than it says."""

    def __len__(self) -> int:
        return 1 << 20


class NoNumber:
    """What fails in the middle of being read as a number."""

    def __index__(self) -> int:
        raise RuntimeError("no number")

    __float__ = __index__  # type: ignore[assignment]


def hostile() -> list[Any]:
    """Values that no caller should ever give, made anew: a call may change them."""
    return [
        None, True, -1, 0, 1, 2, 7, 255, 65536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**62, 2**63 - 1, -(2**63),
        2**64, 2**70, 0.0, -1.0, 1e-300, 1e15, 253402300800.0, -62135596801.0, 1e308, -1e308, NAN, INF, -INF, 1j,
        "", "x", "\ud800", "\0", "TEPINV--1--2", "é" * 3000,
        b"", b"x", b"\xff" * 4096, bytes(4096), b"GET / HTTP/1.1\r\n" * 9,
        bytearray(), bytearray(4096), bytearray(b"\xff" * 4096),
        memoryview(bytearray(4097))[1:], memoryview(bytearray(8192))[::2], memoryview(bytes(4096)),
        memoryview(bytearray(4096)).cast("d"), memoryview(bytearray(64)).cast("d", [2, 4]),
        array("d"), array("d", [NAN, INF, -INF, 1e308, -1e308]), array("d", [-1.0, 3652060.0, 1e19]),
        array("d", [0.0] * 300), array("f", [1.0]), array("i"), array("i", [-1, 2**31 - 1]), array("i", [64, 5]),
        array("q", [-1, 2**62]),
        array("q", [0, 1]), array("B", b"\xff" * 4096), LyingArray("d", [1.0]), LyingArray("i", [1]),
        [], [None], [-1, 2**40], [NAN, 2**70], ["", "\ud800"], [b"", None], [{}], [[]], [0] * 2000, [array("d")],
        [array("d", [1.0]), array("d", [1.0, 2.0])], [array("f", [1.0])], [LyingArray("d", [1.0])],
        (), ((),), {}, {"": None}, {b"/": None}, {None: 1}, {"TEPINV--1--2": {"PINV_Fout": 2**70}},
        {"battery_blocks": [{"PackageSerialNumber": [], "Type": 1}]}, set(), frozenset({1}), range(5), range(10**5),
        LyingLength(), NoNumber(), object(), int, len, iter([1, 2]), lambda *_: None,
    ]  # fmt: skip


class Loop:
    """As much of an event loop as the gate asks for."""

    def call_later(self, *_: Any) -> Loop:
        return self

    call_soon = call_later

    def cancel(self) -> None: ...


class Transport:
    """As much of a transport as the compiled modules ask for."""

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def write(self, data: bytes) -> None: ...
    def writelines(self, data: Any) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, **_: int) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


def good() -> dict[str, Callable[[], Arguments]]:
    """Arguments that each public function and constructor takes; a method's stand under CLASS.METHOD."""
    from pwserver_ext.http_documents import ServedDocument, TargetTable
    from pwserver_ext.http_gate import Gate
    from pwserver_ext.http_recogniser import Recogniser
    from pwserver_ext.http_reply import Responder
    from pwserver_ext.outlet import Outlet
    from pwserver_ext.ring import Ring
    from pwserver_ext.series import Column

    row = array("d", [1.0, 2.0])
    vitals = {"TEPINV--1--2": {"PINV_Fout": 60.0, "serialNumber": "2"}}
    status = {"battery_blocks": [{"PackageSerialNumber": "2", "p_out": 1}]}

    def ring() -> Ring:
        made = Ring(bytearray(Ring.size(2, 8)), 2, 8)
        for number in range(12):
            made.append(1e9 + number, row)
        return made

    def columns() -> list[Column]:
        return [Column("a", row, 7, 0.5), Column("b", row, words=["x", "y"]), Column("c", row, dates=True)]

    def dated() -> list[Column]:
        return [Column("day", array("d", [7e5]), dates=True), Column("a", array("d", [1.0]))]

    class Source:
        def generation(self) -> int:
            return 1

        def read(self, index: int) -> Any:
            return 200, b"1", None, b'"t"', 1e9, 0.0, 1

    def table() -> TargetTable:
        one, two = ServedDocument(Source(), 0, "text/plain", b"1"), ServedDocument(Source(), 1, "text/plain", b"2")
        return TargetTable({b"/a": one}, {(b"/a", b"q"): two}, b"/p", {b"/a": (lambda accept: True, two)})

    def gate() -> Gate:
        shared = table()
        return Gate(Recogniser(shared), Responder(shared), loop=Loop(), connections=set())  # type: ignore[arg-type]

    file = os.memfd_create("rows")
    os.truncate(file, 4096)
    published = [(200, b"body", b"gz", b'"t"', 3), None]
    return {
        "snapshot.SnapshotSlot": lambda: (bytearray(8192), 2, 1024, 100),
        "snapshot.SnapshotSlot.size": lambda: (2, 1024),
        "snapshot.SnapshotSlot.publish": lambda: (list(published), 1e9, 5.0),
        "snapshot.SnapshotSlot.read": lambda: (0,),
        "snapshot.SnapshotSlot.document": lambda: (0,),
        "snapshot.SnapshotSlot.verify": lambda: (2,),
        "snapshot.StoredDocument": lambda: (),
        "snapshot.SnapshotBusy": lambda: (),
        "counters.Counters": lambda: (bytearray(4096), 2, ("a", "b")),
        "counters.Counters.size": lambda: (2, ("a", "b")),
        "counters.Counters.index": lambda: ("a",),
        "counters.Counters.add": lambda: (0, 1, 5),
        "counters.Counters.set": lambda: (0, 1, 5),
        "counters.Counters.get": lambda: (0, 1),
        "counters.Counters.total": lambda: (0,),
        "counters.Counters.sum": lambda: (0,),
        "counters.Counters.row": lambda: (0,),
        "counters.Counters.clear": lambda: ([0, 1],),
        "counters.Heartbeats": lambda: (bytearray(4096), 2),
        "counters.Heartbeats.size": lambda: (2,),
        "counters.Heartbeats.start": lambda: (0, 17, 2),
        "counters.Heartbeats.set_state": lambda: (0, 2),
        **{
            f"counters.Heartbeats.{name}": lambda: (0,)
            for name in ("beat", "stop", "state", "pid", "started", "last_beat", "beats", "restarts", "age")
        },
        "process.die_with_parent": lambda: (0,),
        "process.set_name": lambda: ("name",),
        "process.monotonic_ns": lambda: (),
        "process.use_one_heap": lambda: (),
        "process.trim_heap": lambda: (),
        "file_map.FileMap": lambda: (file, 4096),
        "file_map.FileMap.read_nothing_ahead": lambda: (),
        "file_map.FileMap.forget": lambda: (),
        "file_map.FileMap.flush": lambda: (),
        "limits.WindowLimiter": lambda: (bytearray(8192), 8, 3, 0.01),
        "limits.WindowLimiter.size": lambda: (8,),
        "limits.WindowLimiter.count": lambda: ("10.0.0.1",),
        "limits.WindowLimiter.__call__": lambda: ("10.0.0.1",),
        "ring.Ring": lambda: (bytearray(8192), 2, 8, 1.0, 4, bytearray(256)),
        "ring.Ring.control_size": lambda: (2, 4),
        "ring.Ring.rows_size": lambda: (2, 8, 4),
        "ring.Ring.size": lambda: (2, 8, 4),
        "ring.Ring.append": lambda: (1e9 + 5, row),
        "ring.Ring.set_live": lambda: (1e9 + 6, row),
        "ring.Ring.truncate_after": lambda: (1e9,),
        "ring.Ring.last_timestamp_or": lambda: (0.0,),
        "ring.Ring.column_bounds": lambda: (1,),
        "ring.Ring.take_over": lambda: (Ring(bytearray(8192), 2, 8, 1.0, 4, bytearray(256)),),
        "ring.Ring.select": lambda: (0.0, 2e9, [1, 0], 5),
        "rollup.Rollup": lambda: (2,),
        "rollup.Rollup.add": lambda: (row,),
        "rollup.Rollup.write": lambda: (array("d", bytes(80)), array("i", [0]), array("i", [1])),
        "rollup.Rollup.column": lambda: (1,),
        "rollup.Rollup.restore": lambda: (array("d", bytes(88)),),
        "rollup.Integrator": lambda: ([0, 1], [-1, 2], 3, 60.0),
        "rollup.Integrator.advance": lambda: (5.0, 6.0, row),
        "rollup.Integrator.take": lambda: (5.0, row),
        "rollup.Integrator.move": lambda: (5.0,),
        "rollup.Integrator.totals": lambda: (0,),
        "rollup.Integrator.copy_totals": lambda: (0, array("d", bytes(80)), 2, 3),
        "rollup.Integrator.preview": lambda: (5.0, row),
        "rollup.Integrator.plan": lambda: (1.0, 5.0, array("d", bytes(24)), array("d", bytes(24))),
        "rollup.Integrator.write_means": lambda: (0, array("d", bytes(80))),
        "rollup.Integrator.set_total": lambda: (0, 1, 5.0),
        "rollup.Integrator.set_seconds": lambda: (0, 1, 5.0),
        "rollup.Integrator.clear": lambda: (0,),
        "rollup.Integrator.restore": lambda: (array("d", bytes(8 * 21)),),
        "rollup.TimedMeans": lambda: (2, 3, 60.0),
        "rollup.TimedMeans.advance": lambda: (5.0, 6.0, row),
        "rollup.TimedMeans.take": lambda: (5.0, row),
        "rollup.TimedMeans.move": lambda: (5.0,),
        "rollup.TimedMeans.write": lambda: (0, array("d", bytes(80))),
        "rollup.TimedMeans.clear": lambda: (0,),
        "rollup.TimedMeans.restore": lambda: (array("d", bytes(8 * 18)),),
        "buckets.aggregate": lambda: (ring(), 0.0, 2e9, 3.0, [0, 5], [0, 1], 0.0, 1, 60.0),
        "series.Column": lambda: ("a", row, 7, 1.0, ["x"], False),
        "series.json_rows": lambda: (row, columns(), "time", True),
        "series.json_objects": lambda: (columns(),),
        "series.Objects": lambda: (columns(),),
        "series.Objects.of": lambda: ([row, row, row],),
        "series.object_texts": lambda: (columns(),),
        "series.json_by_date": lambda: (["a", "b"], [dated(), dated()], 3, b"{", b"}"),
        "series.csv_rows": lambda: (row, columns(), "time", True),
        "series.json_numbers": lambda: (row, 7, 1.0),
        "series.json_column": lambda: (columns()[0],),
        "rows.lttb": lambda: (array("d", range(20)), array("d", range(20)), 5),
        "rows.pick": lambda: (row, array("q", [1])),
        "rows.split": lambda: (row,),
        "rows.complete": lambda: ([row, row],),
        "rows.measured": lambda: ([row, row],),
        "rows.largest": lambda: (row,),
        "day_sums.self_powered": lambda: (row, row, row, row, row),
        "day_sums.span_sums": lambda: ([row, row], array("q", [0]), array("q", [1])),
        "day_sums.percent_of": lambda: (row, row),
        "http_documents.ServedDocument": lambda: (Source(), 0, "text/plain", b"1", 0),
        "http_documents.TargetTable": lambda: ({b"/a": ServedDocument(Source(), 0, "text/plain", b"1")}, {}, b"/p", {}),
        "http_documents.TargetTable.document": lambda: (b"/a?q",),
        "http_hosts.Hosts": lambda: (["*.local", "a.b"],),
        "http_hosts.Hosts.knows": lambda: (b"a.b:80",),
        "http_recogniser.Recogniser": lambda: (table(),),
        "http_recogniser.Recogniser.look": lambda: (REQUEST,),
        "http_values.knows": lambda: ([b'"t"'], b"t", False),
        "http_values.takes_gzip": lambda: ([b"gzip"],),
        "http_reply.Responder": lambda: (table(), ("*",), 4096),
        "http_recogniser.Recogniser*": lambda: (8192, 16384, 100, 4096),
        "http_gate.Timed": lambda: (),
        "http_gate.Gate": lambda: (),
        "http_gate.Gate*": lambda: (0, 0, None, (), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9, 9, None, None, None, None),
        "http_writer.ReplyWriter": lambda: (),
        "http_connection.HttpConnection": lambda: (gate(),),
        "http_connection.HttpConnection.connection_made": lambda: (Transport(),),
        "http_connection.HttpConnection.connection_lost": lambda: (None,),
        "http_connection.HttpConnection.handshake_is_done": lambda: (Transport(),),
        "http_connection.HttpConnection.data_received": lambda: (REQUEST,),
        "outlet.descriptor_of": lambda: (Transport(),),
        "outlet.Outlet": lambda: (Transport(),),
        "outlet.fan_out": lambda: ([Outlet(Transport())], b"message"),
        "vitals.split_name": lambda: ("TEPINV--1--2",),
        "vitals.kind": lambda: ("TEPINV--1--2",),
        "vitals.has_serial": lambda: ("TEPINV--1--2",),
        "vitals.serial_of": lambda: ("TEPINV--1--2", {}),
        "vitals.version_number": lambda: ("23.44.0 9064fc6a",),
        "vitals.grid_number": lambda: ("UP",),
        "vitals.units": lambda: (status, {}, vitals, "TEPINV"),
        "vitals.unit_labels": lambda: ([],),
        "vitals.frequency": lambda: (vitals, status, {}, "UP"),
        "vitals.pods": lambda: (vitals, status, {}),
        "vitals.numbered_temperatures": lambda: ({"a": 1},),
        "vitals.numbered_fans": lambda: ({"PVAC--1--2": {}},),
        "vitals.sorted_alerts": lambda: (["b", "a"],),
        "vitals.battery_blocks": lambda: (status, vitals),
        "vitals.string_details": lambda: (vitals,),
        "aggregate.is_number": lambda: (1.0,),
        "aggregate.number": lambda: (1.0,),
        "aggregate.total": lambda: ([1.0, None],),
        "aggregate.complete_total": lambda: ([1.0, None],),
        "aggregate.mean": lambda: ([1.0, None],),
        "aggregate.weighted_mean": lambda: ([1.0, 2.0], [1, 2]),
        "aggregate.app_percent": lambda: (50.0,),
        "aggregate.raw_percent": lambda: (50.0,),
        "aggregate.time_skew": lambda: ([1.0, 2.0],),
        "aggregate.sum_meters": lambda: ([{"site": {"instant_power": 1.0}}], True, "x"),
        "csv.decimal_field": lambda: (1.5, True),
        "csv.integer_field": lambda: (1.5, True),
        "csv.line_v1": lambda: (1.0, 2.0, 3.0, 4.0, 5.0, False),
        "csv.line_v2": lambda: (1.0, 2.0, 3.0, 4.0, 5.0, 1, 20.0, False),
    }


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a module defines, by name."""
    for name, value in vars(module).items():
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__:
            yield name, value


def methods(cls: type) -> Iterator[tuple[str, bool]]:
    """Names of the public methods and properties of a class, and whether they are called."""
    for name, value in vars(cls).items():
        if not name.startswith("_") or name == "__call__":
            called = callable(value) or isinstance(value, staticmethod)
            if called or inspect.isdatadescriptor(value):
                yield name, called


class Table:
    """What can be called, and how: ``calls`` has every name, made from what the modules define."""

    def __init__(self) -> None:
        self.good = good()
        self.classes: dict[str, Any] = {}
        self.calls: list[str] = []
        self.unknown: list[str] = []  # public, but nobody has said which arguments it takes
        for module in MODULES:
            for name, value in public(importlib.import_module(f"pwserver_ext.{module}")):
                full = f"{module}.{name}"
                self.calls.append(full)
                if full not in self.good:
                    self.unknown.append(full)
                if isinstance(value, type):
                    self.classes[full] = value
                    self.calls += [f"{full}.{method}" for method, called in methods(value) if called]
        self.calls += KEYWORDS

    def instance(self, name: str) -> Any:
        """A fresh object of that class, with a little in it."""
        cls = self.classes[name]
        if name == "http_gate.Gate":
            connection: Any = self.instance("http_connection.HttpConnection")
            return connection.gate
        if name == "http_connection.HttpConnection":
            cls = type("Client", (cls,), {"open_handler": lambda self: None})
        made = cls(*self.good[name]())
        if name == "ring.Ring":
            for number in range(12):
                made.append(1e9 + number, array("d", [number, NAN]))
        elif name == "snapshot.SnapshotSlot":
            made.publish([(200, b"body", None, b'"t"'), None], 1e9)
        elif name == "http_connection.HttpConnection":
            made.connection_made(Transport())
        return made

    def target(self, name: str, bare: bool = False) -> tuple[Callable[..., Any], Any]:
        """The function of that name, and the fresh object it belongs to, if any. ``bare``: one that was never begun."""
        if name in KEYWORDS:
            return partial(self.by_keyword, name), None
        module, first, *rest = name.split(".")
        if not rest:
            return getattr(importlib.import_module(f"pwserver_ext.{module}"), first), None
        cls = self.classes[f"{module}.{first}"]
        owner: Any = cls.__new__(cls) if bare else self.instance(f"{module}.{first}")
        return getattr(owner, rest[0]), owner

    def by_keyword(self, name: str, *arguments: Any) -> None:
        """Make an object with these keyword arguments, and use it for one request."""
        given = dict(zip(KEYWORDS[name], arguments, strict=True))
        if name == "http_recogniser.Recogniser*":
            self.classes["http_recogniser.Recogniser"](self.instance("http_reply.Responder").table, **given).look(
                REQUEST
            )
            return
        responder = self.instance("http_reply.Responder")
        recogniser = self.classes["http_recogniser.Recogniser"](responder.table)
        gate = self.classes["http_gate.Gate"](recogniser, responder, loop=Loop(), connections=set(), **given)
        connection = type("Client", (self.classes["http_connection.HttpConnection"],), {})(gate)
        attempt(partial(connection.connection_made, Transport()))
        attempt(partial(connection.data_received, REQUEST))
        attempt(gate.tick)

    def arguments(self, name: str) -> Arguments:
        """Arguments that make sense."""
        return self.good.get(name, tuple)()

    def use(self, owner: Any) -> None:
        """Look at everything that an object shows after it was treated badly."""
        for name, called in methods(type(owner)):
            if not called:
                attempt(partial(getattr, owner, name))


def attempt(call: Callable[[], Any]) -> Any:
    """Whatever the call says, as long as the process lives and the call ends."""
    try:
        return call()
    except Exception as refused:
        return refused


def any_call(table: Table, rng: random.Random) -> None:
    """One random function with several hostile arguments at once, on an object that is used again afterwards."""
    name = rng.choice(table.calls)
    function, owner = table.target(name)
    for _ in range(rng.randrange(1, 4)):
        arguments = list(table.arguments(name))
        for place in range(len(arguments)):
            if rng.random() < 0.5:
                arguments[place] = rng.choice(hostile())
        attempt(partial(function, *arguments))
    if owner is not None:
        table.use(owner)


def every_call(table: Table) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each function as it should be called, with each argument replaced by each hostile value, with too few and too
    many, and each method of an object that ``__init__`` never saw."""
    for name in table.calls:
        arguments = table.arguments(name)
        if name != "http_gate.Gate":  # it takes keywords; all others must work with good arguments, or nothing is tried
            try:
                table.target(name)[0](*table.arguments(name))
            except NotImplementedError:  # for a subclass to give
                pass
            except Exception as refused:
                raise RuntimeError(f"good() has no arguments that {name} takes") from refused
        for place in range(len(arguments)):
            for number in range(len(hostile())):

                def one(name: str = name, place: int = place, number: int = number) -> None:
                    function, owner = table.target(name)
                    given = list(table.arguments(name))
                    given[place] = hostile()[number]
                    attempt(partial(function, *given))
                    if owner is not None:
                        table.use(owner)
                        attempt(partial(function, *table.arguments(name)))

                yield f"{name}, argument {place} is hostile()[{number}]", one
        yield f"{name} without arguments", lambda name=name: table.target(name)[0]()  # type: ignore[misc]
        yield f"{name} with too many", lambda name=name: table.target(name)[0](*[None] * 20)  # type: ignore[misc]
        if name.count(".") == 2 and not name.startswith(
            "http_connection.HttpConnection"
        ):  # that one is always a subclass's

            def bare(name: str = name) -> None:
                function, owner = table.target(name, bare=True)
                table.use(owner)
                function(*table.arguments(name))

            yield f"{name} of an object never begun", bare


def main() -> int:
    """Call everything; the last line before a crash names the call."""
    table = Table()
    if table.unknown:
        print("no arguments are known for " + ", ".join(table.unknown))
        return 1
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # also ends a loop that never lets Python look at signals
    count = 0
    for name, call in every_call(table):
        print(name, flush=True)
        signal.setitimer(signal.ITIMER_REAL, CALL_SECONDS)
        attempt(call)
        count += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{count} calls: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
