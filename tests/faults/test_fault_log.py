"""A fault that requests can bring about is told once for each place, and counted."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
from collections.abc import Callable

import pytest

from pwserver.fault_log import OTHER_PLACES, PLACES, REPEAT_SECONDS, RepeatedFaults, place_of
from tests.streams.client import Client
from tests.support.server import Server
from tests.support.waiting import wait_until

EACH = 40


class Clock:
    """time.monotonic, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def record_of(problem: BaseException, level: int = logging.ERROR) -> logging.LogRecord:
    told = (type(problem), problem, problem.__traceback__)
    return logging.LogRecord("test", level, __file__, 1, "GET %s failed", ("/x",), told)


def raised(kind: type[Exception], text: str = "") -> Exception:
    try:
        raise kind(text)
    except kind as problem:
        return problem


def other_line() -> Exception:
    try:
        raise ValueError
    except ValueError as problem:
        return problem


@pytest.fixture
def faults() -> tuple[RepeatedFaults, Clock]:
    clock = Clock()
    return RepeatedFaults(clock), clock


def test_once_for_each_kind_and_line(faults: tuple[RepeatedFaults, Clock]) -> None:
    told, _ = faults
    problems = [raised(ValueError, "a"), raised(ValueError, "b"), raised(KeyError), other_line(), other_line()]
    passed = [told.filter(record_of(problem)) for problem in (*problems, raised(KeyError))]
    assert passed == [True, False, True, True, False, False]


def test_what_happened_meanwhile_is_one_line_every_few_minutes(
    faults: tuple[RepeatedFaults, Clock], caplog: pytest.LogCaptureFixture
) -> None:
    told, clock = faults
    assert [told.filter(record_of(raised(ValueError))) for _ in range(6)] == [True] + [False] * 5
    told.tell_repeated()
    assert not caplog.records
    clock.now += REPEAT_SECONDS
    record = record_of(raised(ValueError))
    assert told.filter(record)
    assert record.exc_info is None and re.search(r"ValueError in .*: repeated 6 times", record.getMessage())
    assert not told.filter(record_of(raised(ValueError)))
    clock.now += REPEAT_SECONDS
    told.tell_repeated()
    told.tell_repeated()
    (line,) = caplog.messages
    assert line.endswith("repeated 1 times")


def test_the_table_is_bounded(faults: tuple[RepeatedFaults, Clock]) -> None:
    told, _ = faults
    kinds = [type(f"Fault{number}", (Exception,), {}) for number in range(3 * PLACES)]
    passed = sum(told.filter(record_of(raised(kind))) for kind in kinds)
    assert passed == PLACES + 1 and len(told._places) == PLACES + 1 and OTHER_PLACES in told._places


def test_every_fault_is_counted(faults: tuple[RepeatedFaults, Clock]) -> None:
    told, _ = faults
    counted: list[int] = []
    told.count = lambda: counted.append(1)
    for _ in range(7):
        told.filter(record_of(raised(ValueError)))
    told.filter(logging.LogRecord("test", logging.ERROR, __file__, 1, "no fault", (), None))
    assert len(counted) == 7


def test_the_place_is_a_line_of_ours() -> None:
    from pwserver.config.raw_text import parse_json

    def library_calls_back(call: Callable[[], object]) -> BaseException:
        try:
            call()
        except Exception as problem:
            return problem
        raise AssertionError

    assert place_of(library_calls_back(lambda: parse_json(7, ""))).startswith("TypeError in pwserver.config.raw_text:")  # type: ignore[arg-type]
    assert place_of(ValueError()) == "ValueError"
    assert place_of(raised(ValueError)).startswith("ValueError in tests.faults.test_fault_log:")


def test_handlers_of_every_kind() -> None:
    """HTTP, WebSocket and event stream stumble at each request: three tracebacks, and a count of all."""
    environment = {"PW_WORKERS": "1", "PW_CACHE_EXPIRE": "1"}
    with Server(["--demo"], environment, module="tests.faults.faulty_server") as server:
        server.wait_for_data()
        before = len(server.output())
        for _ in range(EACH):
            assert server.get("/api/mqtt/status").status == 500
            assert server.get("/api/stream").status == 500
            with contextlib.suppress(OSError, EOFError), Client(server.port or 0, "/ws/aggregate") as client:
                client.send(1, b"hello")
                client.socket.shutdown(socket.SHUT_WR)
                while client.frame():
                    pass
        wait_until(lambda: counted_by(server) == 3 * EACH, 20, f"{counted_by(server)} counted")
        said = server.output()[before:]
        assert said.count("Traceback") == 3, said
        for kind in ("ZeroDivisionError", "OverflowError", "BufferError"):
            assert said.count(f"{kind}: planted") == 1, kind
        assert len(said) < 300 * 3 * EACH


def counted_by(server: Server) -> int:
    """What the metrics say."""
    page = server.get("/metrics").body.decode()
    return sum(int(float(count)) for count in re.findall(r"^pwserver_faults_total\{.*\} (\S+)$", page, re.MULTILINE))
