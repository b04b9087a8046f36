"""The table of origins is true: two houses that differ in everything have nothing alike but what the table names.

A member that stays alike although the houses differ was written by the library or by us. It is null by a row of
CONSTANTS, or OTHERS says why it is true all the same; so a library with a new template fails here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pwserver.config.gateway_definition import GatewayOptions
from pwserver.gateways.connection import GatewayConnection
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.simulator import SimulatedGateway
from pwserver.state import judge as judging
from pwserver.state.judge import GatewayJudge
from pwserver.state.provenance import (
    ANSWERS,
    CLOUD,
    CONSTANTS,
    OTHERS,
    TEDAPI,
    Provenance,
    Row,
    constant,
    explained,
    without_constants,
)
from tests.gateways.conftest import definition_of
from tests.gateways.test_cloud import cloud, fleet
from tests.gateways.test_cloud import tesla as tesla
from tests.gateways.two_houses import Members, Told, alike, shown
from tests.tesla import ROOT, Tesla

SCENARIOS = ("powerwall2", "powerwall3", "v1r", "solar-only", "local", "local-new", "basic-lan")
REMOTE = ("Cloud", "FleetAPI")
# What the two houses do at their two times: powers of every direction, with and without a grid.
MOMENTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {"fixed_solar": 0.0, "fixed_battery": -3000.0, "fixed_load": 700.0, "mode": "backup"}),
    ({"fixed_solar": 900.0, "fixed_battery": 4000.0, "fixed_load": 500.0}, {"off_grid": True}),
)

TEMPLATED = ("powerwall2", "powerwall3", "v1r", "solar-only", *REMOTE)

Found = tuple[list[Members], set[str]]


def simulated(scenario: str, folder: Path) -> Found:
    seen: list[Members] = []
    told = (Told(0), Told(1))
    for number, moments in enumerate(MOMENTS):
        with SimulatedGateway(scenario, seed=number + 1, hour=11.5 + 2 * number) as gateway:
            gateway.device.alter = told[number]
            family = gateway.device.family
            told[number]({"version": family.version, **(family.firmware or {})})
            gateway.set_house(soe_percent=55.0 + 20 * number)
            options = GatewayOptions(timeout_seconds=2, cachefile=str(folder / f"login{number}"))
            connection = GatewayConnection(definition_of(scenario, gateway), options)
            watched = GatewayJudge()
            try:
                for moment in moments:
                    gateway.set_house(**moment)
                    seen.append(shown(connection, watched))
            finally:
                connection.close()
    return seen, told[0].words & told[1].words


def remote(mode: str, server: Tesla, folder: Path) -> Found:
    seen: list[Members] = []
    told = (Told(0), Told(1))
    for number in range(2):
        for path, answer in server.answers.items():
            if path.startswith(ROOT):
                changed = told[number](answer)
                answer.clear()
                answer.update(changed)
        connection = cloud(server, folder) if mode == "Cloud" else fleet(server, folder)
        watched, live = GatewayJudge(), server.answers[f"{ROOT}/live_status"]
        try:
            for moment in range(2):
                live["timestamp"] = f"2026-01-0{number + 1}T00:00:0{moment}Z"
                live["island_status"] = "off_grid" if number and moment else "on_grid"
                live["solar_power"] += 10 + moment
                seen.append(shown(connection, watched))
        finally:
            connection.close()
    return seen, told[0].words & told[1].words


def looked(mode: str, server: Tesla, folder: Path) -> Found:
    return remote(mode, server, folder) if mode in REMOTE else simulated(mode, folder)


@pytest.mark.parametrize("mode", [*SCENARIOS, *REMOTE])
def test_nothing_is_alike_but_what_the_table_names(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    seen, words = looked(mode, tesla, tmp_path)
    assert len(seen) == 4 and all(len(one) > 60 for one in seen)
    unexplained = {name: value for name, value in alike(seen, words).items() if explained(*name) is None}
    assert unexplained == {}


def moves(row: Row) -> bool:
    return row.origin is Provenance.SETTING or (row.origin is Provenance.CONSTANT and not row.invented)


def test_every_row_is_needed(tesla: Tesla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the table all of its constants come to light: it would be noticed if one came back or a new one came."""
    monkeypatch.setattr(judging, "without_constants", lambda reading: reading)
    used: set[Row] = set()
    for mode in (*SCENARIOS, *REMOTE):
        template = CLOUD if mode in REMOTE else TEDAPI
        seen, words = looked(mode, tesla, tmp_path)
        for document, member in alike(seen, words):
            found = (constant(template, document, member) if mode in TEMPLATED else None, explained(document, member))
            used.update(row for row in found if row is not None)
        for document, member in seen[0]:  # some constants, and settings, do differ from house to house
            row = constant(template, document, member) if mode in TEMPLATED else None
            used |= {one for one in (row, explained(document, member)) if one is not None and moves(one)}
    # The nameplates are in the next test; the date of the year 1 is also said by the gateway's own web API.
    year_1 = "0001-01-01T00:00:00Z"
    silent = {row for row in CONSTANTS if row.document == ANSWERS["site_info"] or year_1 in row.invented}
    idle = [row for row in (*CONSTANTS, *OTHERS) if row not in used | silent]
    assert [(row.template, row.document, row.members) for row in idle] == []


def test_what_the_servers_do_not_tell_is_unknown(tesla: Tesla, tmp_path: Path) -> None:
    for name in ("nameplate_power", "nameplate_energy", "components"):
        del tesla.info[name]
    for mode in REMOTE:
        connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
        try:
            judged = GatewayJudge().take(connection.poll()).reading
            assert judged is not None and judged.site_info is not None
            limits = [value for name, value in judged.site_info.items() if name.endswith(("_kWh", "system_power_kW"))]
            assert limits == [None] * 4
            assert judged.grid_charging is None and judged.grid_export is None
        finally:
            connection.close()


def test_a_gateways_own_answers_are_passed_on(tmp_path: Path) -> None:
    """A hybrid connection has the gateway's own web API: what it says is no template, though it be the same value."""
    told = {"score": 10000, "can_reboot": "Yes", "battery_target_power": 0}
    meters = {"site": {"instant_power": 5.0, "frequency": 0, "timeout": 1500000000}}
    own = Reading.partial("home", 1.0, meters, system_status=told, reach=Reach.HYBRID)
    assert without_constants(own) == own
    templates = without_constants(replace(own, reach=Reach.TEDAPI))
    assert templates.system_status == dict.fromkeys(told)
    assert templates.aggregates["site"] == {"instant_power": 5.0, "frequency": None, "timeout": None}


def test_another_value_than_the_templates_is_an_answer() -> None:
    told = {"score": 9000, "can_reboot": "No", "battery_target_power": 12.5, "auxiliary_load": 0.0, "primary": 1}
    own = Reading.partial("home", 1.0, {}, system_status=told, reach=Reach.TEDAPI)
    assert without_constants(own).system_status == told


DECEMBER_2023 = ("JBL12345Y1F012", "TG1234567890G1", "Grid_Uncompliant", "2023-12-16")


@pytest.mark.parametrize("scenario", ["powerwall2", "powerwall3", "v1r", "solar-only"])
def test_lists_of_units_and_meters_are_those_of_the_house(scenario: str, tmp_path: Path) -> None:
    with SimulatedGateway(scenario, hour=11.5) as gateway:
        options = GatewayOptions(timeout_seconds=2, cachefile=str(tmp_path / "login"))
        connection = GatewayConnection(definition_of(scenario, gateway), options)
        try:
            members = shown(connection, GatewayJudge())
        finally:
            connection.close()
        units = [unit.serial for unit in gateway.device.family.units]
        blocks = gateway.device.config["battery_blocks"] if units else []
    assert not any(sample in str(members) for sample in DECEMBER_2023)
    serials = [
        value
        for (document, member), value in members.items()
        if document == "/api/powerwalls" and member.endswith(".PackageSerialNumber")
    ]
    reached = units[:1] if scenario == "v1r" else units  # the wired port reaches the leader only
    assert serials == reached and len(blocks) == len(units)


@pytest.mark.parametrize("mode", REMOTE)
def test_tesla_tells_no_list_and_no_controller(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    try:
        members = shown(connection, GatewayJudge())
    finally:
        connection.close()
    assert not any(sample in str(members) for sample in DECEMBER_2023)
    told = {member for (document, member) in members if document in ("/api/powerwalls", "/api/meters/site")}
    assert not told
    assert members["/api/sitemaster", "running"] is None and members["/api/sitemaster", "connected_to_tesla"] is None
