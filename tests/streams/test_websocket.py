"""Frames against the ``websockets`` library: what one side writes the other reads, however it is cut into pieces."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

from pwserver.web.websocket import (
    FrameReader,
    ProtocolViolation,
    accept_key,
    accepts_deflate,
    close_frame,
    deflated,
    frame,
)


def client() -> ClientProtocol:
    found = ClientProtocol(parse_uri("ws://localhost/"))
    found.state = type(found.state).OPEN
    found.parser = found.parse()
    next(found.parser)
    return found


@given(st.binary(max_size=70_000))
def test_our_frames_are_read_by_others(payload: bytes) -> None:
    reader = client()
    reader.receive_data(frame(payload, 2))
    (event,) = reader.events_received()
    assert isinstance(event, Frame) and event.opcode is Opcode.BINARY and bytes(event.data) == payload


def test_our_goodbye_is_read_by_others() -> None:
    reader = client()
    reader.receive_data(close_frame(1001))
    (event,) = reader.events_received()
    assert isinstance(event, Frame) and Close.parse(bytes(event.data)).code == 1001


Said = tuple[str, bytes]
SAYINGS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.text(max_size=200).map(str.encode)),
        st.tuples(st.just("binary"), st.binary(max_size=4000)),
        st.tuples(st.just("parts"), st.binary(min_size=1, max_size=500)),
        st.tuples(st.just("ping"), st.binary(max_size=125)),
        st.tuples(st.just("pong"), st.binary(max_size=125)),
    ),
    max_size=12,
)


@given(SAYINGS, st.lists(st.integers(1, 700), min_size=1, max_size=50), st.booleans())
def test_what_others_say_is_understood(sayings: list[Said], cuts: list[int], bye: bool) -> None:
    speaker = client()
    for kind, payload in sayings:
        if kind == "text":
            speaker.send_text(payload)
        elif kind == "binary":
            speaker.send_binary(payload)
        elif kind == "parts":
            speaker.send_binary(payload, fin=False)
            speaker.send_ping(b"between")
            speaker.send_continuation(payload, fin=True)
        elif kind == "ping":
            speaker.send_ping(payload)
        else:
            speaker.send_pong(payload)
    if bye:
        speaker.send_close(1000, "bye")
    data = b"".join(speaker.data_to_send())
    pings: list[bytes] = []
    closes: list[int | None] = []
    incoming = FrameReader(4096, False, pings.append, closes.append)
    at = 0
    for number in range(len(data)):
        size = cuts[number % len(cuts)]
        incoming.feed(data[at : at + size])
        at += size
    asked = [(kind, payload) for kind, payload in sayings if kind in ("ping", "parts")]
    assert pings == [b"between" if kind == "parts" else payload for kind, payload in asked]
    assert closes == ([1000] if bye else [])


@given(st.binary(max_size=3000), st.integers(1, 100))
def test_noise_fails_or_is_skipped_but_never_breaks(data: bytes, size: int) -> None:
    incoming = FrameReader(4096, False, lambda _: None, lambda _: None)
    codes = []
    try:
        for at in range(0, len(data), size):
            incoming.feed(data[at : at + size])
    except ProtocolViolation as violation:
        codes.append(violation.code)
    assert set(codes) <= {1002, 1009}


@given(st.binary(max_size=5000))
def test_compressed_frames_unpack_on_their_own(payload: bytes) -> None:
    assert zlib.decompressobj(-15).decompress(deflated(payload) + b"\x00\x00\xff\xff") == payload


def test_the_key_of_the_standard() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("offers", "taken"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits", True),
        ("permessage-deflate; client_max_window_bits=15; server_no_context_takeover", True),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", True),
        ("permessage-deflate; server_max_window_bits=10", False),
        ("x-webkit-deflate-frame", False),
        ("", False),
    ],
)
def test_offers_of_compression(offers: str, taken: bool) -> None:
    assert accepts_deflate(offers) is taken
