"""The owner's settings and the charge: one order of precedence, and the same numbers in old and new outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.documents import csv_lines, devices, meters, pw
from pwserver.reading import Answered, Reading
from pwserver.state.charge import reserve_to_hold
from pwserver.state.judge import GatewayJudge
from pwserver.state.operating_settings import judge_operating_settings
from tests.documents.factory import powerwall3_view, site_of

GARBAGE = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.just([]), st.just({}))


def operation(**members: Any) -> tuple[Any, Any]:
    found = judge_operating_settings(Reading.partial("home", 1.8e9, {}, **members))
    return found.mode.value, found.reserve_percent.value


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"operation": {"real_mode": "backup"}, "mode": "autonomous"}, ("backup", None)),
        ({"operation": {"real_mode": ""}, "mode": "autonomous"}, ("autonomous", None)),
        ({"mode": "autonomous", "system_status": {"default_real_mode": "backup"}}, ("autonomous", None)),
        ({"system_status": {"default_real_mode": "backup"}}, ("backup", None)),
        ({"operation": {"backup_reserve_percent": 24.0}, "reserve": 21.0}, (None, 21.0)),
        ({"operation": {"backup_reserve_percent": 24.0}}, (None, 20.0)),
        ({"operation": {"backup_reserve_percent": 2.0}}, (None, 0.0)),
        ({"operation": {"backup_reserve_percent": 24.0}, "reserve": 1e9}, (None, 20.0)),
        ({"operation": {"backup_reserve_percent": 150}, "reserve": -20}, (None, None)),
        ({"operation": {"backup_reserve_percent": "24"}, "reserve": "20"}, (None, None)),
        ({"reserve": -3.2}, (None, -3.2)),  # what 2 % of the gateway's scale are on the app's
        ({"operation": [], "reserve": True, "mode": 3, "system_status": "x"}, (None, None)),
    ],
)
def test_one_order_of_precedence(members: dict[str, Any], expected: tuple[Any, Any]) -> None:
    assert operation(**members) == expected


def test_a_setting_from_the_cloud_link_names_it() -> None:
    link = Answered("site_info of Tesla's servers", 1.7e9)
    own = Answered("GET /api/operation", 1.75e9)
    reading = Reading.partial(
        "home", 1.8e9, {}, mode="backup", grid_export="never", answers={"operation": own, "grid_export": link}
    )
    found = judge_operating_settings(reading)
    assert (found.mode.answer, found.mode.at) == ("GET /api/operation", 1.75e9)
    assert (found.grid_export.answer, found.grid_export.at) == ("site_info of Tesla's servers", 1.7e9)


@given(operation=GARBAGE, reserve=GARBAGE, mode=GARBAGE, status=GARBAGE, told=GARBAGE)
def test_whatever_comes_settings_are_words_and_percents(
    operation: Any, reserve: Any, mode: Any, status: Any, told: Any
) -> None:
    body = {"real_mode": told, "backup_reserve_percent": told}
    for one in (operation, body):
        found = judge_operating_settings(
            Reading.partial("home", 1.8e9, {}, operation=one, reserve=reserve, mode=mode, system_status=status)
        )
        assert found.mode.value is None or (isinstance(found.mode.value, str) and found.mode.value)
        assert found.reserve_percent.value is None or isinstance(found.reserve_percent.value, (int, float))


def test_old_documents_and_judges_tell_one_capacity() -> None:
    """The gateway gives no sum: every output adds the same units, or tells nothing when one of them is not known."""
    view = powerwall3_view()
    assert view.reading is not None and view.reading.system_status is not None
    status = {**view.reading.system_status, "nominal_full_pack_energy": None, "nominal_energy_remaining": None}
    for holed in (False, True):
        blocks = [dict(block) for block in status["battery_blocks"]]
        if holed:
            blocks[0]["nominal_full_pack_energy"] = None
        reading = replace(view.reading, system_status={**status, "battery_blocks": blocks})
        one = replace(view, reading=reading, judged=GatewayJudge().take(reading))
        charge = GatewayJudge().take(reading).charge
        assert (charge.capacity_wh.value is None) is holed and charge.remaining_wh.value is not None
        assert meters.summary(one)["full_pack_energy"] == charge.capacity_wh.value
        assert devices.pod(one)["nominal_full_pack_energy"] == charge.capacity_wh.value
        assert devices.pod(one)["nominal_energy_remaining"] == charge.remaining_wh.value


def test_a_charge_that_cannot_be_one_is_none_everywhere() -> None:
    view = powerwall3_view()
    assert view.reading is not None
    reading = replace(view.reading, soe_raw=181.0)
    one = replace(view, reading=reading, judged=None)
    assert meters.soe(one) == {"percentage": None, "raw_percentage": None} and pw.level(one) == {"level": None}
    assert csv_lines.csv_v1(one).rstrip().endswith(",")


@pytest.mark.parametrize(
    ("raw", "online", "held"),
    [
        (24.074074, True, 20),
        (100.0, True, 100),
        (100.4, True, 100),
        (2.0, True, 0),
        (24.074074, False, None),
        (130.0, True, None),
        (None, True, None),
        (True, True, None),
    ],
)
def test_the_reserve_that_keeps_the_charge_is_rounded_down_and_never_guessed(
    raw: Any, online: bool, held: int | None
) -> None:
    assert reserve_to_hold(Reading.partial("g", 1.0, {}, soe_raw=raw), online) == held
    assert reserve_to_hold(None, online) is None


@pytest.mark.parametrize("capacity", [-13_500, 1e12, 1e308, -1e9])
@pytest.mark.parametrize("left", [-5_000, 1e9])
def test_what_no_battery_can_hold_is_in_no_figure_and_no_sum(capacity: float, left: float) -> None:
    """The energies of its units stand in where each of them can be true; the odd value is named."""
    odd, other = powerwall3_view("odd", units=2), powerwall3_view("other", units=2)
    assert odd.reading is not None
    units = sum(block["nominal_full_pack_energy"] for block in odd.reading.system_status["battery_blocks"])  # type: ignore[index]
    system = {
        **(odd.reading.system_status or {}),
        "nominal_full_pack_energy": capacity,
        "nominal_energy_remaining": left,
    }
    reading = replace(odd.reading, system_status=system, time_remaining=left)
    judged = GatewayJudge().take(reading)
    assert judged.charge.capacity_wh.value == units and 0 < (judged.charge.remaining_wh.value or 0) < units
    assert {"nominal_full_pack_energy", "nominal_energy_remaining"} <= set(judged.set_aside)
    assert judged.charge.hours_left.value is None and judged.reading is not None
    assert judged.reading.time_remaining is None
    site = site_of(replace(odd, reading=judged.reading, judged=judged), other)
    total = site.figures["capacity_wh"].value
    assert total is not None and units < total < 3 * units
    blocks = [{**system["battery_blocks"][0], "nominal_full_pack_energy": capacity}, *system["battery_blocks"][1:]]
    alone = GatewayJudge().take(replace(reading, system_status={**system, "battery_blocks": blocks}))
    assert alone.units[0].capacity_wh.value is None and alone.charge.capacity_wh.value is None
