"""The table itself: every row is complete, keeps its schema in every state, and cannot hurt its neighbours."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from pwserver.documents import catalogue, render
from pwserver.documents.catalogue import CATALOGUE, GATEWAY_DOCUMENTS, SITE_DOCUMENTS, gateway_targets, site_targets
from pwserver.documents.document import JSON, TEXT, Document, Scope
from pwserver.documents.examples import example_of, none_of
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.view import SiteView, View
from tests.documents.factory import (
    NOW,
    SERVER,
    powerwall3_view,
    recorded_site,
    recorded_view,
    server_facts,
    site_of,
    stale,
    without_reading,
)
from tests.documents.serve import Server


def only_powers(watts: dict[str, Any], percent: float | None) -> View:
    """A gateway that tells nothing else, as over ``powers_url``."""
    view = recorded_view()
    reading = Reading.partial(
        view.gateway.id,
        NOW,
        {name: {"instant_power": value} for name, value in watts.items()},
        soe_raw=percent,
        reach=Reach.POWERS,
    )
    return dataclasses.replace(view, reading=reading)


STATES: dict[str, View] = {
    "tedapi": recorded_view(),
    "local": recorded_view(f"local-mode/{SERVER}"),
    "powerwall3": powerwall3_view(),
    "stale": stale(powerwall3_view()),
    "never": without_reading(recorded_view()),
    "zeros": dataclasses.replace(
        recorded_view(), server=dataclasses.replace(recorded_view().server, missing_as_zero=True)
    ),
    "only powers": only_powers({"site": -2100.5, "battery": 0, "load": 1900.0, "solar": 4000.5}, 81.0),
    "only one power": only_powers({"site": None, "battery": None, "load": None, "solar": 5}, None),
    "control off": recorded_view(control_enabled=False),
}


def schema_errors(document: Document, body: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(document.schema)
    return [f"{document.target} {error.json_path}: {error.message[:150]}" for error in validator.iter_errors(body)]


@pytest.mark.parametrize("document", CATALOGUE, ids=lambda row: row.target or "(gateway)")
def test_row_is_complete_and_its_example_fits(document: Document) -> None:
    jsonschema.Draft202012Validator.check_schema(document.schema)
    assert document.summary
    assert document.family
    assert document.media_type == JSON or document.media_type.startswith("text/") or document.internal
    assert schema_errors(document, example_of(document)) == []
    json.dumps(document.schema)


@pytest.mark.parametrize("state", STATES)
def test_bodies_fit_their_schemas_in_every_state(state: str) -> None:
    view = STATES[state]
    failures: list[str] = []
    for index, (status, body) in enumerate(render.render_gateway(view)):
        row = GATEWAY_DOCUMENTS[index]
        if status == 200:
            failures += schema_errors(row, body.decode() if row.media_type == TEXT else json.loads(body))
        else:
            assert status in row.errors, row.target
            assert isinstance(json.loads(body)["detail"], str)
    for index, (status, body) in enumerate(render.render_site(site_of(view))):
        row = SITE_DOCUMENTS[index]
        if status == 200:
            failures += schema_errors(row, json.loads(body) if row.media_type == JSON else body.decode())
        else:
            assert status in row.errors, row.target
    assert failures == []


def test_targets_are_unique_and_every_document_is_reachable() -> None:
    for default in (True, False):
        targets = gateway_targets("home", default)
        if default:
            public = {index for index, row in enumerate(GATEWAY_DOCUMENTS) if not row.internal}
            assert set(targets.values()) == public
        own = ("/api/gateways/home", "/api/site/home", "/api/checks/home")
        assert all(default or target.startswith(own) for target in targets)
    names = [
        ("prefix" + target if not row.unprefixed else target)
        for row in GATEWAY_DOCUMENTS
        if row.unprefixed
        for target in row.targets
    ] + list(site_targets())
    assert len(names) == len(set(names))
    assert "#facts" not in site_targets()


def test_every_gateway_document_has_a_prefixed_form() -> None:
    targets = gateway_targets("home", True)
    plain = [target for target in targets if not target.startswith(("/api/gateways/", "/api/site/", "/api/checks/"))]
    assert [target for target in plain if f"/api/gateways/home{target}" not in targets] == []
    assert "/api/gateways/a%2Fb/soe" in gateway_targets("a/b", False)


def test_equal_bodies_are_one_object_and_are_packed_once() -> None:
    rendered = render.render_gateway(powerwall3_view())
    targets = gateway_targets("home", True)
    same = ("/api/status", "/pw/status", "/api/gateways/home/api/status")
    assert len({id(rendered[targets[target]][1]) for target in same}) == 1
    distinct = {body for _, body in rendered}
    assert len({id(body) for _, body in rendered}) == len(distinct)
    packed = render.pack(rendered)
    assert [(status, body) for status, body, _, _ in packed] == rendered
    again = render.pack(rendered, render.twins_by_tag(packed))
    assert again == packed
    twins = [(one[2], other[2]) for one, other in zip(packed, again, strict=True) if one[2] is not None]
    assert len(twins) > 10
    assert all(one is other for one, other in twins)  # compressed once


def test_a_failing_renderer_costs_only_its_own_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(view: View) -> Any:
        raise RuntimeError("secret detail")

    rows = tuple(dataclasses.replace(row, render=broken) if row.target == "/freq" else row for row in GATEWAY_DOCUMENTS)
    monkeypatch.setattr(render, "GATEWAY_DOCUMENTS", rows)
    told: list[tuple[str, str]] = []
    healthy = powerwall3_view()
    bodies = render.render_gateway(healthy, lambda row, error: told.append((row.target, str(error))))
    index = [row.target for row in rows].index("/freq")
    assert bodies[index][0] == 500
    assert set(json.loads(bodies[index][1])) == {"error"}
    assert b"secret" not in bodies[index][1]
    assert told == [("/freq", "secret detail")]
    assert [i for i, (status, _) in enumerate(bodies) if status == 500] == [index]


def test_garbage_in_one_family_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    view = powerwall3_view(
        system_status={"battery_blocks": "?"}, vitals={"TEPOD--1": 5}, temps={"a": None}, fan_speeds={}
    )
    errors: list[str] = []
    rendered = render.render_gateway(view, lambda row, error: errors.append(row.target))
    assert errors == []
    targets = gateway_targets("home", True)
    assert json.loads(rendered[targets["/aggregates"]][1])["site"]["instant_power"] == -2100.25


def test_without_gateways() -> None:
    server = Server(SiteView([], server_facts(control_enabled=False), NOW))
    refused = {"detail": "No gateways configured"}
    assert server.replies["/aggregates"].status == 503
    assert server.replies["/csv"].body == refused or json.loads(server.replies["/csv"].body) == refused
    assert server.replies["/tedapi"].status == 200
    assert server.replies["/health"].body["status"] == "no_gateways"


def test_missing_as_zero_brings_the_old_zeros_back() -> None:
    server = Server(site_of(STATES["zeros"]))
    assert server.replies["/csv/v2"].body == "-2100.00,900.00,6500.00,-3500.00,24.07,0,0\n"
    assert server.replies["/json"].body["reserve"] == 0
    assert server.replies["/json"].body["grid_status"] == 0
    nothing = without_reading(STATES["zeros"])
    server = Server(site_of(nothing))
    assert server.replies["/csv/v2"].body == "0.00,0.00,0.00,0.00,0.00,0,0\n"
    assert server.replies["/pw/power"].body == {"site": 0, "solar": 0, "battery": 0, "load": 0}
    assert server.replies["/json"].body["soe"] is None


def test_bodies_are_compact() -> None:
    """verify.sh cuts the values out of the text."""
    server_body = render.encoded(Server(recorded_site()).replies["/stats"].body)[1]
    assert b'"tedapi_mode":"full"' in server_body
    assert b'": ' not in server_body


def test_scopes_partition_the_catalogue() -> None:
    parts = (catalogue.GATEWAY_DOCUMENTS, catalogue.SITE_DOCUMENTS, catalogue.WORKER_DOCUMENTS)
    assert sum(map(len, parts)) == len(CATALOGUE)
    assert {row.target for row in catalogue.WORKER_DOCUMENTS} == {"/stats", "/health", "/api/mqtt/status"}
    assert all(row.scope is Scope.SITE for row in SITE_DOCUMENTS)


@pytest.mark.parametrize("document", GATEWAY_DOCUMENTS, ids=lambda row: row.target or "(gateway)")
def test_nothing_to_serve_holds_no_number_of_the_house(document: Document) -> None:
    """Expired data are gone from every document, and no zero takes their place."""
    text = json.dumps(none_of(document))
    for number in ("-2100", "-3500", "6500", "13500", "24.5", "80.0"):
        assert number not in text
    if document.family in ("core", "csv", "pw") and document.target != "/pw/version":
        assert "0" not in text
