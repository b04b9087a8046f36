"""Sums over gateways and the virtual gateway, at every moment of an outage and of the recovery."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.documents import aggregate_documents, devices, meters, status
from pwserver.documents.site_documents import site_document
from pwserver.documents.virtual_gateway import VIRTUAL_ID, Merged, MergeMemory, MergeOptions, merge
from pwserver.state.time_zone import in_force
from pwserver.state.view import SiteView, View
from tests.documents.factory import NOW, SERVER, powerwall3_view, recorded_view, site_of, stale, without_reading
from tests.documents.serve import Server

PLAIN = MergeOptions(name_prefix="")


def powers(site_watts: float, battery: float, solar: float) -> dict[str, Any]:
    values = {"site": site_watts, "battery": battery, "solar": solar, "load": site_watts + battery + solar}
    counters = {"energy_imported": 1000.0, "energy_exported": 500.0}
    return {name: {"instant_power": value, **counters} for name, value in values.items()}


def house(*parts: tuple[float, float, float]) -> SiteView:
    names = ("home", "cabin", "barn", "shed", "mill")
    views = [powerwall3_view(name, 1, aggregates=powers(*part)) for name, part in zip(names, parts, strict=False)]
    return site_of(*views)


watts = st.floats(-9000, 9000)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(watts, watts, watts), min_size=1, max_size=5), st.randoms())
def test_sums_equal_their_parts_balance_and_do_not_depend_on_order(
    parts: list[tuple[float, float, float]], order: Any
) -> None:
    whole = house(*parts)
    body = aggregate_documents.power(whole)
    assert body["site"] == pytest.approx(math.fsum(part[0] for part in parts), abs=1e-9)
    assert body["grid"] == body["site"]
    assert body["load"] == pytest.approx(body["site"] + body["battery"] + body["solar"], abs=1e-6)
    shuffled = list(whole.views)
    order.shuffle(shuffled)
    other = aggregate_documents.power(replace(whole, views=shuffled))
    assert {name: other[name] for name in meters.METERS} == {name: body[name] for name in meters.METERS}
    merged = merge(whole, {}).view
    for name in meters.METERS:
        assert meters.power_watts(merged, name) == body[name]


def test_charge_is_weighted_by_capacity_and_the_mean_stays_beside_it() -> None:
    small = powerwall3_view("small", 1, soe_raw=90.0)  # 27 kWh with the expansion pack
    large = powerwall3_view("large", 3, soe_raw=30.0)  # 54 kWh
    body = aggregate_documents.soe(site_of(small, large))
    assert body["weighted"] is True
    assert body["raw_percentage"] == pytest.approx(50.0)
    assert body["raw_percentage_mean"] == pytest.approx(60.0)
    assert aggregate_documents.battery(site_of(small, large))["total_capacity"] == pytest.approx(13500.25 * 6)
    unknown = powerwall3_view("large", 3, soe_raw=30.0, system_status=None)
    body = aggregate_documents.soe(site_of(small, unknown))
    assert body["weighted"] is False
    assert body["raw_percentage"] == body["raw_percentage_mean"] == pytest.approx(60.0)


def test_an_unknown_number_is_left_out_of_its_sum_and_named() -> None:
    aggregates = powers(100.0, 200.0, 300.0)
    aggregates["solar"]["instant_power"] = None
    whole = site_of(powerwall3_view("home", 1), powerwall3_view("cabin", 1, aggregates=aggregates, soe_raw=None))
    body = aggregate_documents.power(whole)
    assert body["solar"] == 6500.0
    assert body["sources"]["missing"] == {"solar": ["cabin"], "soe": ["cabin"]}


def test_time_skew_and_ages_are_stated() -> None:
    local = powerwall3_view("home", 1, timestamp=NOW - 2)
    cloud = powerwall3_view("cabin", 1, timestamp=NOW - 62.5)
    sources = aggregate_documents.power(site_of(local, cloud))["sources"]
    assert sources["ages_seconds"] == {"home": 2.0, "cabin": 62.5}
    assert sources["time_skew_seconds"] == 60.5
    merged = merge(site_of(local, cloud), {}).view
    assert merged.reading is not None
    assert merged.reading.timestamp == NOW - 62.5  # as old as its oldest part


def test_power_beyond_the_nameplate_is_flagged_and_the_whole_gateway_set_aside() -> None:
    mad = powerwall3_view("cabin", 1, aggregates=powers(-100.0, 4.0e7, 0.0))
    whole = site_of(powerwall3_view("home", 1), mad)
    body = aggregate_documents.power(whole)
    assert body["battery"] == -3499.75
    assert body["sources"]["left_out"] == {"cabin": "implausible"}
    assert "battery power" in body["sources"]["flags"]["cabin"]
    merged = merge(whole, {}).view
    assert merged.reading is not None
    assert meters.power_watts(merged, "battery") == -3499.75
    assert "battery power" in merged.reading.flags["cabin"]
    strong = powerwall3_view(
        "cabin", 1, aggregates=powers(-100.0, 4.0e7, 0.0), system_status={"max_charge_power": 2.5e7}
    )
    assert site_of(strong).state.left_out == {}


def test_the_days_of_the_sum_are_not_this_machines_while_a_house_has_told_its_own() -> None:
    """A container has UTC; a default gateway that is dead from the start names no zone."""

    def zoned(name: str, told: str | None, **more: Any) -> View:
        view = powerwall3_view(name, 1, **more)
        return replace(view, gateway=in_force(replace(view.gateway, timezone="Etc/UTC", timezone_set=False), told))

    dead = without_reading(zoned("home", None))
    assert merge(site_of(dead, zoned("cabin", "Europe/Berlin")), {}).view.gateway.timezone == "Europe/Berlin"
    assert merge(site_of(dead, zoned("cabin", None)), {}).view.gateway.timezone == "Etc/UTC"
    told = zoned("home", "Etc/UTC")  # by a gateway that is where this machine is
    assert merge(site_of(told, zoned("cabin", "Europe/Berlin")), {}).view.gateway.timezone == "Etc/UTC"


def energy(view: View, meter: str = "solar", counter: str = "energy_exported") -> Any:
    assert view.reading is not None
    return view.reading.aggregates[meter][counter]


def with_counter(view: View, value: float) -> View:
    assert view.reading is not None
    aggregates = copy.deepcopy(view.reading.aggregates)
    aggregates["solar"]["energy_exported"] = value
    return replace(view, reading=replace(view.reading, aggregates=aggregates))


def run(*sites: SiteView, options: MergeOptions | None = None) -> list[Merged]:
    memory: MergeMemory = {}
    results = []
    for one in sites:
        merged = merge(one, memory, options)
        memory = merged.memory
        results.append(merged)
    return results


def test_counters_are_only_given_while_every_gateway_contributes() -> None:
    home, cabin = powerwall3_view("home", 1), powerwall3_view("cabin", 1)
    results = run(site_of(home, cabin), site_of(home, stale(cabin)), site_of(home, cabin))
    assert [energy(result.view) for result in results] == [19980001.0, None, 19980001.0]


def test_an_outage_from_the_first_failure_to_the_recovery() -> None:
    home, cabin = powerwall3_view("home", 2), powerwall3_view("cabin", 1)
    moments = {
        "never": site_of(home, without_reading(cabin)),
        "both": site_of(home, cabin),
        "stale": site_of(home, stale(cabin)),
        "expired": site_of(home, without_reading(cabin)),
        "back": site_of(home, cabin),
    }
    away = ("never", "stale", "expired")
    one = -3499.75
    for name, moment in moments.items():
        body = aggregate_documents.power(moment)
        assert body["battery"] == (one if name in away else 2 * one), name
        reason = "stale" if name == "stale" else "no data"
        assert body["sources"]["left_out"] == ({"cabin": reason} if name in away else {})
        health = Server(moment).replies["/health"].body["status"]
        assert health == ("degraded" if name in away else "healthy")
    replies = {name: Server(moment).replies for name, moment in moments.items()}
    path = "/api/gateways/cabin/aggregates"
    assert replies["stale"][path].body == replies["both"][path].body
    assert replies["stale"]["/api/gateways/cabin/api/operation"].status == 503
    assert replies["expired"][path].body == {}
    overview = replies["stale"]["/api/aggregate/"].body
    assert overview["num_degraded"] == 1
    assert overview["gateways"]["cabin"]["stale"] is True
    assert replies["expired"]["/api/aggregate/status"].body["gateways"]["cabin"]["error"]


@pytest.mark.parametrize("options", [None, PLAIN], ids=["prefixed", "plain"])
def test_numbers_and_names_do_not_move_while_a_gateway_is_away(options: MergeOptions | None) -> None:
    home, cabin, barn = powerwall3_view("home", 2), powerwall3_view("cabin", 1), powerwall3_view("barn", 1)
    both, away, gone, back = run(
        site_of(home, cabin, barn),
        site_of(home, stale(cabin), barn),
        site_of(home, without_reading(cabin), barn),
        site_of(home, cabin, barn),
        options=options,
    )
    for render in (devices.freq, devices.pod, devices.temps_numbered, devices.fans_numbered, devices.strings):
        whole = render(both.view)
        for other in (away, gone):
            body = render(other.view)
            numbered = {key for key in whole if key.startswith(("PW", "FAN")) or render is devices.strings}
            assert numbered - {key for key in numbered if key.endswith("_attached_to")} <= body.keys()
            if render is devices.pod:
                assert body["PW6_PackageSerialNumber"] == whole["PW6_PackageSerialNumber"]  # the barn's
                assert body["PW4_PackageSerialNumber"] == whole["PW4_PackageSerialNumber"]  # the cabin's, away
                assert body["PW4_POD_nom_energy_remaining"] is None
                assert body["PW4_off_grid"] is None
                assert body["PW6_POD_nom_energy_remaining"] == whole["PW6_POD_nom_energy_remaining"]
        assert render(back.view) == whole


def test_names_of_a_sum_are_unambiguous() -> None:
    whole = site_of(powerwall3_view("home", 2), powerwall3_view("cabin", 1))
    prefixed = merge(whole, {}).view
    assert {"home.A", "home.A1", "cabin.A"} <= devices.strings(prefixed).keys()
    assert "home.GridCodesWrite" in devices.alerts(prefixed)
    assert "cabin.ISLAND_FreqL1_Main" in devices.freq(prefixed)
    assert "home.TESYNC--None--None" in devices.vitals(prefixed)
    assert devices.freq(prefixed)["PW4_name"].startswith("cabin.TEPINV--")
    plain = merge(whole, {}, PLAIN).view
    assert {"A", "A1", "A2"} <= devices.strings(plain).keys()  # the cabin continues the numbering
    assert devices.strings(plain).keys() == {letter + digit for letter in "ABCDEF" for digit in ("", "1", "2")}
    assert devices.freq(plain)["ISLAND_FreqL1_Main"] == 59.98
    assert "cabin.ISLAND_FreqL1_Main" in devices.freq(plain)
    assert devices.alerts(plain) == devices.alerts(whole.views[0])
    custom = merge(whole, {}, MergeOptions(name_prefix="gw-{id}/")).view
    assert "gw-cabin/A" in devices.strings(custom)
    shouting = site_of(powerwall3_view("HOME", 1))
    assert "HOME.A" in devices.strings(merge(shouting, {}, MergeOptions(name_prefix="{id}")).view)


def test_units_matched_by_position_stay_matched_in_a_sum() -> None:
    """A Powerwall 2 with the local API: device serial numbers are not those of the blocks."""
    blocks = {"battery_blocks": [{"PackageSerialNumber": name, "PackagePartNumber": "P"} for name in ("one", "two")]}
    local = recorded_view(f"local-mode/{SERVER}")
    assert local.reading is not None
    local = replace(
        local,
        gateway=replace(local.gateway, id="old"),
        reading=replace(local.reading, gateway_id="old", system_status=blocks),
    )
    alone = devices.pod(local)
    merged = devices.pod(merge(site_of(powerwall3_view("home", 1), local), {}, PLAIN).view)
    for key in ("POD_nom_energy_remaining", "PackageSerialNumber", "name"):
        assert [merged[f"PW{n}_{key}"] for n in (3, 4)] == [alone[f"PW{n}_{key}"] for n in (1, 2)]
    assert alone["PW2_POD_nom_energy_remaining"] == 4504.0


def test_the_virtual_gateway_answers_every_url_and_can_be_the_default() -> None:
    whole = site_of(powerwall3_view("home", 2), recorded_view())
    merged = merge(whole, {}).view
    facts = replace(whole.server, default_gateway=VIRTUAL_ID)
    server = Server(replace(whole, views=[*whole.views, merged], server=facts))
    assert server.errors == []
    assert Server(whole).replies.keys() <= server.replies.keys()
    replies = server.replies
    assert replies["/aggregates"].body["battery"]["instant_power"] == -3499.75 - 3500
    assert replies["/csv"].body.startswith("-4200.25,1800.00,13000.00,-6999.75,")
    assert replies["/api/gateways/aggregate"].body["virtual"] is True
    assert set(replies["/api/gateways/"].body) == {"home", "default"}
    assert replies["/tedapi/config"].body == {"error": "TEDAPI not enabled or unavailable"}
    assert replies["/stats"].body["gateways"] == {"total": 2, "online": 2, "offline": 0}
    assert replies["/pod"].body["nominal_full_pack_energy"] == 13500.25 * 3 + 27000


def test_nothing_to_merge() -> None:
    nobody = merge(site_of(without_reading(powerwall3_view())), {})
    assert nobody.view.reading is None
    assert nobody.view.status.online is False
    assert Server(SiteView([nobody.view], nobody.view.server, NOW)).replies["/api/gateways/aggregate/soe"].status == 200
    assert merge(SiteView([], nobody.view.server, NOW), {}).memory == {}


def test_memory_forgets_gateways_that_left() -> None:
    home, cabin = powerwall3_view("home", 1), powerwall3_view("cabin", 1)
    results = run(site_of(home, cabin), site_of(home))
    assert set(results[1].memory) == {"home"}


def test_one_of_several_houses_off_grid_does_not_take_the_whole_site_off_it() -> None:
    up, down = powerwall3_view("home", 1), powerwall3_view("cabin", 1, grid_status="DOWN", grid_status_detail=None)
    silent = powerwall3_view("barn", 1, grid_status=None, grid_status_detail=None)
    assert (
        aggregate_documents.overview(site_of(up, down))["grid_status"] is None
    )  # this shape has no word for a mixture
    assert aggregate_documents.overview(site_of(down, up))["grid_status"] is None
    assert aggregate_documents.overview(site_of(stale(up), down))["grid_status"] == "DOWN"
    assert aggregate_documents.overview(site_of(up, silent))["grid_status"] == "UP"
    assert aggregate_documents.overview(site_of(silent))["grid_status"] is None
    assert devices.freq(merge(site_of(up, down), {}).view)["grid_status"] is None
    assert devices.freq(merge(site_of(up, silent), {}).view)["grid_status"] == 1


def named(gateway: str, site_name: str | None) -> View:
    return powerwall3_view(gateway, 1, site_name=site_name)


def test_a_sum_of_several_houses_has_the_name_of_none() -> None:
    def name(*views: View) -> str | None:
        return site_document(site_of(*views))["site"]["name"]

    assert name(named("home", "Home")) == "Home"
    assert name(named("home", "Home"), named("barn", "Barn")) is None
    assert name(named("home", "Home"), named("barn", None)) is None
    assert name(named("home", "Farm"), named("barn", "Farm")) == "Farm"  # two gateways of one site
    assert name(without_reading(named("home", "Home"))) == named("home", "Home").gateway.name


def test_nothing_is_said_of_a_gateway_before_its_first_attempt_has_ended() -> None:
    known = powerwall3_view("home", 1)
    unknown = replace(known.status, online=False, total_successes=0, total_failures=0, state="connecting",
                      connection_mode=None, tedapi_mode=None, last_updated=None)  # fmt: skip
    before = replace(known, status=unknown, reading=None, gateway=replace(known.gateway, tedapi_expected=True))

    def health(view: View) -> tuple[object, object]:
        body = status.health(status.site_facts(site_of(view)), {})
        assert status.stats(status.site_facts(site_of(view)), {})["tedapi_mode"] == body["tedapi_mode"]
        return body["tedapi_mode"], body["connection_health"]["local_healthy"]

    assert health(before) == (None, None)
    assert health(replace(before, gateway=replace(known.gateway, tedapi_expected=False))) == ("off", None)
    failed = replace(unknown, state="backing-off", total_failures=1)
    assert health(replace(before, status=failed)) == (None, False)
    assert known.reading is not None and health(known) == (known.reading.tedapi_mode, True)
