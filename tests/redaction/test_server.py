"""The running server: its log can be read, and neither it nor an error body repeats a secret that a request carries."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from pwserver.redaction import HIDDEN
from tests.gate.conftest import Wire
from tests.support.server import Server
from tests.support.waiting import wait_until

TOKEN = "tôken/of the+tests 1"
GATEWAYS = [{"id": "home", "name": "home", "host": "127.0.0.1:9", "gw_pwd": "ABCDEFGHIJ"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway called home, the login home, and a history folder in which a file is damaged."""
    history = tmp_path_factory.mktemp("home")
    environment = {
        "PW_GATEWAYS": json.dumps(GATEWAYS),
        "PW_CONTROL_SECRET": TOKEN,
        "PW_DEBUG": "yes",
        "PW_TIMEOUT": "1",
        "PW_HISTORY_PATH": str(history),
        "MQTT_HOST": "127.0.0.1",
        "MQTT_PORT": "9",
        "MQTT_USERNAME": "home",
        "MQTT_PASSWORD": "home",
        "PW_CONTROL_ATTEMPTS": "1000",
    }
    with Server(environment=environment):
        pass
    for file in history.rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged" + file.read_bytes()[7:])
    with Server(environment=environment) as made:
        made.folder = str(history)  # type: ignore[attr-defined]
        yield made


def test_names_logins_and_paths_can_be_read(server: Server) -> None:
    wait_until(lambda: "gateway home: " in server.output(), 20, server.output())
    assert f"history file {server.folder}/gateway-home/polls.ring is damaged" in server.output()  # type: ignore[attr-defined]
    assert "home: home, TEDAPI" in server.output() and HIDDEN not in server.output()


ENCODED = {
    "percent": quote(TOKEN, safe=""),
    "percent, lower case": quote(TOKEN, safe="").lower(),
    "percent, every byte": "".join(f"%{byte:02x}" for byte in TOKEN.encode()),
    "percent, in part": quote(TOKEN, safe="+").replace("k", "%6B"),
    "percent, twice": quote(quote(TOKEN, safe=""), safe=""),
    "base64": base64.urlsafe_b64encode(f"owner:{TOKEN}".encode()).decode(),
}


def quiet(text: str) -> None:
    """Nothing of the token."""
    for encoded in (TOKEN, TOKEN.encode().decode("latin-1"), json.dumps(TOKEN)[1:-1], *ENCODED.values()):
        assert encoded not in text, text
    assert "ken/of" not in text and "oken%2Fof" not in text and "of the" not in text


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_token_in_a_request(server: Server, encoding: str) -> None:
    word = ENCODED[encoding]
    for target in (
        f"/api/gateways/{word}",
        f"/api/gateways/{word}/soe",
        f"/api/history?gateway={word}",
        f"/api/history?step={word}",
        f"/api/timeseries/trend?hours={word}",
        f"/{word}/soe",
        f"/control/reserve?token={word}",
        f"/api/stream?gateway={word}",
        f"/soe?{word}",
    ):
        answer = server.get(target)
        quiet(f"{answer.headers}{answer.body.decode()}")
    with Wire(server.port or 0) as wire:
        wire.send(f"GET http://pi/{word} HTTP/1.1\r\nHost: pi\r\n\r\n".encode())
        quiet(wire.answer().body.decode())
    quiet(server.output())


def test_a_token_in_the_wrong_member(server: Server) -> None:
    headers = {"authorization": quote(TOKEN), "content-type": "application/json"}
    for body in (json.dumps({"value": TOKEN}), json.dumps({TOKEN: 1}), "{" + TOKEN, json.dumps([TOKEN])):
        for path in ("/control/mode", "/control/grid_export", "/api/gateways/home/api/operation"):
            right = f"Bearer {TOKEN}".encode().decode("latin-1")
            for given in (headers, headers | {"authorization": right}):
                answer = server.get(path, "POST", given, body.encode())
                assert 400 <= answer.status < 500
                quiet(answer.body.decode())
    quiet(server.output())
