"""Prepare ``--demo``: simulated gateways in one more supervised child, and a configuration that polls them."""

from __future__ import annotations

import atexit
import os
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pwserver.config import Config, ConfigError, GatewayDefinition
from pwserver.config.configuration import temporary_folder
from pwserver.config.gateway_entries import Findings
from pwserver.config.tariff_entries import Tariffs, read_tariffs
from pwserver.demo.history import DemoHistory
from pwserver.demo.houses import ALONE_ALERT, HOUSES, TARIFF, DemoHouse

if TYPE_CHECKING:
    from pwserver.simulator import SimulatedGateway
    from pwserver.simulator.house import Plant

DEFAULT_SCENARIO = "powerwall2"
MANY_HOUSES = "houses"  # instead of a scenario: twelve of them
PASSWORD = "simulated-gateway"
WRONG_PASSWORD = "of-another-house"


class Demo(NamedTuple):
    """Holds a demo: the configuration with its gateways, the life of the simulator's process, and its past."""

    config: Config
    live: Callable[[], None]
    past: DemoHistory


def prepare(config: Config) -> Demo:
    """Return the demo that ``config`` asks for.

    ConfigError for an unknown scenario.
    """
    from pwserver.simulator.scenarios import SCENARIOS

    asked = config.settings.definitions.demo_scenario or "default"
    scenario = DEFAULT_SCENARIO if asked == "default" else asked
    if scenario != MANY_HOUSES and scenario not in SCENARIOS:
        allowed = ", ".join((*SCENARIOS, MANY_HOUSES))
        raise ConfigError([f"PW_DEMO: unknown scenario {scenario!r}; allowed: {allowed}"])
    alone = DemoHouse("default", f"Demo {scenario}", scenario, alert=ALONE_ALERT, weak_string=True)
    houses = HOUSES if scenario == MANY_HOUSES else (alone,)
    ports = dict(zip((house.id for house in houses), _free_ports(len(houses)), strict=True))
    signed = any(house.scenario is not None and SCENARIOS[house.scenario].v1r for house in houses)
    key, key_path = _owner_key() if signed else (None, None)

    def define(house: DemoHouse) -> GatewayDefinition:
        chosen = SCENARIOS[house.scenario] if house.scenario is not None else None
        local = chosen is not None and not chosen.tedapi
        password = WRONG_PASSWORD if house.wrong_password else PASSWORD
        return GatewayDefinition(
            id=house.id,
            name=house.name,
            host=f"127.0.0.1:{ports[house.id]}",
            gw_pwd=None if local else password,
            password=password[-5:] if local else None,
            rsa_key_path=key_path if chosen is not None and chosen.v1r else None,
            timezone=config.settings.definitions.timezone,
        )

    weak = {house.id for house in houses if house.weak_string}
    heard = {house.id: house.scenario for house in houses if house.scenario is not None and not house.wrong_password}
    plants = {name: SCENARIOS[one].make_family().plant for name, one in heard.items()}
    demo = config.replace_gateways([define(house) for house in houses], f"demo {scenario}")
    if demo.tariffs == Tariffs():
        demo = replace(demo, tariffs=read_tariffs(TARIFF, "the demo's tariff", (), Findings()))
    where = config.settings.definitions.timezone
    return Demo(demo, partial(_simulate, houses, ports, key, where), DemoHistory(plants, weak))


def _simulate(houses: Sequence[DemoHouse], ports: Mapping[str, int], key: bytes | None, timezone: str | None) -> None:
    """Simulate the houses until this process is told to end. They report ``timezone``, if the owner has named one."""
    from pwserver.simulator import SCENARIOS, SimulatedGateway
    from pwserver.simulator.http_port import LoopThread
    from pwserver.simulator.run import Simulation, wait_for_end

    def plant(scenario: str) -> Plant:
        usual = SCENARIOS[scenario].make_family().plant
        return replace(usual, timezone=timezone) if timezone else usual

    loop = LoopThread()  # shared, as a thread for each of many gateways would cost more than their work
    gateways = {
        house.id: SimulatedGateway(
            house.scenario,
            port=ports[house.id],
            password=PASSWORD,
            rsa_key=key,
            hour=house.hour,
            plant=plant(house.scenario),
            seed=number,
            loop=loop,
        )
        for number, house in enumerate(houses, 1)
        if house.scenario is not None
    }
    with wait_for_end() as wait, ExitStack() as stack:
        stack.callback(loop.stop)
        stack.enter_context(Simulation(gateways, control_port=None))
        for house in houses:
            if house.id in gateways:
                _bring_into_trouble(gateways[house.id], house)
        wait()


def _bring_into_trouble(gateway: SimulatedGateway, house: DemoHouse) -> None:
    gateway.set_house(soe_percent=house.charge_percent, grid_outage=house.outage)
    if house.alert is not None:
        gateway.raise_alert(house.alert)
    if house.fault != "none":
        gateway.fault(house.fault)


def _owner_key() -> tuple[bytes, str]:
    """Make a key that the simulated v1r gateway knows, and the file from which the server reads it.

    The file is removed when main ends.
    """
    from pwserver.simulator.signed import make_key

    key, _ = make_key()
    try:
        with tempfile.NamedTemporaryFile(
            dir=temporary_folder(), prefix="pwserver-demo-", suffix=".pem", delete=False
        ) as file:
            file.write(key)
    except OSError as problem:
        raise ConfigError([f"PW_DEMO: no temporary file can be written ({problem.strerror}); set TMPDIR"]) from None
    main = os.getpid()
    # Children inherit the handler; one that ended first would take the file from the others.
    atexit.register(lambda: os.unlink(file.name) if os.getpid() == main else None)
    return key, file.name


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all are held until the last one is found, so that no two are the same."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
