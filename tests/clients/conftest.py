"""The server that clients made by others ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(["--demo"], {"PW_WORKERS": "1"}) as made:
        made.wait_for_data()
        yield made


@pytest.fixture(scope="module")
def description(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The API description as a file."""
    path = tmp_path_factory.mktemp("api") / "openapi.json"
    path.write_bytes(server.get("/openapi.json").body)
    return path
