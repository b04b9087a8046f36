"""One message to many sockets: what each takes, and what is left to its transport."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pwserver_ext.outlet import Outlet, fan_out

MESSAGE = bytes(range(256)) * 4


class Transport:
    """Over a real socket; remembers what was left to it."""

    def __init__(self, raw: socket.socket | None, tls: bool = False) -> None:
        self.about = {"socket": raw, "sslcontext": object() if tls else None}
        self.written = b""

    def get_extra_info(self, name: str) -> Any:
        return self.about[name]

    def write(self, data: bytes) -> None:
        self.written += data


class Pair:
    """An outlet and the client's end of its socket."""

    def __init__(self, stack: ExitStack) -> None:
        ours, self.client = (stack.enter_context(end) for end in socket.socketpair())
        ours.setblocking(False)
        self.client.setblocking(False)
        self.ours = ours
        self.transport = Transport(ours)
        self.outlet = Outlet(self.transport)

    def received(self) -> bytes:
        data = b""
        try:
            while more := self.client.recv(1 << 16):
                data += more
        except BlockingIOError:
            pass
        return data


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    with ExitStack() as stack:
        yield [Pair(stack) for _ in range(5)]


def test_everybody_gets_the_message(pairs: list[Pair]) -> None:
    assert fan_out([pair.outlet for pair in pairs], MESSAGE) == []
    assert [pair.received() for pair in pairs] == [MESSAGE] * 5
    assert not any(pair.transport.written for pair in pairs)


def test_a_message_that_was_begun_is_completed_by_the_transport(pairs: list[Pair]) -> None:
    slow, quick = pairs[0], pairs[1]
    long = MESSAGE * 4096  # more than any socket takes at once
    assert fan_out([slow.outlet], long) == []
    assert slow.outlet.queued
    taken = slow.received()
    assert 0 < len(taken) < len(long)
    assert taken + slow.transport.written == long
    # As long as the transport holds something, nothing may overtake it.
    assert fan_out([slow.outlet, quick.outlet], MESSAGE) == [slow.outlet]
    assert (slow.received(), quick.received()) == (b"", MESSAGE)
    slow.outlet.queued = False
    assert fan_out([slow.outlet], MESSAGE) == []
    assert slow.received() == MESSAGE


def test_who_does_not_read_takes_nothing_and_keeps_nothing_waiting(pairs: list[Pair]) -> None:
    deaf, other = pairs[0], pairs[1]
    with pytest.raises(BlockingIOError):
        while True:
            deaf.ours.send(MESSAGE * 64)
    assert fan_out([deaf.outlet, other.outlet], MESSAGE) == [deaf.outlet]
    assert not deaf.outlet.queued and deaf.transport.written == b""
    assert other.received() == MESSAGE


def test_who_has_gone_is_left_to_the_transport(pairs: list[Pair]) -> None:
    pairs[0].client.close()
    assert fan_out([pairs[0].outlet, pairs[1].outlet], MESSAGE) == [pairs[0].outlet]
    assert pairs[1].received() == MESSAGE


def test_a_shut_outlet_never_touches_its_socket(pairs: list[Pair]) -> None:
    pairs[0].outlet.shut()
    assert not pairs[0].outlet.direct
    assert fan_out([pairs[0].outlet], MESSAGE) == [pairs[0].outlet]
    assert pairs[0].received() == b""


def test_tls_and_no_socket_mean_the_transport(pairs: list[Pair]) -> None:
    over_tls, without = Outlet(Transport(pairs[0].ours, tls=True)), Outlet(Transport(None))
    assert not over_tls.direct and not without.direct
    assert fan_out([over_tls, without], MESSAGE) == [over_tls, without]
    assert pairs[0].received() == b""


def test_only_outlets_are_taken(pairs: list[Pair]) -> None:
    wrong: Any = ["no outlet"]
    with pytest.raises(TypeError):
        fan_out(wrong, MESSAGE)
