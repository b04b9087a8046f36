"""A real reading for the benchmarks of rendering: one poll of a simulated gateway through the real library."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

from pwserver.assemble import assemble
from pwserver.config import load
from pwserver.reading import GatewayStatus, Reading
from pwserver.runtime import Runtime
from tests.support.programs import simulator

PASSWORD = "gatewaypass"


def read_once(scenario: str) -> tuple[Runtime, Reading, GatewayStatus]:
    """The runtime of a server for one simulated gateway, what one poll of it learned, and the status after it."""
    from pwserver.gateways.connection import GatewayConnection

    with simulator(scenario, 1, "--hour", "12", "--password", PASSWORD) as (address,):
        config = load({}, {"PW_HOST": address, "PW_GW_PWD": PASSWORD})
        (definition,) = config.gateways
        connection = GatewayConnection(definition, config.gateway_options(definition))
        for _ in range(3):  # the first polls leave the slow ticks for later
            reading = connection.poll()
        status = connection.status()
        connection.close()
    return assemble(config), reading, status


def changed(reading: Reading, chance: random.Random) -> Reading:
    """The reading a few seconds later: every float has moved a little, so that no document stays the same."""
    moved = {
        name: _moved(copy.deepcopy(getattr(reading, name)), chance)
        for name in ("aggregates", "vitals", "strings", "temps", "system_status", "fan_speeds", "tedapi_status")
    }
    return replace(reading, timestamp=reading.timestamp + chance.random(), soe_raw=chance.uniform(20, 90), **moved)


def _moved(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, chance) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, chance) for item in value]
    if type(value) is float:
        return value * chance.uniform(0.99, 1.01)
    return value
