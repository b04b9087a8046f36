"""Canaries in every secret and private setting, and in what the gateway tells: not one may be heard anywhere."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pwserver.config.kinds import FilePath
from pwserver.config.settings import SETTINGS
from pwserver.simulator import SimulatedGateway
from tests.e2e.catalogue import statuses
from tests.e2e.conftest import IMPATIENT
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

ROOT = Path(__file__).parents[2]
MARK = "CaNaRy"  # in every planted secret; looked for in any case, as it is and in base64
PRIVATE = "MaGpIe"  # in logins, folders and files: no client may read them, but the owner's own log may

# Secret and private settings that cannot carry a canary here, and why.
NOT_PLANTED = {
    "PW_GATEWAYS": "the gateways come from the file here, and only one source counts; its entries carry canaries",
    "PW_REPLICA": "a replica has no gateways; planted in its own test below",
    "PW_TLS_CERT": "public, and needs a real certificate; its folder carries a canary",
    "PW_TLS_KEY": "the same",
    "PW_RSA_KEY_PATH": "of the single gateway; the file's entries carry canaries",
}


def planted(folder: Path) -> dict[str, str]:
    """Setting name -> canary, for every secret or private setting of the table."""
    found: dict[str, str] = {}
    for setting in SETTINGS:
        if not (setting.secret or setting.private) or setting.name in NOT_PLANTED:
            continue
        word = f"{MARK if setting.secret else PRIVATE}-{setting.name.lower().replace('_', '-')}"
        if isinstance(setting.kind, FilePath):
            path = folder / word
            if setting.name == "PW_TARIFF_FILE":
                shutil.copy(ROOT / "tests/config/data/tariff.yaml", path)
            elif setting.name == "PW_CACHE_FILE" or "CERT" in setting.name or setting.name == "PW_TIMESERIES_PATH":
                path.write_text("")
            else:
                if setting.name == "PW_HISTORY_PATH":  # the last part is shown as db_file, as the contract has it
                    path = path / "history"
                path.mkdir(parents=True)
            found[setting.name] = str(path)
        elif setting.name == "PW_POWERS_URL":
            found[setting.name] = f"http://127.0.0.1:9/{word}?token={word}"
        elif setting.name == "PW_NOTICE_URLS":
            found[setting.name] = f"json://{word}:{word}@127.0.0.1:9/{word}"
        elif setting.name == "PW_EMAIL":
            found[setting.name] = f"{word}@example.com"
        else:
            found[setting.name] = word
    return found


class Planted:
    """A server full of canaries, with debug log and gateways that fail in every way."""

    def __init__(self, folder: Path) -> None:
        self.settings = planted(folder)
        self.password = f"{MARK}GWPWD{MARK[::-1].lower()[:3]}{MARK}"  # its last five letters are the owner's password
        self.well = SimulatedGateway("powerwall2", password=self.password)
        self.local = SimulatedGateway("local", password=self.password)
        self.ill = SimulatedGateway("powerwall2", password=self.password)
        config = self.well.device.config
        config["wifi"] = {"ssid": "home", "wifi_password": f"{MARK}-wifi"}
        config["customer"] = {"registered": True, "email": f"{MARK}@home.example", "refresh_token": f"{MARK}-token"}
        key = folder / f"{PRIVATE}-rsa.pem"
        key.write_text(f"-----BEGIN {MARK} PRIVATE KEY-----")
        self.path = folder / "pwserver.yaml"
        self.key = key

    def write(self) -> None:
        entries: list[dict[str, Any]] = [
            {
                "id": "well",
                "host": self.well.address,
                "gw_pwd": self.password,
                "email": f"{PRIVATE}-well@example.com",
                "authpath": str(self.key.parent / f"{PRIVATE}-authpath"),
                "siteid": f"{PRIVATE}-site",
            },
            {"id": "local", "host": self.local.address, "password": self.local.customer_password},
            {"id": "ill", "host": self.ill.address, "gw_pwd": self.password},
            {"id": "refused", "host": self.ill.address, "gw_pwd": f"{MARK}-wrong-password"},
            {"id": "key", "host": self.well.address, "gw_pwd": self.password, "rsa_key_path": str(self.key)},
            {"id": "cloud", "email": f"{PRIVATE}-cloud@example.com", "siteid": f"{PRIVATE}-cloud-site"},
        ]
        self.path.write_text(yaml.safe_dump({"gateways": entries}))

    def words(self) -> list[str]:
        """What no client may hear: secrets, and what is private."""
        return [*self.secrets(), PRIVATE.lower()]

    def secrets(self) -> list[str]:
        """What nobody may hear: the mark, what it turns into in a header, and what the library makes of it."""
        basic = base64.b64encode(f"Tesla_Energy_Device:{self.password}".encode()).decode()
        return [MARK.lower(), MARK[::-1].lower() + "x", basic.lower(), self.password[-5:].lower() + '"']


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Planted]]:
    made = Planted(tmp_path_factory.mktemp("planted"))
    with made.well, made.local, made.ill:
        made.write()
        environment = {
            **IMPATIENT,
            **made.settings,
            "PW_DEBUG": "yes",
            "PW_CONFIG": str(made.path),
            "MQTT_HOST": "127.0.0.1",
            "MQTT_PORT": "9",
            "MQTT_CONTROLS": "31",
            "PW_REPLICA_PUBLISH": "yes",
        }
        with Server(environment=environment, executed=True) as server:
            server.wait_for_data("/api/gateways/well/aggregates")
            yield server, made


def silent(text: str, words: list[str], where: str) -> None:
    """Assert that none of the words is in the text."""
    lowered = text.lower()
    for word in words:
        at = lowered.find(word)
        assert at < 0, f"{where}: …{text[max(0, at - 80) : at + 80]}…"


def raw(port: int, request: bytes, seconds: float = 5.0) -> str:
    """All that is said to these bytes."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(request)
        try:
            while part := connection.recv(65536):
                said += part
        except OSError:
            pass
    return said.decode("latin-1")


def test_every_secret_setting_is_planted_or_has_a_reason() -> None:
    secret = {setting.name for setting in SETTINGS if setting.secret or setting.private}
    assert not NOT_PLANTED.keys() - secret


def test_no_answer_carries_a_canary(house: tuple[Server, Planted]) -> None:
    server, made = house
    words = made.words()
    made.ill.fault("garbage-json")
    targets = [*statuses(["well", "local", "ill", "refused", "key", "cloud"], "well")]
    targets += ["/metrics", "/influx", "/openapi.json", "/docs", "/", "/console", "/livez", "/readyz", "/stats/clear",
                "/api/timeseries/status", "/api/history", "/help", "/no/such/page", "/api/gateways/nobody",
                "/api/mqtt/status", "/control/status"]  # fmt: skip
    seen = set()
    for target in targets:
        answer = server.get(target, headers={"Accept-Encoding": "identity"})
        seen.add(answer.status)
        silent(f"{answer.headers}\n{answer.body.decode('latin-1')}", words, target)
    assert {200, 404} <= seen
    config = server.json("/api/gateways/well")["data"]["tedapi_config"]
    assert config["wifi"] == {"ssid": "home", "wifi_password": "**********"}


def test_no_error_carries_a_canary(house: tuple[Server, Planted]) -> None:
    server, made = house
    words = made.words()
    secret = made.settings["PW_CONTROL_SECRET"]
    wrong = {"Authorization": "Bearer wrong-token-of-a-stranger", "Content-Type": "application/json"}
    right = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    for method, target, body, headers in (
        ("POST", "/control/reserve", b'{"value": 20}', wrong),
        ("POST", "/control/reserve", b'{"value": "x"}', right),
        ("POST", "/control/mode", b"{broken", right),
        ("POST", "/control/mode", b'{"value": "backup"}', right),
        ("POST", "/control/nothing", b"{}", right),
        ("POST", "/health/reset", b"", right),
        ("PUT", "/aggregates", b"", {}),
        ("DELETE", "/control/reserve", b"", wrong),
        ("GET", "/api/timeseries/daily?days=9999", None, {}),
    ):
        answer = server.get(target, method, headers, body)
        silent(f"{answer.headers}{answer.body.decode('latin-1')}", words, f"{method} {target}")
    for request in (
        b"GET /aggregates HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"BREW / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /control/reserve HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
    ):
        silent(raw(server.port or 0, request), words, repr(request[:40]))


def test_no_websocket_frame_carries_a_canary(house: tuple[Server, Planted]) -> None:
    server, made = house
    for target in ("/ws/aggregate", "/ws/gateway/well", "/ws/gateway/ill"):
        frames = listen(server.port or 0, target)
        assert frames, target
        silent(frames, made.words(), target)


def listen(port: int, target: str) -> str:
    """What a WebSocket says within two polls."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    said = b""
    with socket.create_connection(("127.0.0.1", port), patient(5)) as connection:
        connection.sendall(head.encode())
        deadline = time.monotonic() + patient(20)
        while messages(said) < 2 and time.monotonic() < deadline:
            said += connection.recv(65536)
    assert said.startswith(b"HTTP/1.1 101"), said[:200]
    return said.decode("latin-1")


def messages(said: bytes) -> int:
    """Text messages so far."""
    _, _, rest = said.partition(b"\r\n\r\n")
    count = 0
    while len(rest) >= 2:
        size, start = rest[1] & 127, 2
        if size == 126 and len(rest) >= 4:
            size, start = struct.unpack("!H", rest[2:4])[0], 4
        elif size == 127 and len(rest) >= 10:
            size, start = struct.unpack("!Q", rest[2:10])[0], 10
        if len(rest) < start + size:
            break
        count += rest[0] & 15 == 1
        rest = rest[start + size :]
    return count


def test_no_log_line_or_traceback_carries_a_canary(house: tuple[Server, Planted]) -> None:
    """Last: by now everything has happened. Debug level, failing gateways, a broken poller, refused logins."""
    server, made = house
    for kind in ("reset", "401", "silent", "none"):
        made.ill.fault("status", status=401) if kind == "401" else made.ill.fault(kind)
        before = server.state("ill")["state_since"]
        wait_until(lambda before=before: server.state("ill")["state_since"] >= before, 20)
    os.kill(server.children()["poller"], 11)  # SIGSEGV: whatever a crashing process prints
    os.kill(server.children()["worker-0"], 6)
    server.wait_for_data("/api/gateways/well/aggregates", newer_than=time.time())
    wait_until(lambda: not server.state("refused")["online"] and server.state("refused")["cause"] == "auth", 30)
    said = len(server.output())
    made.path.write_text(f"gateways: [{{id: x, gw_pwd: {MARK}-broken\n")
    os.kill(server.process.pid, 1)
    wait_until(lambda: "configuration not reloaded" in server.output()[said:], 20)
    output = server.output()
    assert " D " in output, "debug lines are there"
    silent(output, made.secrets(), "log")
    addresses = re.findall(rf"{PRIVATE}[^\s@]*@\S*", output)
    assert not addresses, "people's addresses are blotted out of what is pasted into public places"


def test_the_processes_show_no_canary_in_their_titles(house: tuple[Server, Planted]) -> None:
    server, made = house
    for pid in (server.process.pid, *server.children().values()):
        silent(Path(f"/proc/{pid}/cmdline").read_text(), made.words(), f"command line of {pid}")


def test_a_traceback_with_a_secret_in_it_is_blotted() -> None:
    """The formatter is the last line of defence: whoever raises whatever, the text of a secret does not get out."""
    program = (
        "import logging; from pwserver import log\n"
        f"log.configure(True, ['{MARK}-secret'])\n"
        f"def login(password): raise ValueError('cannot log in with ' + password)\n"
        f"try: login('{MARK}-secret')\n"
        "except ValueError: logging.getLogger('anything').exception('failed for %s', {'pw': '" + MARK + "-secret'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert "Traceback" in done.stderr and "cannot log in with **********" in done.stderr
    shown = [line for line in done.stderr.splitlines() if MARK in line and "login('" not in line]
    assert not shown, shown


@pytest.mark.parametrize("broken", [False, True])
def test_a_replica_keeps_its_broker_login_to_itself(tmp_path: Path, broken: bool) -> None:
    where = f"mqtt://{MARK}-user:{MARK}-password@127.0.0.1:9"
    environment = {"PW_REPLICA": where, "PW_REPLICA_KEY": f"{MARK}-key", "PW_DEBUG": "yes", **IMPATIENT}
    if broken:
        environment["PW_WORKERS"] = "many"
        command = [sys.executable, "-m", "pwserver", "check-config"]
        env = clean_environment(**environment)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        silent(done.stdout + done.stderr, [MARK.lower()], "check-config")
        return
    with Server(environment=environment) as server:
        for target in ("/stats", "/health", "/api/gateways/", "/aggregates", "/metrics"):
            answer = server.get(target)
            silent(f"{answer.headers}{answer.body.decode('latin-1')}", [MARK.lower()], target)
        silent(server.output(), [MARK.lower()], "log")


def test_words_are_found_when_they_are_there() -> None:
    """The search itself: a test of silence must not be deaf."""
    with pytest.raises(AssertionError):
        silent(json.dumps({"x": f"a {MARK.upper()} b"}), [MARK.lower()], "here")
    assert re.search(MARK, f"{MARK}") and http.client.responses[200] == "OK"
