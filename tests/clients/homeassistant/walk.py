"""Walk Home Assistant's own Tesla Powerwall integration through its life with simulated houses, and write it down.

Home Assistant Core takes minutes to install and wants an environment of its own, so this is run by hand:

    python3.11 -m venv ha
    ha/bin/pip install homeassistant==2024.3.3 pytest-homeassistant-custom-component==0.13.109 \\
        tesla_powerwall==0.5.2 aiodhcpwatcher
    .venv/bin/python -m tests.clients.homeassistant.walk ha/bin/python docs/homeassistant.md

After each step, what Home Assistant shows is compared with the simulated house; a difference is an AssertionError.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pwserver.generated_page import rewrite
from pwserver.simulator import SimulatedGateway
from tests.clients.houses import HEARD, HOUSES, served
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

MARKER = "<!-- transcript: written by tests/clients/homeassistant/walk.py -->"
FAMILIES = ("powerwall2", "powerwall-plus", "powerwall3", "v1r")
STEPS = (
    "set up",
    "update while the battery discharges",
    "update in an outage",
    "update without the gateway",
    "update after it is back",
    "reload",
    "add once more with another address",
    "remove",
)
MARK = "STEP "  # with which steps.py begins the line about a step
HOUSE = "simulated_house"  # the site's name, from which Home Assistant makes its own

Told = dict[str, Any]


@contextmanager
def home_assistant(python: str, port: int) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Home Assistant Core in a process of its own, which takes one step for each line of input; and its output."""
    output: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(python, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--asyncio-mode=auto", "--noconftest"),
                *("-c", os.devnull, "--rootdir", folder, str(ROOT / "tests/clients/homeassistant/steps.py")),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "HA_TARGET": f"127.0.0.1:{port}",
                "HA_OTHER_TARGET": f"localhost:{port}",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process, output
            rest, _ = process.communicate(timeout=180)
            assert process.returncode == 0, rest
        finally:
            process.kill()
            process.wait()


def next_step(process: subprocess.Popen[str], output: list[str]) -> Told:
    """Wait for the report of the step that Home Assistant takes now."""
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line)
        if line.startswith(MARK):
            told: Told = json.loads(line.removeprefix(MARK))
            return told
    raise AssertionError("Home Assistant ended:\n" + "".join(output[-60:]))


def ask(port: int, path: str) -> Any:
    """An answer of the server, whose certificate is its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", context=context, timeout=10) as answer:
        return json.load(answer)


def followed(port: int, house: SimulatedGateway, units: int) -> bool:
    """Whether the server tells what the house does now, of every unit that can be heard."""
    meters, grid = ask(port, "/aggregates"), ask(port, "/api/system_status/grid_status")
    truth = house.truth()
    word = "SystemGridConnected" if truth["grid"] == "up" else "SystemIslandedActive"
    return (
        meters.get("battery", {}).get("instant_power") == pytest.approx(truth["battery"], abs=2)
        and grid["grid_status"] == word
        and len(ask(port, "/api/powerwalls").get("powerwalls", [])) == units
        and ask(port, "/api/operation")["real_mode"] is not None
    )


def expected(house: SimulatedGateway, units: int) -> dict[str, str | float]:
    """What Home Assistant should show of the house: kW, kWh and percent of Tesla's app."""
    truth = house.truth()
    energies = {f"sensor.{HOUSE}_{name}": watt_hours for name, watt_hours in truth["energy_wh"].items()}
    shown: dict[str, str | float] = {
        f"sensor.{HOUSE}_charge": round((truth["soe"] - 5) / 0.95),
        f"sensor.{HOUSE}_backup_reserve": truth["reserve"],
        f"binary_sensor.{HOUSE}_status": "on",
        f"binary_sensor.{HOUSE}_grid_status": "on" if truth["grid"] == "up" else "off",
        f"binary_sensor.{HOUSE}_charging": "on" if truth["battery"] < -50 else "off",
        f"binary_sensor.{HOUSE}_grid_services_active": "off",
        f"switch.{HOUSE}_off_grid_operation": "off" if truth["grid"] == "up" else "on",
    }
    for place in ("site", "battery", "load", "solar"):
        shown[f"sensor.{HOUSE}_{place}_power"] = truth[place] / 1000
    for name, watt_hours in energies.items():
        shown[name.replace("_imported", "_import").replace("_exported", "_export")] = watt_hours / 1000
    for pack in house.device.family.packs[:units]:
        name = f"sensor.{HOUSE}_{pack.serial.lower()}"
        shown[f"{name}_battery_capacity"] = truth["capacity_wh"] / len(house.device.family.packs) / 1000
        shown[f"{name}_battery_remaining"] = truth["packs_wh"][pack.din] / 1000
    return shown


def compare(told: Told, house: SimulatedGateway, units: int) -> int:
    """Compare what Home Assistant shows with the house; return how many entities were compared."""
    wanted = expected(house, units)
    wrong: list[str] = []
    for entity, value in wanted.items():
        shown = told["entities"].get(entity, ["missing"])[0]
        if shown != value and (isinstance(value, str) or pytest.approx(value, abs=0.06) != float(shown)):
            wrong.append(f"{entity} is {shown}, should be {value}")
    assert not wrong, (told["step"], wrong)
    return len(wanted)


def prepare(step: str, port: int, house: SimulatedGateway, units: int) -> None:
    """Have the house do what the next step is about, and wait until the server tells it."""
    if step == "update while the battery discharges":
        house.set_house(fixed_solar=300.0, fixed_load=3300.0, fixed_battery=2000.0)
    elif step == "update in an outage":
        house.set_house(grid_outage=True, fixed_battery=3000.0)
    elif step == "update without the gateway":
        house.fault("unplugged")
        wait_until(lambda: "error" in ask(port, "/api/system_status"), 60, step)
        return
    else:
        house.fault("none")
    wait_until(lambda: followed(port, house, units), 60, step)


def walk(python: str, name: str) -> Iterator[str]:
    """Yield the lines of the transcript for one house."""
    units = HEARD.get(name, len(HOUSES[name].make_family().packs))
    yield f"# {HOUSES[name].description}"
    with served(name, PW_CACHE_TTL="10") as (house, server):
        prepare(STEPS[0], server.port, house, units)
        with home_assistant(python, server.port) as (process, output):
            assert process.stdin is not None
            for step, later in zip(STEPS, (*STEPS[1:], None), strict=True):
                told = next_step(process, output)
                assert told["step"] == step, told
                yield from lines(told, house, units)
                if later is not None:
                    prepare(later, server.port, house, units)
                process.stdin.write("\n")
                process.stdin.flush()


def lines(told: Told, house: SimulatedGateway, units: int) -> Iterator[str]:
    """Write what a step shows: everything after the first, and of later ones what changes."""
    step, entities = told["step"], told["entities"]
    if step == "remove":
        assert told["entry"] == told["devices"] == told["log"] == [] and entities == {}
        yield f"{step}: no entry, no device, no entity"
        return
    assert told["entry"] == ["loaded"], told
    if step == "update without the gateway":
        assert {state for state, _ in entities.values()} == {"unavailable"}
        yield f"{step}: {len(entities)} entities, all unavailable"
        yield from (f"  {line}" for line in told["log"])
        return
    assert told["log"] == [], told
    compared = compare(told, house, units)
    yield f"{step}: {len(entities)} entities; {compared} of them compared with the house: no difference"
    if step == "add once more with another address":
        yield f"  already configured; the address is now {told['address'].partition(':')[0]}"
    if step == "set up":
        assert told["id"] == house.din, told
        yield f"  entry {told['title']}, unique id {told['id']}"
        yield from ("  device " + ", ".join(map(str, device)) for device in told["devices"])
    for entity, (value, unit) in sorted(entities.items()):
        if step == "set up" or entity.endswith((f"{HOUSE}_battery_power", "_grid_status", "_charging")):
            yield f"  {entity} {value} {unit or ''}".rstrip()


def transcript(python: str) -> str:
    """Walk through every family."""
    return "```text\n" + "\n".join("\n".join(walk(python, name)) for name in FAMILIES) + "\n```\n"


if __name__ == "__main__":
    text = transcript(sys.argv[1])
    print(text) if len(sys.argv) < 3 else rewrite(sys.argv[2], MARKER, text)
