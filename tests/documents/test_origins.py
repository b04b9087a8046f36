"""Every number of the site document says where it comes from, and says the same value."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pwserver.causes import CAUSE_BY_ID, POLLER
from pwserver.documents import explanations, site_documents
from pwserver.documents.encode import to_json
from pwserver.documents.explanations import ExplainedGateway, ExplainedSite
from pwserver.state.fact import RULES
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import View
from tests.documents.factory import NOW, powerwall3_view, recorded_view, site_of, without_reading
from tests.documents.test_catalogue import STATES


def explained(view: View) -> ExplainedGateway:
    return ExplainedGateway(
        *(
            json.loads(to_json(body))
            for body in (site_documents.gateway_document(view), explanations.gateway_provenance(view))
        )
    )


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
        assert (told["answer"] is None) is (told["rule"] in ("server", "repeated", "away", "unknown")), name
        assert all(part["name"] in known.values for part in told["parts"])
    measured = [name for name in known.names if known.explain(name)["rule"] == "server"]
    assert not [name for name in measured if name.endswith(("_watts", "_wh", "_percent", "volts", "amperes", "hertz"))]


def test_derived_numbers_name_their_parts() -> None:
    known = explained(powerwall3_view("home", 1, system_status={
        "battery_blocks": [{"PackageSerialNumber": name, "nominal_full_pack_energy": 10000,
                            "nominal_energy_remaining": 5000} for name in "AB"]}, tedapi_config=None))  # fmt: skip
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
        *(
            json.loads(to_json(body))
            for body in (site_documents.site_document(views), explanations.site_provenance(views))
        )
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
        "site.remaining_wh",
        "site.home_watts",
    }


def test_old_figures_of_a_house_that_is_away_say_which_answer_they_are_from() -> None:
    view = powerwall3_view("cabin", 1)
    known = explained(replace(without_reading(view), last=view.state.judged))
    told = known.explain("last_known.solar_watts")
    assert (told["value"], told["rule"]) == (6500, "last known")
    assert told["answer"] == "meters" and told["member"] == "solar.instant_power" and told["at"] == NOW - 1
    told = known.explain("solar_watts")
    assert (told["value"], told["rule"], told["set_aside"]) == (None, "away", "Gateway did not answer")


def test_once_nobody_reads_the_gateways_no_answer_is_claimed_for_what_is_not_shown() -> None:
    view = powerwall3_view("home", 1)
    bodies = (site_documents.gateway_document_without_poller(view), explanations.gateway_provenance(view))
    known = ExplainedGateway(*(json.loads(to_json(body)) for body in bodies))
    assert set(known.names) <= known.values.keys()
    told = known.explain("solar_watts")
    assert (told["value"], told["rule"], told["answer"]) == (None, "away", None)
    assert told["set_aside"] == CAUSE_BY_ID[POLLER].sentence


def test_alerts_of_the_sum_are_told_by_house_and_an_end_keeps_its_own_answer() -> None:
    home, cabin = powerwall3_view("home", 1), recorded_view()
    views = site_of(home, cabin)
    known = ExplainedSite(
        *(
            json.loads(to_json(body))
            for body in (site_documents.site_document(views), explanations.site_provenance(views))
        )
    )
    told = known.explain("site.alerts")
    assert told["value"] == sum(part["value"] for part in told["parts"]) and told["rule"] == "sum of gateways"
    assert known.of_gateway("gateways.1.solar_watts") == (cabin.gateway.id, "solar_watts")
    assert known.of_gateway("gateways.9.solar_watts") is known.of_gateway("site.alerts") is None

    assert home.reading is not None
    judge = GatewayJudge()
    judge.take(home.reading)
    after = replace(
        home.reading,
        timestamp=NOW + 5,
        alerts=["SystemConnectedToGrid"],
        vitals={name: {**device, "alerts": []} for name, device in (home.reading.vitals or {}).items()},
    )
    judge.take(after)
    judged = judge.take(replace(after, timestamp=NOW + 10))
    told = explained(replace(home, reading=judged.reading, judged=judged)).explain("alerts_ended.GridCodesWrite.ended")
    assert (told["value"], told["at"], told["rule"]) == (NOW + 5, NOW + 5, "no longer told")
