"""/stats and /health, which pages ask for again and again, are sent compressed to whoever takes that."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support.server import Server
from tests.web.test_negotiation import ask


@pytest.mark.parametrize("target", ["/stats", "/health"])
def test_what_is_asked_often_is_compressed_for_those_who_take_it(server: Server, target: str) -> None:
    plain, packed = ask(server, target), ask(server, target, "Accept-Encoding: gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body)).keys() == json.loads(plain.body).keys()
    assert len(packed.body) < len(plain.body) / 2
    for answer in plain, packed:
        assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["cache-control"] == "no-store"
