"""docs/api.md and docs/compatibility.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from pwserver.generated_page import with_generated
from pwserver.web import api_page
from tests.compat import page as compatibility_page
from tests.support.server import Server

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_paths_is_current() -> None:
    text = (DOCS / "api.md").read_text()
    again = "run: python -m pwserver.web.api_page docs/api.md"
    assert text == with_generated(text, api_page.START, api_page.reference()), again


def test_the_table_of_exceptions_is_current() -> None:
    text = (DOCS / "compatibility.md").read_text()
    again = "run: python -m tests.compat.page docs/compatibility.md"
    assert text == with_generated(text, compatibility_page.START, compatibility_page.reference()), again


def test_all_decisions_are_told() -> None:
    text = (DOCS / "compatibility.md").read_text()
    told = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert told == [*range(1, 20)]


def test_what_the_decisions_promise_holds(server: Server) -> None:
    """Those that one request can show; the others have tests of their own."""
    answer = server.get("/aggregates", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["cache-control"] == "no-cache"  # 4
    assert answer.headers["vary"] == "Accept-Encoding"
    assert server.get("/aggregates", headers={"If-None-Match": server.get("/aggregates").headers["etag"]}).status in (
        200,  # a poll came between the two
        304,
    )
    assert "set-cookie" not in answer.headers  # 9
    assert "set-cookie" in server.get("/").headers
    assert int(answer.headers["age"]) >= 0  # 10
    soe = server.json("/api/aggregate/soe")  # 6
    assert {"percentage_mean", "weighted"} <= soe.keys()
    operation = server.json("/api/operation")
    assert operation["backup_reserve_percent"] > operation["backup_reserve_percent_app"]
    assert server.get("/api/gateways/cabin/csv/v2").body == b",,,,,,\n"  # 2, 3


def test_every_path_in_the_prose_is_served(server: Server) -> None:
    text = (DOCS / "api.md").read_text().partition(api_page.START)[0]
    paths = set(re.findall(r"localhost:8675(/[^ '\s]*)", text)) | set(re.findall(r"`(/[a-z_/]+)`", text))
    assert len(paths) > 12
    for path in paths - {"/api/stream", "/ws/aggregate", "/ws/site", "/ws/events"}:
        assert server.get(path.rstrip("…")).status in (200, 307), path
