"""Every output tells the same of every fact: in each family of gateways, and in each phase of a connection.

One server polls a house of every family. The houses stand still, so that a number differs only where somebody judges
otherwise; they change while they are away, so that nobody can go on telling what was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pwserver.documents.catalogue import CATALOGUE
from tests.agreement.agree import VIRTUAL, disagreements, is_number, settle, settle_stale
from tests.agreement.facts import FIXED, Facts, facts_of
from tests.agreement.moment import Moment
from tests.agreement.readers import NOT_TOLD, Reader
from tests.agreement.scene import FAMILIES, REMOTE, Scene
from tests.agreement.sums import SUMS
from tests.support.waiting import wait_until

HOUSES = (*FAMILIES, *REMOTE)
PHASES = ("fresh", "off grid", "dip", "holes", "stale", "no data", "recovered")
FRESH = ("fresh", "off grid", "dip", "holes", "recovered")
EXPLAINED = ("fresh", "stale", "no data")  # it reads the site document: one phase of each of its states will do
TRUTHS = {
    "site watts": "site",
    "load watts": "load",
    "solar watts": "solar",
    "battery watts": "battery",
    "charge, raw percent": "soe",
    "capacity, Wh": "capacity_wh",
    "energy left, Wh": "stored_wh",
}
SLACK = {"charge, raw percent": 0.1, "energy left, Wh": 2.0}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("scene"), {**FAMILIES, **dict.fromkeys(REMOTE, "")}) as made:
        made.wait_for("fresh", *HOUSES)
        yield made


@pytest.fixture(scope="module", params=PHASES)
def phase(request: pytest.FixtureRequest, scene: Scene) -> str:
    """The houses in one phase, all of them at once."""
    name: str = request.param
    scene.is_explained = name in EXPLAINED
    if name == "recovered":
        scene.unplug(*HOUSES)
        scene.wait_for("away", *HOUSES)
        scene.change(*HOUSES)
    if name in FRESH:
        scene.mend(*HOUSES)
    if name == "off grid":
        scene.cut_grid(*HOUSES)
    elif name == "dip":
        scene.turn_counters_back(*FAMILIES)
    elif name == "holes":
        scene.leave_out_fields(*FAMILIES)
    elif name == "no data":
        scene.unplug(*HOUSES)
        scene.wait_for("away", *HOUSES)
    return name


@pytest.fixture
def well(scene: Scene) -> Scene:
    """The houses as they are when nothing is wrong with them, in whatever phase they were left."""
    scene.is_explained = True
    scene.mend(*HOUSES)
    return scene


def told(moment: Moment, gateway: str, fact: str) -> Any:
    """What the most exact output tells."""
    return next(value for reader in FIXED[fact] if (value := reader.read(moment, gateway)) is not NOT_TOLD)


@pytest.mark.parametrize("gateway", HOUSES)
def test_every_output_tells_the_same_of_a_house(scene: Scene, phase: str, gateway: str) -> None:
    if phase in FRESH and gateway in FAMILIES and phase != "holes":
        truth = scene.houses[gateway].truth()

        def known() -> bool:
            moment = Moment(scene)
            values = {fact: told(moment, gateway, fact) for fact in TRUTHS}
            return all(
                value == pytest.approx(truth[TRUTHS[fact]], abs=SLACK.get(fact, 0.5))
                for fact, value in values.items()
                if value is not None
            ) and None not in (values["site watts"], values["load watts"], values["solar watts"])

        wait_until(known, 30, f"{gateway} as it is: {truth}")
    if phase == "stale":  # only for some seconds, so each house has its own
        moment = settle_stale(scene, gateway, lambda asked: facts_of(asked, gateway))
    else:
        moment = settle(scene, gateway, lambda asked: facts_of(asked, gateway), phase in FRESH)
    values = {fact: told(moment, gateway, fact) for fact in FIXED}
    if phase == "no data":
        assert {fact for fact, value in values.items() if value is not None} == set(), "nothing is invented"
    else:
        assert moment.json(f"/api/site/{gateway}")["state"] == ("stale" if phase == "stale" else "fresh")


def test_every_output_tells_the_same_of_all_houses(scene: Scene, phase: str) -> None:
    settle(scene, VIRTUAL, lambda _: SUMS, True)


# --- the comparison itself can fail


def altered(value: Any, digits: int | None) -> Any:
    """Another value than this one, by the least that counts."""
    if is_number(value):
        return value + (max(abs(value), 1.0) * 1e-3 if digits is None else 1.5 * 10.0**-digits)
    if isinstance(value, bool):
        return not value
    return f"{value}, but other" if isinstance(value, str) else None


@pytest.mark.parametrize("gateway", ["pw2", "gen", "cloud"])
def test_one_output_that_tells_otherwise_is_found(well: Scene, gateway: str) -> None:
    moment = settle(well, gateway, lambda asked: facts_of(asked, gateway), True)
    tried = 0
    for fact, readers in facts_of(moment, gateway).items():
        for place, reader in enumerate(readers):
            value = reader.read(moment, gateway)
            if value is None or value is NOT_TOLD or len(readers) < 3:
                continue
            for wrong in (altered(value, reader.digits), None):
                liar = replace(reader, read=lambda *_, wrong=wrong: wrong)
                lie: Facts = {fact: [*readers[:place], liar, *readers[place + 1 :]]}
                assert disagreements(moment, gateway, lie, True), (fact, reader.output, value, wrong)
                tried += 1
    assert tried > 500, tried


def test_a_value_where_nobody_knows_one_is_found(well: Scene) -> None:
    moment = settle(well, "lan", lambda asked: facts_of(asked, "lan"), True)
    unknown = [fact for fact in FIXED if told(moment, "lan", fact) is None]
    assert "capacity, Wh" in unknown and "mode" in unknown
    for fact in unknown:
        for place in range(1, len(FIXED[fact])):
            readers: list[Reader] = list(FIXED[fact])
            readers[place] = replace(readers[place], read=lambda *_: 0)
            assert disagreements(moment, "lan", {fact: readers}, True), (fact, readers[place].output)


# --- nothing is forgotten

NOT_ASKED = {
    # What Tesla's own answer holds is passed on as it came, under the names that it has there.
    "/tedapi/config": "raw", "/tedapi/status": "raw", "/tedapi/components": "raw", "/tedapi/battery": "raw",
    "/tedapi/controller": "raw", "/cloud/battery": "raw", "/cloud/power": "raw", "/cloud/config": "raw",
    "/fleetapi/info": "raw", "/fleetapi/status": "raw", "/pw/strings": "the members of the vitals, as they came",
    "/api/tesla/tariff_rate": "raw",
    "/api/solars": "installation", "/api/solar_powerwall": "raw", "/api/powerwalls": "installation",
    "/api/networks": "installation", "/api/site_info": "installation",
    # Words and constants.
    "/tedapi": "help", "/cloud": "help", "/fleetapi": "help", "/api/meters/readings": "always empty",
    "/api/site_info/grid_codes": "always empty", "/api/config": "a name", "/api/customer": "fixed",
    "/api/customer/registration": "fixed",
    "/api/installer": "fixed", "/api/solars/brands": "fixed", "/api/synchrometer/ct_voltage_references": "fixed",
    "/api/troubleshooting/problems": "fixed", "/api/auth/toggle/supported": "fixed",
    "/api/system_status/grid_faults": "a list of texts", "/api/sitemaster": "whether there is a reading",
    "/api/system/update/status": "the server's clock", "/pw/uptime": "a text that nothing else tells",
    # About control and the server, which are told nowhere else as numbers.
    "/control/status": "control", "/control/grid_charging": "an old shape that has no unknown",
    "/control/max_backup": "control", "/api/mqtt/status": "the broker",
}  # fmt: skip


def test_every_document_is_asked_or_listed_with_a_reason(well: Scene) -> None:
    asked: set[str] = set()
    for name in ("pw2", VIRTUAL):
        moment = settle(well, name, lambda found, name=name: SUMS if name == VIRTUAL else facts_of(found, name), True)
        asked |= {
            target.replace(f"/api/gateways/{name}", "")
            .replace(f"/api/site/{name}", "/api/site/{id}")
            .replace(f"/api/checks/{name}", "/api/checks/{id}")
            for target in moment.asked
        }
    compared = {row.render for row in CATALOGUE if not asked.isdisjoint(row.targets)}
    silent = {row.target for row in CATALOGUE if not row.internal and row.render not in compared}
    assert silent - set(NOT_ASKED) == set(), "documents whose numbers nobody compares"
    assert set(NOT_ASKED) - silent == set(), "these are compared"
