"""The site document as a stream: when it has changed, at a pace, with a pulse in the pauses."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

import pytest

from pwserver.web import stream_topics
from pwserver.web.stream_hub import Hub
from pwserver.web.stream_topics import EVENTS, WEBSOCKET, Listener
from pwserver.web.websocket import frame
from tests.streams.client import Client, Refused
from tests.streams.test_hub import Table, Transport, scene
from tests.support.server import Server
from tests.support.waiting import patient, wait_until, wait_until_async


def is_pulse(message: dict[str, Any]) -> bool:
    return set(message) == {"version", "time"}


def figures(client: Client) -> dict[str, Any]:
    while is_pulse(message := client.message()):
        pass
    return message


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/ws/site", "/api/site"),
        ("/ws/site/default", "/api/site/default"),
        ("/ws/site?gateway=default", "/api/site/default"),
    ],
)
def test_a_message_is_the_document_or_a_pulse(server: Server, path: str, target: str) -> None:
    with Client(server.port, path) as client:
        assert client.message()["version"] == 1, "the first message is the document, at once"

        def same() -> bool:
            return figures(client) == server.json(target)

        wait_until(same, 20, "the stream never equals the document")
        read_at = figures(client)
        wait_until(lambda: is_pulse(client.message()), 20, "no pulse in the pauses between two polls")
        wait_until(lambda: figures(client) != read_at, 20, "what has changed never came")


@pytest.mark.parametrize("query", ["document=site", "document=site&gateway=default"])
def test_events_tell_the_same(server: Server, query: str) -> None:
    target = "/api/site/default" if "gateway" in query else "/api/site"
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/stream?{query}", timeout=patient(20)) as stream:
        seen: list[dict[str, Any]] = []
        while sum(not is_pulse(one) for one in seen) < 2:
            line = stream.readline()
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
        assert seen[0].keys() == server.json(target).keys()


@pytest.mark.parametrize("path", ["/ws/site/nope", "/ws/site?gateway=nope", "/ws/site/no%2Fpe"])
def test_an_unknown_gateway_is_refused_by_name(server: Server, path: str) -> None:
    name = "no/pe" if "%" in path else "nope"
    with pytest.raises(Refused) as refused:
        Client(server.port, path)
    assert refused.value.status == 404
    assert json.loads(refused.value.body) == {"detail": f"Gateway {name} not found"}


def test_what_cannot_be_streamed_is_refused_by_name(server: Server) -> None:
    answer = server.get("/api/stream?document=house")
    assert answer.status == 400
    assert answer.json() == {"detail": "document is 'house'; allowed are aggregate, site, events"}
    assert server.get("/api/stream?document=site&gateway=nope").status == 404
    for target in ("/api/site/nope", "/api/site/aggregate", "/api/site/a%2Fb"):
        answer = server.get(target)
        assert answer.status == 404
        assert "not found" in answer.json()["detail"]


def listen(hub: Hub, transport: Transport, bytes_per_second: float, form: str = WEBSOCKET) -> Listener:
    found = Listener(hub.topic("/home", bytes_per_second), form, transport)
    hub.add(found)
    return found


def test_only_what_has_changed_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_topics, "PULSE_SECONDS", 0.05)

    async def play(table: Table, hub: Hub) -> None:
        page, events = Transport(), Transport()
        listen(hub, page, 1e9)
        listen(hub, events, 1e9, EVENTS)
        first = frame(b'{"n":0}')
        assert page.given == [first]
        await wait_until_async(lambda: len(page.given) > 3)
        assert first not in page.given[1:], "nothing has changed"
        assert events.given[-1].startswith(b'data: {"version":1,"time":')
        for _ in range(3):  # sooner than the pace allows: only the newest is sent
            table.publish()
        await wait_until_async(lambda: frame(b'{"n":3}') in page.given)
        assert not {frame(b'{"n":1}'), frame(b'{"n":2}')} & set(page.given)
        late = Transport()
        listen(hub, late, 1e9)
        assert late.given == [frame(b'{"n":3}')], "who comes later gets what is current"

    scene(play)


def test_a_long_document_comes_less_often() -> None:
    async def play(table: Table, hub: Hub) -> None:
        transport = Transport()
        listener = listen(hub, transport, 0.1)  # seven bytes: seventy seconds between two of them
        topic: Any = listener.topic
        now = asyncio.get_running_loop().time()
        table.publish()
        assert topic.take(now + 1.5) is None, "too soon for a change, and for a pulse"
        pulse = topic.take(now + 2.5)
        assert pulse is not None and b'"time"' in pulse(WEBSOCKET)
        assert b'"time"' in topic.take(now + 69.0)(WEBSOCKET)
        told = topic.take(now + 71.0)
        assert told(WEBSOCKET) == frame(b'{"n":1}')
        assert topic.take(now + 71.5) is None
        assert b'"time"' in topic.take(now + 142.0)(WEBSOCKET), "nothing new since"
        hub.remove(listener)

    scene(play)
