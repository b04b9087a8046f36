"""The site document: every configured gateway in every state, the totals, who is left out and why, and its size."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.documents import aggregate_documents, site_documents, status
from pwserver.documents.catalogue import CATALOGUE
from pwserver.documents.encode import to_json
from pwserver.documents.virtual_gateway import merge
from pwserver.modes import Reach
from pwserver.reading import Capability
from pwserver.state.counter_sums import SumMemory
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import SiteView, View
from tests.documents.factory import NOW, powerwall3_view, server_facts, site_of, stale, without_reading
from tests.documents.test_catalogue import schema_errors

OVERVIEW = next(row for row in CATALOGUE if row.target == "/api/site")
HOUSE = next(row for row in CATALOGUE if row.target == "/api/site/{id}")


def with_battery(view: View, watts: float, meter: str = "battery", **changes: Any) -> View:
    assert view.reading is not None
    aggregates = {**view.reading.aggregates, meter: {"instant_power": watts}}
    return replace(view, reading=replace(view.reading, aggregates=aggregates, **changes))


def waiting(view: View) -> View:
    return replace(view, reading=None, status=replace(view.status, online=False, last_updated=None))


def entry(body: dict[str, Any], gateway: str) -> dict[str, Any]:
    return next(one for one in body["gateways"] if one["id"] == gateway)


def test_every_configured_gateway_is_there_in_every_state_and_in_order() -> None:
    home, cabin = powerwall3_view("home", 1), powerwall3_view("cabin", 1)
    for other, state in (
        (cabin, "fresh"),
        (stale(cabin), "stale"),
        (without_reading(cabin), "away"),
        (waiting(cabin), "waiting"),
    ):
        body = site_documents.site_document(site_of(home, other))
        assert [one["id"] for one in body["gateways"]] == ["home", "cabin"]
        assert [one["state"] for one in body["gateways"]] == ["fresh", state]
        assert body["site"]["gateways"] == 2
        assert body["site"]["state"] == ("fresh" if state == "fresh" else "partial")
        assert [one["id"] for one in body["site"]["left_out"]] == ([] if state == "fresh" else ["cabin"])
        assert ("cause" in entry(body, "cabin")) is (state != "fresh")
        assert schema_errors(OVERVIEW, body) == []
        assert schema_errors(HOUSE, site_documents.gateway_document(other)) == []
    assert (
        entry(site_documents.site_document(site_of(home, without_reading(cabin))), "cabin")["sentence"]
        == "Gateway did not answer"
    )


def test_without_gateways_there_is_a_document_that_says_so() -> None:
    body = site_documents.site_document(SiteView([], server_facts(), NOW))
    assert body["gateways"] == []
    assert body["site"]["state"] == "none"
    assert body["default"] is None
    assert schema_errors(OVERVIEW, body) == []


def test_the_sum_is_that_of_the_aggregate_documents() -> None:
    views = site_of(powerwall3_view("home", 1), stale(powerwall3_view("cabin", 2)), powerwall3_view("barn", 2))
    total = site_documents.site_document(views)["site"]
    power = aggregate_documents.power(views)
    for shown, name in (("solar", "solar"), ("home", "load"), ("battery", "battery"), ("grid", "site")):
        assert total[f"{shown}_watts"] == pytest.approx(power[name], abs=0.05)
    assert total["charge_percent"] == pytest.approx(aggregate_documents.soe(views)["percentage"], abs=0.005)
    assert {one["id"]: one["reason"] for one in total["left_out"]} == power["sources"]["left_out"]


@pytest.mark.parametrize("meter", ["battery", "solar", "load", "site"])
@pytest.mark.parametrize("watts", [4.0e6, -4.0e6])
def test_a_house_with_impossible_power_is_left_out_and_named_with_the_reason(meter: str, watts: float) -> None:
    mad = with_battery(powerwall3_view("cabin", 1), watts, meter)
    for odd in (mad, with_battery(mad, watts, meter, system_status={"max_charge_power": 0})):
        views = site_of(powerwall3_view("home", 1), odd)
        body = site_documents.site_document(views)
        assert body["site"]["battery_watts"] == -3499.8
        (left_out,) = body["site"]["left_out"]
        assert left_out["id"] == "cabin"
        assert left_out["reason"] == "implausible"
        assert f"{meter} power {watts}" in left_out["sentence"]
        assert aggregate_documents.power(views)["sources"]["left_out"] == {"cabin": "implausible"}
        facts = status.site_facts(views)
        assert status.health(facts, {})["left_out"] == {"cabin": left_out["sentence"]}


def test_one_of_twelve_off_grid_is_told_by_name_and_does_not_turn_the_grid_red() -> None:
    houses = [powerwall3_view(f"house-{number}", 1) for number in range(1, 12)]
    cabin = powerwall3_view("cabin", 1, grid_status="DOWN", grid_status_detail=None)
    grid = site_documents.site_document(site_of(*houses, cabin))["site"]["grid"]
    assert (grid["state"], grid["known"], grid["off"], grid["syncing"]) == ("MIXED", 12, ["cabin"], [])
    assert grid["sentence"] == "1 of 12 off grid: Cabin"
    assert site_documents.site_document(site_of(*houses))["site"]["grid"]["state"] == "UP"
    assert site_documents.site_document(site_of(cabin))["site"]["grid"]["state"] == "DOWN"
    unknown = powerwall3_view("cabin", 1, grid_status=None, grid_status_detail=None)
    grid = site_documents.site_document(site_of(*houses, unknown))["site"]["grid"]
    assert (grid["state"], grid["known"], grid["sentence"]) == ("UP", 11, None)
    assert site_documents.site_document(site_of(unknown))["site"]["grid"]["state"] is None


def test_a_unit_that_only_the_configuration_names_is_listed_without_figures() -> None:
    """Over a wired (v1r) connection the gateway tells of the first Powerwall alone."""
    block = {"PackageSerialNumber": "A", "nominal_full_pack_energy": 10000, "nominal_energy_remaining": 5000}
    configured = [{"vin": f"1707000-11-J--{name}", "type": kind} for name, kind in (("A", "first"), ("B", "follower"))]
    view = powerwall3_view(
        "home", 1, system_status={"battery_blocks": [block]}, tedapi_config={"battery_blocks": configured}
    )
    body = site_documents.gateway_document(view)
    assert [unit["serial"] for unit in body["units"].values()] == ["A", "B"]
    assert (body["units"]["1"]["state"], body["units"]["2"]["state"]) == ("present", "missing")
    assert body["units"]["1"]["type"] == "first", "the list does not tell it"
    assert (body["units"]["2"]["type"], body["units"]["2"]["part"]) == ("follower", "1707000-11-J")
    assert body["units_percent"] == [body["units"]["1"]["charge_percent"], None]
    assert site_documents.site_document(site_of(view))["site"]["units"] == 2
    assert schema_errors(HOUSE, body) == []


def test_what_is_measured_in_a_unit_is_told_in_units_of_measure() -> None:
    """The devices write kilowatts, a gateway's own list watts; over TEDAPI that list has the devices' kilowatts."""
    block = {"PackageSerialNumber": "A", "p_out": 20.0, "v_out": 241.0, "f_out": 60.02}
    for reach, watts in ((Reach.LOCAL, 20), (Reach.TEDAPI, None)):
        view = powerwall3_view(
            "home",
            1,
            system_status={"battery_blocks": [block]},
            tedapi_config=None,
            vitals=None,
            fan_speeds=None,
            reach=reach,
        )
        unit = site_documents.gateway_document(view)["units"]["1"]
        assert (unit.get("watts"), unit["volts"], unit["hertz"]) == (watts, 241, 60.02)
    vitals = {
        "TEPINV--p--A": {"PINV_Pout": -3.25, "PINV_Vout": 242.5, "PCH_AmbientTemp": 41.04, "PCH_FanSpeed_A": 1320.4},
        "TEPOD--p--A": {"HVP_PackTempMax": 38.44, "HVP_PackTempMin": 33.9},
    }
    view = powerwall3_view(
        "home", 1, system_status={"battery_blocks": [block]}, tedapi_config=None, vitals=vitals, fan_speeds=None
    )
    unit = site_documents.gateway_document(view)["units"]["1"]
    assert (unit["watts"], unit["volts"], unit["hertz"]) == (-3250, 242.5, 60.02)
    assert (unit["pack_max_celsius"], unit["pack_min_celsius"], unit["inverter_celsius"]) == (38.4, 33.9, 41)
    assert unit["fan_a_rpm"] == 1320 and "fan_b_rpm" not in unit
    assert schema_errors(HOUSE, site_documents.gateway_document(view)) == []


def test_a_charge_is_missing_only_where_there_is_a_battery() -> None:
    lost = {name: Capability(None, 3, False) for name in ("level", "vitals")}
    with_one = powerwall3_view("home", 1)
    with_one = replace(with_one, status=replace(with_one.status, capabilities=lost))
    without = with_battery(with_one, 0.0, system_status=None, soe_raw=None, tedapi_config=None, vitals=None)
    for view, missing in ((with_one, ["level", "vitals"]), (without, ["vitals"])):
        body = site_documents.gateway_document(view)
        assert (body["has_battery"], body["connection"]["missing"]) == (len(missing) == 2, missing)


def test_units_and_the_house_tell_their_charge_on_one_scale() -> None:
    blocks = [
        {"PackageSerialNumber": name, "nominal_full_pack_energy": 10000, "nominal_energy_remaining": left}
        for name, left in (("A", 5400), ("B", 5600))
    ]
    view = powerwall3_view("home", 1, soe_raw=55.0, system_status={"battery_blocks": blocks}, tedapi_config=None)
    body = site_documents.gateway_document(view)
    levels = [unit["charge_percent"] for unit in body["units"].values()]
    assert levels == body["units_percent"] == [51.58, 53.68]
    assert body["charge_percent"] == 52.63
    assert min(levels) <= body["charge_percent"] <= max(levels)


def test_old_figures_stay_known_but_apart_from_those_of_now() -> None:
    judge = GatewayJudge()
    view = powerwall3_view("cabin", 1)
    judge.take(view.reading)
    away = replace(without_reading(view), last=judge.last)
    for body in (
        site_documents.gateway_document(away),
        entry(site_documents.site_document(site_of(powerwall3_view("home", 1), away)), "cabin"),
    ):
        assert body["solar_watts"] is None
        assert body["last_known"]["solar_watts"] == 6500
        assert body["last_known"]["read_at"] == NOW - 1
        assert body["units_percent"] == [], "these would be of now"
        assert body["last_known"]["units_percent"] == site_documents.gateway_document(view)["units_percent"] != []
        assert body["last_known"]["has_battery"] is True and body["last_known"]["has_solar"] is True
    assert "last_known" not in site_documents.gateway_document(view)


def test_without_the_poller_the_documents_say_so() -> None:
    view = powerwall3_view("home", 1)
    for body in (
        site_documents.gateway_document_without_poller(view),
        site_documents.site_document_without_poller(site_of(view))["gateways"][0],
    ):
        assert body["state"] == "away"
        assert body["cause"] == "poller"
        assert body["solar_watts"] is None
        assert "last_known" not in body


def test_the_documents_are_small() -> None:
    assert len(to_json(site_documents.site_document(site_of(powerwall3_view("home", 3))))) <= 2000
    hundred = [powerwall3_view(f"house-{number:03}", 3) for number in range(100)]
    hundred = [replace(view, status=replace(view.status, state_since=NOW - 5000)) for view in hundred]
    assert len(to_json(site_documents.site_document(site_of(*hundred)))) <= 100 * 400
    some_away = [
        without_reading(view, "the gateway refuses the password") if n % 10 == 0 else view
        for n, view in enumerate(hundred)
    ]
    assert len(to_json(site_documents.site_document(site_of(*some_away)))) <= 100 * 425


def test_a_further_meter_has_its_place_beside_the_four() -> None:
    view = powerwall3_view("home", 1)
    assert view.reading is not None
    more = {"generator": {"instant_power": 3000.0}, "grid": {"instant_power": 1.0}}
    aggregates = {**view.reading.aggregates, **more}
    told = site_documents.gateway_document(replace(view, reading=replace(view.reading, aggregates=aggregates)))[
        "meters"
    ]
    assert told["generator"]["watts"] == 3000
    assert told["grid"]["watts"] == -2100.2
    assert told["other grid"]["watts"] == 1
    odd = replace(view, reading=replace(view.reading, aggregates=aggregates))
    total = site_documents.site_document(site_of(odd, powerwall3_view("cabin", 1)))["site"]
    assert total["meters"]["generator"] == {"watts": 3000, "imported_wh": None, "exported_wh": None}
    assert total["missing"] == {}, "a house without a generator lacks nothing"


def counting(name: str, watt_hours: float) -> View:
    meter = {"instant_power": 1.0, "energy_imported": watt_hours, "energy_exported": 2.0}
    return powerwall3_view(name, 1, aggregates=dict.fromkeys(("site", "battery", "load", "solar"), meter))


def test_counters_of_the_sum_are_whole_or_unknown_and_keep_what_a_house_that_left_has_counted() -> None:
    home, cabin, sums = counting("home", 5000.0), counting("cabin", 7000.0), SumMemory()

    def told(*views: View) -> Any:
        """The counters of /api/site, once the virtual gateway has taken note of them: both say the same."""
        views_of_all = replace(site_of(*views), sums=sums)
        reading = merge(views_of_all, {}, None, sums).view.reading
        body = site_documents.site_document(views_of_all)
        assert schema_errors(OVERVIEW, body) == []
        meters = body["site"]["meters"]
        for shown, name in (("grid", "site"), ("home", "load"), ("battery", "battery"), ("solar", "solar")):
            for fact, counter in (("imported_wh", "energy_imported"), ("exported_wh", "energy_exported")):
                assert meters[shown][fact] == (None if reading is None else reading.aggregates[name][counter])
        return meters["home"]["imported_wh"]

    assert told(home, cabin) == 12000
    assert told(home, stale(cabin)) is None, "a sum must not fall for a part that is missing"
    assert told(home, without_reading(cabin)) is None
    assert told(home) == 12000, "the cabin has left the configuration"
    assert told(home, counting("cabin", 7001.0)) == 12001


def test_who_is_left_out_is_told_with_since_when_and_how_old_its_figures_are() -> None:
    home, cabin = powerwall3_view("home", 1), powerwall3_view("cabin", 1)
    for other, told in (
        (stale(cabin), (NOW - 20, 20)),
        (without_reading(cabin), (NOW - 20, 20)),
        (waiting(cabin), (NOW - 20, None)),
        (with_battery(cabin, 4.0e6), (None, 20)),
    ):
        status = replace(other.status, state_since=NOW - 20)
        if status.last_updated is not None:
            status = replace(status, last_updated=NOW - 20)
        reading = other.reading and replace(other.reading, timestamp=NOW - 20)
        body = site_documents.site_document(site_of(home, replace(other, status=status, reading=reading)))
        (one,) = body["site"]["left_out"]
        assert (one["since"], one["age_seconds"]) == told
        assert schema_errors(OVERVIEW, body) == []


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "aggregates": st.dictionaries(st.sampled_from(["site", "battery", "load", "solar", "a.b", ""]), GARBAGE),
            "system_status": st.dictionaries(st.sampled_from(["battery_blocks", "max_charge_power"]), GARBAGE),
            "strings": st.dictionaries(st.text(max_size=3), GARBAGE, max_size=3),
            "soe_raw": GARBAGE,
            "reserve": GARBAGE,
            "mode": GARBAGE,
            "grid_status": GARBAGE,
            "vitals": GARBAGE,
        },
    )
)
def test_whatever_a_gateway_says_the_documents_keep_their_shape(changes: dict[str, Any]) -> None:
    view = powerwall3_view("home", 1)
    assert view.reading is not None
    odd = replace(view, reading=replace(view.reading, **changes))
    for row, body in (
        (HOUSE, site_documents.gateway_document(odd)),
        (OVERVIEW, site_documents.site_document(site_of(odd))),
    ):
        assert schema_errors(row, json.loads(to_json(body))) == []
