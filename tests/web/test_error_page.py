"""An error is a page for people and JSON for programs, with the same status and the same detail."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest

from pwserver.web.errors import Refusal
from tests.web.conftest import make_app
from tests.web.test_routes import Ask, client_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PROGRAMS = (
    None, "", "*/*", "application/json", "application/json, text/plain, */*", "application/json, text/html;q=0.9",
    "text/html;q=0", "text/plain", "text/html;q=no", "garbage;;,,", "application/json;q=0.8, text/html;q=0.8",
)  # fmt: skip
PASSWORD = "cabin<&>lock"


@pytest.fixture(scope="module")
def ask() -> Ask:
    app = make_app("error_page", {"PW_HOST": "127.0.0.1:9", "PW_GW_PWD": PASSWORD, "PROXY_BASE_URL": "/power"})
    app.router.reset()

    @app.get("/fails")
    async def fails(request: Any) -> Any:
        raise RuntimeError("hunter2")

    @app.get("/busy")
    async def busy(request: Any) -> Any:
        raise Refusal(503, "<b>{title}</b> is being read", {"retry-after": "7"})

    return client_of(app)


@pytest.mark.parametrize(
    ("path", "status", "title", "detail"),
    [
        ("/nope", 404, "There is nothing at this address", ""),
        ("/api/gateways/attic/soe", 404, "There is nothing at this address", "Gateway attic not found"),
        ("/fails", 500, "The server made a mistake", "Internal Server Error"),
        ("/busy", 503, "This is not available just now", "<b>{title}</b> is being read"),
    ],
)
def test_people_read_a_page(ask: Ask, path: str, status: int, title: str, detail: str) -> None:
    response = ask("get", path, headers={"accept": BROWSER})
    assert (response.status, response.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert response.headers["cache-control"] == "no-store" and "hunter2" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert unescape(re.search("<h2 [^>]*>(.*)</h2>", response.text)[1]) == title  # type: ignore[index]
    shown = re.search('class="detail" lang="en">(.*)</p>', response.text)[1]  # type: ignore[index]
    assert "<" not in shown and unescape(shown) == ("" if detail == "Internal Server Error" else detail)
    assert response.headers.get("retry-after") == ("7" if status == 503 else None)
    as_json = ask("get", path)
    assert as_json.status == status and as_json.json["detail"] == (detail or "Not Found")


@pytest.mark.parametrize("accept", PROGRAMS)
def test_programs_get_json(ask: Ask, accept: str | None) -> None:
    response = ask("get", "/nope", headers={} if accept is None else {"accept": accept})
    assert response.status == 404 and response.json == {"detail": "Not Found"}


@pytest.mark.parametrize("path", ["/nope", "/a/b/c", "/api/gateways/attic", "/power/a/b", "/a/b/", "//a"])
def test_its_links_lead_home_below_any_prefix(ask: Ask, path: str) -> None:
    page = ask("get", path, headers={"accept": BROWSER}).text
    root = "/power/" if path.startswith("/power") else "/"
    for prefix in ("", "/ingress/token"):  # what a proxy has taken off
        links = {urljoin(f"http://h{prefix}{path}", link) for link in re.findall('(?:href|src)="([^"]+)"', page)}
        assert {f"http://h{prefix}{root}{name}" for name in ("", "console", "history", "docs", "favicon.ico")} <= links
        assert all(link.startswith(f"http://h{prefix}{root}") for link in links)
    for link in re.findall('(?:href|src)="([^"]*static/[^"]+)"', page):
        assert ask("get", urljoin(f"http://h{path}", link).removeprefix("http://h")).status == 200


def test_a_secret_in_the_address_is_not_repeated(ask: Ask) -> None:
    for spelt in ("cabin%3C%26%3Elock", "cabin%3C%26%3elock"):
        page = ask("get", f"/api/gateways/{spelt}", headers={"accept": BROWSER}).text
        assert "lock" not in page and "cabin" not in page


def test_a_refusal_that_is_none_of_the_server_stays_json(ask: Ask) -> None:
    response = ask("post", "/console", headers={"accept": BROWSER})
    assert (response.status, response.json) == (405, {"detail": "Method Not Allowed"})
