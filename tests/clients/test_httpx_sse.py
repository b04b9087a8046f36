"""The event stream, read by httpx-sse: every event it hands out is one that holds data."""

from __future__ import annotations

import http.client
import itertools

import httpx
import pytest
from httpx_sse import connect_sse

from tests.support.server import Server
from tests.support.waiting import patient


@pytest.mark.parametrize("target", ["/api/stream", "/api/stream?gateway=default", "/api/stream?document=site"])
def test_every_event_holds_data(server: Server, target: str) -> None:
    """The advice when to come back travels with the first data: alone it would be an event without any."""
    address = f"http://127.0.0.1:{server.port}{target}"
    with httpx.Client(timeout=patient(20)) as client, connect_sse(client, "GET", address) as source:
        first, second = itertools.islice(source.iter_sse(), 2)
    assert first.json().keys() and second.json().keys()
    assert first.retry == 2000 and second.retry is None


def test_first_block_of_a_stream(server: Server) -> None:
    """What other clients see: the stream begins with one block, which ends in an empty line after its data."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patient(20))
    connection.request("GET", "/api/stream")
    answer = connection.getresponse()
    lines = [answer.readline() for _ in range(3)]
    answer.close()
    connection.close()
    assert lines[0] == b"retry: 2000\n" and lines[1].startswith(b"data: {") and lines[2] == b"\n"
