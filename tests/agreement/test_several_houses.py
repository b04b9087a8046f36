"""Every output tells the same of several houses, some of which answer, some of which never did."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.agreement.agree import VIRTUAL, settle, settle_stale
from tests.agreement.facts import FIXED, facts_of
from tests.agreement.moment import Moment
from tests.agreement.readers import NOT_TOLD
from tests.agreement.scene import Scene
from tests.agreement.sums import SUMS
from tests.support.waiting import wait_until

HOUSES = {"home": "powerwall2", "cabin": "local", "barn": "powerwall3"}
DEAD = {"id": "mill", "name": "Mill", "host": "127.0.0.1:9", "gw_pwd": "ABCDEFGHIJ"}  # the discard port
LOCKED = {"id": "shed", "name": "Shed", "gw_pwd": "WRONGWRONG", "at": "barn"}
PHASES = ("all well", "one off grid", "one beyond belief", "one stale", "one away", "one back", "all away")
AWAY = ("one stale", "one away", "all away")
EVERYBODY = ("all well", "all away")  # the phases in which all houses are asked: in the others only the cabin changes


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Three houses that answer, one that nobody hears, and one whose password is wrong."""
    with Scene(tmp_path_factory.mktemp("scene"), HOUSES, {"mill": DEAD, "shed": LOCKED}) as made:
        made.wait_for("fresh", *HOUSES)
        made.wait_for("away", "mill", "shed")
        yield made


@pytest.fixture(scope="module", params=PHASES)
def phase(request: pytest.FixtureRequest, scene: Scene) -> str:
    """The scene in one phase."""
    name: str = request.param
    cabin = scene.houses["cabin"]
    cabin.set_house(fixed_load=4.0e6 if name == "one beyond belief" else None)
    if name == "one back":
        scene.unplug("cabin")
        scene.wait_for("away", "cabin")
        scene.change("cabin")
    if name not in AWAY:
        scene.mend(*HOUSES)
    if name == "one off grid":
        scene.cut_grid("cabin")
        wait_until(lambda: scene.server.json("/api/site")["site"]["grid"]["off"] == ["cabin"], 60)
    elif name == "one beyond belief":
        wait_until(lambda: left_out(scene).get("cabin") == "implausible", 60)
    elif name == "one stale":
        scene.make_stale("cabin")  # only for some seconds: each test makes it so again
    elif name in AWAY:
        houses = HOUSES if name == "all away" else ("cabin",)
        scene.unplug(*houses)
        scene.wait_for("away", *houses)
    return name


def left_out(scene: Scene) -> dict[str, str]:
    return {one["id"]: one["reason"] for one in scene.server.json("/api/site")["site"]["left_out"]}


def known(moment: Moment, gateway: str) -> dict[str, Any]:
    """The facts about a gateway that its first output knows."""
    values = {
        fact: next(v for one in readers if (v := one.read(moment, gateway)) is not NOT_TOLD)
        for fact, readers in FIXED.items()
    }
    return {fact: value for fact, value in values.items() if value is not None}


def test_every_output_tells_the_same_of_the_sum(scene: Scene, phase: str) -> None:
    if phase == "one stale":
        scene.make_stale("cabin")
    moment = settle(scene, VIRTUAL, lambda _: SUMS, True)
    assert set(left_out(scene)) >= set(scene.others)
    reason = {"one beyond belief": "implausible", "one stale": "stale", "one away": "no data"}.get(phase)
    if phase == "all away":
        assert moment.json("/api/aggregate/")["total_site_power"] is None
    else:
        if phase == "one stale":
            scene.make_stale("cabin")
        assert left_out(scene).get("cabin") == reason


def test_every_output_tells_the_same_of_each_house(scene: Scene, phase: str) -> None:
    asked = (*HOUSES, *scene.others) if phase in EVERYBODY else ("cabin", "home")  # the default gateway beside it
    for gateway in asked:
        facts = partial(facts_of, gateway=gateway)
        if phase == "one stale" and gateway == "cabin":
            assert known(settle_stale(scene, gateway, facts), gateway)
            continue
        state = scene.phases()[gateway]
        moment = settle(scene, gateway, facts, state == "fresh")
        assert bool(known(moment, gateway)) is (state != "away"), (gateway, state)


def test_every_output_tells_the_same_of_counters_that_all_houses_have(tmp_path: Path) -> None:
    with Scene(tmp_path, HOUSES) as healthy:
        healthy.wait_for("fresh", *HOUSES)

        def counted() -> Moment | None:
            moment = settle(healthy, VIRTUAL, lambda _: SUMS, True)
            totals = [SUMS[fact][0].read(moment, VIRTUAL) for fact in SUMS if "energy" in fact]
            return None if None in totals else moment

        wait_until(counted, 60, "the energies of all meters")
