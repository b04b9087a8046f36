"""Every number of the site document says where it comes from, and says the same value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pwserver.documents import house, origins
from pwserver.documents.encode import to_json
from pwserver.documents.origins import ExplainedHouse, ExplainedSite
from pwserver.state.fact import RULES
from pwserver.state.view import View
from tests.documents.factory import powerwall3_view, recorded_view, site_of, without_reading
from tests.documents.test_catalogue import STATES


def explained(view: View) -> ExplainedHouse:
    return ExplainedHouse(*(json.loads(to_json(body)) for body in (house.house(view), origins.house_origins(view))))


@pytest.mark.parametrize("state", STATES)
def test_every_number_of_a_house_is_explained_with_its_own_value(state: str) -> None:
    known = explained(STATES[state])
    numbers = {
        path: value
        for path, value in known.values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and path != "version"
    }
    assert numbers.keys() <= set(known.names)
    for name in known.names:
        told = known.explain(name)
        assert told["value"] == known.values[name], name
        assert told["sentence"] == RULES[told["rule"]], name
        assert told["value"] is None or told["rule"] != "unknown", name
        # A number of the house has the answer it was read from; only the server's own has none.
        assert (told["answer"] is None) is (told["rule"] in ("server", "repeated", "last known", "unknown")), name
        assert all(part["name"] in known.values for part in told["parts"])
    measured = [name for name in known.names if known.explain(name)["rule"] == "server"]
    assert not [name for name in measured if name.endswith(("_watts", "_wh", "_percent", "volts", "amperes", "hertz"))]


def test_derived_numbers_name_their_parts() -> None:
    known = explained(powerwall3_view("home", 1, system_status={
        "battery_blocks": [{"PackageSerialNumber": name, "nominal_full_pack_energy": 10000,
                            "nominal_energy_remaining": 5000} for name in "AB"]}))  # fmt: skip
    parts: dict[str, Any] = {
        name: [(part["name"], part["value"]) for part in known.explain(name)["parts"]]
        for name in ("charge_percent", "capacity_wh", "units.1.charge_percent", "units_percent.1")
    }
    assert parts == {
        "charge_percent": [("charge_raw_percent", 81.04)],
        "capacity_wh": [("units.1.capacity_wh", 10000), ("units.2.capacity_wh", 10000)],
        "units.1.charge_percent": [("units.1.remaining_wh", 5000), ("units.1.capacity_wh", 10000)],
        "units_percent.1": [("units.2.charge_percent", known.values["units.2.charge_percent"])],
    }


def test_numbers_of_the_sum_name_the_houses_they_were_made_of() -> None:
    views = site_of(powerwall3_view("home", 1), recorded_view(), without_reading(powerwall3_view("cabin", 1)))
    known = ExplainedSite(
        *(json.loads(to_json(body)) for body in (house.overview(views), origins.site_origins(views)))
    )
    told = known.explain("site.home_watts")
    assert [part["gateway"] for part in told["parts"]] == ["home", "default"]
    assert sum(part["value"] for part in told["parts"]) == pytest.approx(told["value"])
    assert [one["id"] for one in told["left_out"]] == ["cabin"]
    for name in known.names:
        told = known.explain(name)
        assert told["sentence"] == RULES[told["rule"]]
        assert told["value"] == known.values[name]
    assert {part["name"] for part in known.explain("site.hours_left")["parts"]} == {
        "site.remaining_wh", "site.home_watts"}  # fmt: skip
