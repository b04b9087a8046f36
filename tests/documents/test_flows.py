"""Where the power goes: what comes in goes out, nothing is negative, nothing unknown becomes a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.documents import site_documents
from pwserver.state.flows import flows, own_percent
from tests.documents.factory import powerwall3_view, site_of

watts = st.floats(-2e4, 2e4)


@given(st.floats(0, 2e4), watts, watts)
def test_flows_of_a_balanced_house_add_up(solar: float, battery: float, grid: float) -> None:
    home = solar + battery + grid
    found = flows(solar, home, battery, grid)
    if found is None or home < 0:
        return
    assert all(value >= 0 for value in found.values())
    assert found["solar_to_home"] + found["battery_to_home"] + found["grid_to_home"] == pytest.approx(home, abs=1e-6)
    assert found["battery_to_home"] + found["battery_to_grid"] == pytest.approx(max(0, battery), abs=1e-6)
    assert found["solar_to_grid"] + found["battery_to_grid"] == pytest.approx(max(0, -grid), abs=1e-6)
    share = own_percent(found, home)
    assert share is None or 0 <= share <= 100


def test_what_is_not_known_does_not_flow() -> None:
    assert flows(1000.0, None, 0.0, 0.0) is None
    assert flows(1000.0, 500.0, None, 0.0) is None
    assert flows(0.0, 0.0, 0.0, 0.0) is None
    assert flows(None, 500.0, 0.0, 500.0) == {
        "solar_to_home": 0,
        "solar_to_battery": 0,
        "solar_to_grid": 0,
        "battery_to_home": 0,
        "battery_to_grid": 0,
        "grid_to_home": 500,
        "grid_to_battery": 0,
    }


def test_the_documents_tell_the_flows() -> None:
    view = powerwall3_view("home", 1)
    for body in (site_documents.gateway_document(view), site_documents.site_document(site_of(view))["site"]):
        assert body["flows"]["solar_to_home_watts"] == 900
        assert body["flows"]["solar_to_battery_watts"] == 3499.8
        assert body["own_power_percent"] == 100
    silent = powerwall3_view("cabin", 1, aggregates={"load": {"instant_power": 500.0}})
    body = site_documents.site_document(site_of(view, silent))["site"]
    assert body["home_watts"] == 1400
    assert set(body["flows"].values()) == {None}, "the cabin does not say where its power comes from"
