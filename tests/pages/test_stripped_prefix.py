"""Below a prefix that a proxy takes off, and of which the server is not told: every page, stream and answer works.

Home Assistant's ingress is such a proxy, and its prefix holds a token that nobody can know before.
"""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from tests.pages.conftest import Look
from tests.pages.support import HOME_SHOWN, SECRET, House, thin_description, until, wait_for_frame, wait_live
from tests.pages.support import house as make_house
from tests.pages.test_api_pages import try_out
from tests.pages.test_control import ONLY_CONTROL, confirm, give_token, press, slide
from tests.pages.test_explain import explained
from tests.support.nginx import stripping_nginx
from tests.support.waiting import wait_until

DRAWN = "document.documentElement.dataset.shown && document.querySelector('#power canvas')"


@pytest.fixture(scope="module")
def plain_house() -> Iterator[House]:
    """A house whose server knows no prefix at all."""
    with make_house("v1r", PW_CONTROL_SECRET=SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def below(plain_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address below which the proxy serves the house; as deep as that of Home Assistant's ingress."""
    prefix = f"api/hassio_ingress/{secrets.token_urlsafe(24)}"
    with stripping_nginx(tmp_path_factory.mktemp("nginx"), plain_house.server.port, prefix) as base:
        yield base


class _Unfollowed(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the test."""

    def redirect_request(self, *_: Any) -> None:
        return None


def answer_of(address: str, **request: Any) -> tuple[int, Message]:
    """Ask for an address without following what it says, and return the status and the head."""
    opener = urllib.request.build_opener(_Unfollowed)
    try:
        with opener.open(urllib.request.Request(address, **request), timeout=60) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


@pytest.mark.parametrize("transport", ["socket", "stream", "poll"])
def test_live_pages_by_every_transport(below: str, look: Look, transport: str) -> None:
    page = look(below).open(f"?live={transport}", transport)
    until(page, HOME_SHOWN)
    page.goto(f"{below}/{ONLY_CONTROL}&live={transport}")
    wait_live(page, transport)


def test_history_example_explanation_and_the_way_to_the_console(below: str, look: Look) -> None:
    page = look(below).open("history")
    until(page, DRAWN)
    for link in ("#csv-power", "#csv-energy"):
        assert page.evaluate(f"document.querySelector('{link}').href").startswith(f"{below}/api/")
    page.goto(f"{below}/example")
    wait_for_frame(page)
    assert f'src="{below}/?style=' in page.inner_text("#code")
    page.goto(f"{below}/")
    wait_live(page)
    until(page, HOME_SHOWN)
    page.locator(".node.home .value").click()
    assert explained(page).startswith("Home power")
    page.keyboard.press("Escape")
    page.click("nav a:has-text('Console')")
    until(page, "document.querySelector('#state')?.textContent === 'Live'")
    assert page.url == f"{below}/console"


def test_api_pages_and_trying_out(below: str, look: Look) -> None:
    watched = look(below)
    thin_description(watched.page, ["/soe"])
    page = watched.open("docs")
    try_out(page, f"{below}/soe")
    page.goto(f"{below}/redoc")
    page.wait_for_selector("h2:has-text('State of energy, raw scale')")


def test_command_from_the_console(below: str, plain_house: House, look: Look) -> None:
    page = look(below).open(ONLY_CONTROL)
    slide(page)
    press(page, "reserve", "Set")
    confirm(page, "Set reserve")
    give_token(page)
    wait_until(lambda: plain_house.gateway.writes, 20, "the command has not arrived")


@pytest.mark.parametrize("query", ["", "?style=black&gateway=default"])
def test_prefix_without_a_slash_leads_to_the_page(below: str, look: Look, query: str) -> None:
    # The browser reads ahead and may ask for files at the wrong place before the page has said where it really is.
    page = look(below, check=False).page
    ran: list[str] = []
    page.on("pageerror", lambda error: ran.append(str(error)))
    page.goto(f"{below}{query}")
    page.wait_for_url(f"{below}/{query}")
    wait_live(page)
    until(page, HOME_SHOWN)
    assert ran == []


@pytest.mark.parametrize("path", ["console/", "history/?range=7d", "example/", "docs/", "redoc/", "help", "help/"])
def test_redirects_stay_below(below: str, path: str) -> None:
    status, head = answer_of(f"{below}/{path}")
    assert status == 307
    there = urljoin(f"{below}/{path}", head["location"])
    assert there.startswith(f"{below}/") and not urlsplit(there).path.endswith("/"), there
    assert urlsplit(there).query == urlsplit(path).query
    assert answer_of(there)[0] == 200


def test_cookies_of_pages_stay_below(below: str, look: Look) -> None:
    page = look(below, check=False).page
    for path in ("", "console", "history", "example.html"):
        page.context.clear_cookies()
        page.goto(f"{below}/{path}", wait_until="commit")  # they come with the head of the answer
        found = page.context.cookies()
        assert {one["name"] for one in found} == {"AuthCookie", "UserRecord"}, path
        assert {one["path"] for one in found} == {urlsplit(below).path}, path
