"""The pages in Home Assistant's sidebar: the add-on as Home Assistant starts it, behind a proxy as its ingress is one.

Ingress takes off a path with a token that nobody knows before. The server hears of the reader's address and of the name
that the reader used, from addresses of Home Assistant's own network.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pwserver.simulator import SimulatedGateway
from tests.pages.conftest import Look
from tests.pages.support import SECRET, until, wait_live
from tests.pages.test_control import ONLY_CONTROL, confirm, give_token, press, slide
from tests.pages.test_stripped_prefix import answer_of
from tests.support.addon import Addon, addon
from tests.support.nginx import stripping_nginx
from tests.support.waiting import wait_until

READER, CORE, SUPERVISOR = "192.0.2.7", "127.30.32.1", "127.30.32.2"  # as 172.30.32.1 and .2, on loopback
NAME = "me.duckdns.org"


@dataclass
class Ingress:
    """Where the sidebar shows the add-on, and what is behind it."""

    base: str
    addon: Addon
    gateway: SimulatedGateway


@pytest.fixture(scope="module")
def ingress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingress]:
    """The add-on with a signed connection and the control token, below a path of the length that real ones have."""
    folder = tmp_path_factory.mktemp("addon")
    (folder / "config").mkdir()
    prefix = f"api/hassio_ingress/{secrets.token_urlsafe(32)}"
    passed_on = (
        f"proxy_set_header X-Ingress-Path /{prefix}; proxy_set_header X-Forwarded-Host $http_host; "
        f'proxy_set_header X-Forwarded-For "{READER}, {CORE}"; proxy_bind {SUPERVISOR};'
    )
    with SimulatedGateway("v1r", hour=12) as gateway:
        assert gateway.rsa_key_path is not None
        shutil.copy(gateway.rsa_key_path, folder / "config/key.pem")
        options = {
            "host": gateway.address,
            "gateway_password": gateway.password,
            "key_file": "key.pem",
            "control_secret": SECRET,
            "allowed_hosts": [NAME],
            "mqtt": False,
            "gateways": [],
            "environment": [
                {"name": "PW_TRUSTED_PROXIES", "value": f"{CORE},{SUPERVISOR}"},
                {"name": "PW_CACHE_EXPIRE", "value": 1},
            ],
        }
        with addon(folder, options) as running:
            running.wait_for_data()
            with stripping_nginx(folder, running.port, prefix, passed_on) as base:
                yield Ingress(base, running, gateway)


def test_the_power_flow_is_live_in_the_sidebar(ingress: Ingress, look: Look) -> None:
    page = look(ingress.base).open("")
    wait_live(page)
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    page.click("nav a:has-text('Console')")
    until(page, "document.querySelector('#state')?.textContent === 'Live'")
    assert page.url == f"{ingress.base}/console"


def test_home_assistant_shows_it_in_a_frame(ingress: Ingress, look: Look) -> None:
    page = look(ingress.base, check=False).page  # what surrounds the frame is not ours
    around = f"{ingress.base.partition('/api/')[0]}/lovelace"
    frame = f'<!doctype html><iframe src="{ingress.base}/" width="900" height="600"></iframe>'
    page.route(around, lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(around)
    home = "document.querySelector('.node.home .value')?.textContent ?? '–'"
    wait_until(lambda: len(page.frames) == 2 and page.frames[1].evaluate(home) != "–", 20, "the frame shows no power")


def test_a_command_from_the_sidebar(ingress: Ingress, look: Look) -> None:
    page = look(ingress.base).open(ONLY_CONTROL)
    slide(page)
    press(page, "reserve", "Set")
    confirm(page, "Set reserve")
    give_token(page)
    wait_until(lambda: ingress.gateway.writes, 20, "the command has not arrived")


@pytest.mark.parametrize(("host", "expected"), [(NAME, 200), ("homeassistant.local:8123", 200), ("x.example.org", 421)])
def test_commands_under_the_names_of_home_assistant(ingress: Ingress, host: str, expected: int) -> None:
    head = {
        "Host": host,
        "Origin": f"https://{host}" if host == NAME else f"http://{host}",
        "Authorization": f"Bearer {SECRET}",
        "Content-Type": "application/json",
    }
    body = json.dumps({"value": 40}).encode()

    def status() -> int:
        return answer_of(f"{ingress.base}/control/reserve", method="POST", headers=head, data=body)[0]

    wait_until(lambda: status() == expected, 20, f"it is {status()}")  # 409 while another command is under way


def test_the_reader_is_known_and_the_token_is_not_told(ingress: Ingress) -> None:
    wrong = {"Authorization": "Bearer a-wrong-token", "Content-Type": "application/json"}
    status, _ = answer_of(f"{ingress.base}/control/reserve", method="POST", headers=wrong, data=b'{"value": 40}')
    assert status == 401
    wait_until(lambda: READER in ingress.addon.output(), 10, "the log names the reader, not the proxy")
    assert SECRET not in ingress.addon.output() and ingress.gateway.password not in ingress.addon.output()


def test_the_history_lies_in_the_folder_that_is_kept(ingress: Ingress) -> None:
    found = wait_until(lambda: [path for path in Path(ingress.addon.data).iterdir() if path.is_dir()], 30, "history")
    assert found
