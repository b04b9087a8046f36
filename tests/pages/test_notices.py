"""The page of the server says how it stands with the notices, and sends a test message at the press of a button."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notices.receiver import Receiver
from tests.pages.conftest import Look
from tests.pages.support import SECRET, until
from tests.support.server import Server
from tests.support.waiting import wait_until


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with Receiver("/hook/very-secret-path") as receiver:
        yield receiver


@pytest.fixture(name="server")
def _server(receiver: Receiver, tmp_path: Path) -> Iterator[Server]:
    environment = {"PW_NOTICE_URLS": receiver.address, "PW_CONTROL_SECRET": SECRET, "PW_HISTORY_PATH": str(tmp_path)}
    with Server(["--demo"], environment) as server:
        server.wait_for_data()
        yield server


def test_the_button_sends_a_test_message(look: Look, server: Server, receiver: Receiver) -> None:
    watched = look(f"http://127.0.0.1:{server.port}")
    page = watched.page
    page.goto(f"{watched.base}/server")
    until(page, "document.querySelector('.notices')?.textContent.includes(': 0 sent')")
    page.click(".notices button")
    page.click("dialog button[value=yes]")
    page.fill("#token", SECRET)
    page.click("dialog button:has-text('Use it')")
    wait_until(lambda: receiver.messages, 20, server.output())
    until(page, "document.querySelector('.notices [role=status]').textContent === 'Sent.'")
    assert receiver.titles == ["Test of pwserver's notices"]
    assert "secret" not in page.inner_text(".notices")
    watched.leave()
