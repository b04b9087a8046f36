"""Follow the recipe of docs/homeassistant.md to its end in Home Assistant Core, and write down what it says.

Home Assistant Core takes minutes to install and wants an environment of its own, so this is run by hand:

    python3.13 -m venv ha
    ha/bin/pip install pytest-homeassistant-custom-component==0.13.215 paho-mqtt
    .venv/bin/python -m tests.mqtt.homeassistant.walk ha/bin/python docs/homeassistant.md
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pwserver.generated_page import rewrite
from pwserver.simulator import SimulatedGateway
from tests.mqtt import test_energy_dashboard as recipe
from tests.support.server import Server
from tests.support.waiting import wait_until

MARKER = "<!-- written by python -m tests.mqtt.homeassistant.walk -->"
MARK = "TOLD "  # with which steps.py begins its lines
STEPS = Path(__file__).with_name("steps.py")
FAMILIES = ("powerwall2", "generator", "powerwall3")
FORMS = ("device", "entity")


def told(python: str, broker: recipe.Mosquitto) -> list[dict[str, Any]]:
    """Run the steps in Home Assistant's own environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(broker.log.parent),
        "CHOSEN": json.dumps(recipe.entities()),
        "BROKER_PORT": str(broker.port),
        "PASSWORD": recipe.PASSWORDS["homeassistant"],
    }
    alone = ["-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", "-q", "-s", "--asyncio-mode=auto", *alone, str(STEPS)]
    ended = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout[-3000:]
    return [json.loads(line.removeprefix(MARK)) for line in ended.stdout.splitlines() if line.startswith(MARK)]


def walk(python: str) -> str:
    """Return the transcript of the last family in the first form; the others have to end in the same way."""
    version = [python, "-c", "from homeassistant.const import __version__; print(__version__)"]
    core = subprocess.run(version, capture_output=True, text=True, check=True).stdout.strip()
    lines: list[str] = []
    with recipe.started_mosquitto() as broker:
        for family in FAMILIES:
            for form in FORMS:
                with SimulatedGateway(family, hour=12) as gateway:
                    values = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "MQTT_HA_DISCOVERY_FORM": form}
                    with Server(environment=recipe.environment(broker) | values) as server:
                        server.wait_for_data()
                        wait_until(lambda asked=server: asked.json("/api/mqtt/status")["connected"], 20, "connected")
                        *entities, validated, warnings = told(python, broker)
                assert validated == {"validated": [[], [], []]}, validated
                assert warnings == {"warnings": []}, warnings
                if form == FORMS[0]:
                    lines = [f"{one['entity']:52} {' '.join(one['words'])}" for one in entities]
    lines = ["```text", *lines, "energy/validate: no issue", "```", ""]
    lines.append(
        f"That is Home Assistant Core {core} with the simulated {FAMILIES[-1]}. With {' and '.join(FAMILIES[:-1])}, and"
    )
    lines.append("with the other form of discovery, it finds no issue either, and no warning about MQTT is in its log.")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    rewrite(sys.argv[2], MARKER, walk(sys.argv[1]))
