"""The recipe of docs/homeassistant.md, followed as it stands there, from a broker to the Energy dashboard."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.mqtt.broker import Watcher
from tests.support.programs import free_port, process
from tests.support.server import Server
from tests.support.waiting import if_answered, patient, wait_until, wait_until_async

PAGE = (Path(__file__).parents[2] / "docs/homeassistant.md").read_text()
PLACES = ("grid consumption", "return to grid", "solar production", "going in to", "coming out of")
# What Home Assistant's Energy dashboard demands of an entity.
ENERGY_UNITS = {"Wh", "kWh", "MWh"}
STATE_CLASSES = {"total", "total_increasing"}
PASSWORDS = {"pwserver": "the_password_of_pwserver", "homeassistant": "the password of Home Assistant"}


def step(number: int) -> str:
    """The text of one step of the recipe."""
    found = re.search(rf"^### {number}\..*?(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, number
    return found[0]


def blocks(text: str, language: str) -> list[str]:
    """What stands in the text's blocks of this language."""
    return [
        body for name, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if name == language
    ]


@dataclass
class Mosquitto:
    """The broker of the recipe."""

    port: int
    log: Path

    def watch(self, user: str, password: str) -> Watcher:
        """A client with this login."""
        return Watcher(self.port, "#", username=user, password=password)


@contextmanager
def started_mosquitto() -> Iterator[Mosquitto]:
    """Step 1, in a folder in the place of /etc/mosquitto; as root it changes to the user mosquitto, as on Debian."""
    folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
    folder.chmod(0o755)
    try:
        (folder / "conf.d").mkdir()
        (settings,) = blocks(step(1), "text")
        port = free_port()
        assert "listener 1883\n" in settings
        here = settings.replace("listener 1883\n", f"listener {port} 127.0.0.1\n").replace(
            "/etc/mosquitto", str(folder)
        )
        (folder / "conf.d/home.conf").write_text(here)
        (folder / "mosquitto.conf").write_text(f"include_dir {folder}/conf.d\nlog_dest stderr\n")
        for line in "".join(blocks(step(1), "sh")).splitlines():
            follow(line.replace("/etc/mosquitto", str(folder)))
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        command = [binary, "-c", str(folder / "mosquitto.conf")]
        with process(command, {"PATH": os.environ["PATH"]}, str(folder / "log")) as started:

            def listens() -> bool:
                assert started.poll() is None, (folder / "log").read_text()
                socket.create_connection(("127.0.0.1", port), patient(1)).close()
                return True

            wait_until(if_answered(listens), 20, "mosquitto does not listen")
            yield Mosquitto(port, folder / "log")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    """One broker for all tests."""
    with started_mosquitto() as found:
        yield found


def follow(line: str) -> None:
    """Do what a line of the recipe says; what installs and restarts is done already."""
    words = shlex.split(line)
    assert words.pop(0) == "sudo", line
    if words[0] in ("apt", "systemctl") or (words[0] == "chown" and os.geteuid() != 0):
        return
    if words[0] == "mosquitto_passwd":  # which asks for the password
        words = [words[0], "-b", *words[1:], PASSWORDS[words[-1]]]
    subprocess.run(words, check=True, timeout=patient(20), capture_output=True)


def environment(broker: Mosquitto) -> dict[str, str]:
    """Step 2, with the port of this broker."""
    (settings,) = blocks(step(2), "ini")
    found = dict(line.split("=", 1) for line in settings.splitlines())
    assert found.keys() == {"MQTT_HOST", "MQTT_USERNAME", "MQTT_PASSWORD"}
    return found | {"MQTT_PORT": str(broker.port)}


def entities() -> list[str]:
    """Step 5: the entities to choose, in the order of the places."""
    rows = re.findall(r"^\| (.*?) \| (.*?) \|$", step(5), re.MULTILINE)[1:]
    assert len(rows) == len(PLACES) and all(word in row[0] for word, row in zip(PLACES, rows, strict=True)), rows
    return [name for _, name in rows]


def announced(seen: Watcher, form: str) -> dict[str, dict[str, Any]]:
    """Every sensor of the gateway's own device as Home Assistant hears of it in this form, by its name."""
    messages = {topic: json.loads(payload) for topic, payload in seen.last.items() if topic.endswith("/config")}
    if form == "entity":
        sensors = [message for topic, message in messages.items() if "/sensor/pypowerwall_default_" in topic]
    else:
        device = messages.get("homeassistant/device/pypowerwall_default/config", {})
        sensors = [
            {**one, "availability": [*device["availability"], *one.get("availability", [])]}
            for one in device.get("components", {}).values()
        ]
    return {one["name"]: one for one in sensors if "state_topic" in one}  # without one, it says how to change the form


@pytest.mark.parametrize("form", ["device", "entity"])
def test_the_recipe_ends_at_the_energy_dashboard(mosquitto: Mosquitto, form: str) -> None:
    with SimulatedGateway("powerwall3", hour=12) as gateway:
        values = environment(mosquitto) | {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password}
        with Server(environment=values | {"MQTT_HA_DISCOVERY_FORM": form}) as server:
            (question,) = blocks(step(3), "sh")
            asked = shlex.split(question.replace("localhost:8675", f"127.0.0.1:{server.port}"))

            def status() -> dict[str, Any]:
                told: dict[str, Any] = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
                return told

            wait_until(if_answered(lambda: status()["connected"]), 20, "connected")
            assert '"connected": true' in step(3) and status()["reason"] is None
            asyncio.run(chosen(mosquitto, form))


async def chosen(broker: Mosquitto, form: str) -> None:
    """Each entity of the table is one that the dashboard takes, and has a value."""
    async with broker.watch("homeassistant", PASSWORDS["homeassistant"]) as seen:
        await wait_until_async(lambda: set(entities()) <= announced(seen, form).keys(), 20, "the entities")
        found = announced(seen, form)
        for name in entities():
            entity = found[name]
            assert entity["device_class"] == "energy", name
            assert entity["state_class"] in STATE_CLASSES, name
            assert entity["unit_of_measurement"] in ENERGY_UNITS, name
            await wait_until_async(lambda one=entity: one["state_topic"] in seen.last, 20, name)
            assert float(seen.last[entity["state_topic"]]) >= 0, name
            topics = [one["topic"] for one in entity["availability"]]
            await wait_until_async(
                lambda all_of=topics: all(seen.last.get(topic) == "online" for topic in all_of),
                20,
                f"{name} is available",
            )


@pytest.mark.parametrize("user", ["homeassistant", None])
def test_a_broker_of_the_recipe_lets_nobody_else_in(mosquitto: Mosquitto, user: str | None) -> None:
    async def refused() -> None:
        with pytest.raises(Exception, match=r"[Aa]uthori"):
            async with mosquitto.watch(user or "", "wrong"):
                pass

    asyncio.run(refused())


def test_a_wrong_password_is_told_as_the_recipe_says(mosquitto: Mosquitto) -> None:
    assert "`Not authorized`" in step(3)
    with SimulatedGateway("powerwall3") as gateway:
        values = environment(mosquitto) | {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password}
        with Server(environment=values | {"MQTT_PASSWORD": "wrong-password"}) as server:
            told = wait_until(
                lambda: re.search("not authori[sz]ed", server.json("/api/mqtt/status")["reason"] or "", re.IGNORECASE),
                30,
            )
            assert told and "wrong-password" not in server.output()
