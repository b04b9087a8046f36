"""Commands whose body comes in chunks, from the programs that send such: Node's ``write()`` and ``curl -T -``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.control.houses import FORM, JSON, SECRET, House
from tests.support.waiting import patient

# Arguments: the address, the header as JSON, then what is written, piece by piece.
NODE = """
const [address, headers, ...pieces] = process.argv.slice(1);
const request = require("node:http").request(address, { method: "POST", headers: JSON.parse(headers) }, (answer) => {
  let text = "";
  answer.setEncoding("utf8").on("data", (part) => (text += part));
  answer.on("end", () => console.log(JSON.stringify([request.chunkedEncoding, answer.statusCode, JSON.parse(text)])));
});
for (const piece of pieces) request.write(piece);
request.end();
"""
RESERVE = ("config", {"site_info.backup_reserve_percent": 43.0})


@pytest.fixture
def house(v1r: House) -> House:
    """A house whose reserve is another one, so that the gateway has something to change."""
    assert v1r.post("/control/reserve", {"value": 77}).status == 200
    v1r.forget()
    return v1r


def address_of(house: House, path: str) -> str:
    return f"http://127.0.0.1:{house.server.port}{path}"


def node(house: House, path: str, headers: dict[str, str], *pieces: str) -> tuple[int, Any]:
    """What Node's own client is answered; it must have sent chunks."""
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]  # node may be part of the virtual environment
    program = shutil.which("node", path=os.pathsep.join(places))
    assert program, "node is one of the development tools"
    command = [program, "-e", NODE, address_of(house, path), json.dumps(headers), *pieces]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == 0, done.stderr
    in_chunks, status, body = json.loads(done.stdout)
    assert in_chunks is True
    return status, body


@pytest.mark.parametrize("path", ["/control/reserve", "/api/gateways/default/control/reserve"])
def test_node_writes_json_in_pieces(house: House, path: str) -> None:
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {SECRET}"}
    status, _ = node(house, path, headers, '{"val', 'ue": 4', "0}")
    assert status == 200 and house.writes() == [RESERVE]


def test_node_writes_a_form_in_pieces(house: House) -> None:
    fields = urllib.parse.urlencode({"value": 40, "token": SECRET})
    status, _ = node(house, "/control/reserve", {"Content-Type": FORM}, fields[:7], fields[7:])
    assert status == 200 and house.writes() == [RESERVE]


@pytest.mark.parametrize(
    ("pieces", "status"),
    [(('{"value": ', "400}"), 400), (("[1", "]"), 422), (('{"value": 40,' + " " * 70_000, "}"), 413)],
)
def test_a_bad_body_in_chunks_is_refused_as_any_other(house: House, pieces: tuple[str, ...], status: int) -> None:
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {SECRET}"}
    whole = house.post("/control/reserve", "".join(pieces).encode())
    streamed = node(house, "/control/reserve", headers, *pieces)
    assert streamed == (status, whole.json()) and whole.status == status
    assert house.writes() == []


def test_curl_streams_json_from_standard_input(house: House) -> None:
    program = shutil.which("curl")
    assert program, "curl is one of the system packages of the tests"
    headers = ["-H", f"Content-Type: {JSON}", "-H", f"Authorization: Bearer {SECRET}"]
    url = address_of(house, "/control/reserve")
    done = subprocess.run(
        [program, "-s", "-v", "-X", "POST", *headers, "-T", "-", url],
        input=b'{"value": 40}',
        capture_output=True,
        timeout=patient(30),
    )
    assert b"> Transfer-Encoding: chunked" in done.stderr
    assert b"< HTTP/1.1 200" in done.stderr and house.writes() == [RESERVE]
