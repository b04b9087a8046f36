"""What a gateway does not report, in the form that libraries made for a gateway accept, and never as a number."""

from __future__ import annotations

from typing import Any

import pytest

from pwserver.documents.tesla_status import grid_status, powerwalls, status
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.view import View
from tests.documents.factory import NOW, recorded_view

GATEWAY_1, GATEWAY_2, POWERWALL_3 = "1118431-00-L--GF1", "1232100-00-E--TG1", "1707000-11-J--TG2"


def view(reach: Reach = Reach.TEDAPI, **known: Any) -> View:
    made = recorded_view()
    return View(made.gateway, made.status, Reading.partial("home", NOW, {}, reach=reach, **known), made.server, NOW)


@pytest.mark.parametrize(
    ("din", "told", "kind"),
    [
        (GATEWAY_1, None, "hec"),
        (GATEWAY_2, None, "teg"),
        (POWERWALL_3, None, "teg"),
        (GATEWAY_2, "smc", "smc"),
        (None, "teg", "teg"),
        (None, None, None),
    ],
)
def test_kind_of_gateway(din: str | None, told: str | None, kind: str | None) -> None:
    found = status(view(din=din, status={"device_type": told}))
    assert found["device_type"] == kind
    assert ("error" in found) == (kind is None)
    assert found["start_time"] == ("0001-01-01 00:00:00 +0000" if kind else None)


def test_start_that_the_gateway_tells() -> None:
    told = {"start_time": "2026-01-02 03:04:05 -0800", "up_time_seconds": "1h2m3s"}
    found = status(view(din=GATEWAY_2, status=told))
    assert {name: found[name] for name in told} == told


def test_servers_of_tesla_tell_what_they_tell() -> None:
    remote = view(Reach.CLOUD, din=GATEWAY_2, status={"device_type": "teg"}, grid_status="UP")
    found = status(remote)
    assert found["start_time"] is None and found["up_time_seconds"] is None
    assert grid_status(remote) == {"grid_status": "SystemGridConnected", "grid_services_active": None}
    assert powerwalls(remote).keys() == {"error"}


@pytest.mark.parametrize(("told", "active"), [(True, True), (False, False), (None, False)])
def test_grid_services(told: bool | None, active: bool) -> None:
    detail = {"grid_status": "SystemGridConnected", "grid_services_active": told}
    assert grid_status(view(grid_status="UP", grid_status_detail=detail)) == {**detail, "grid_services_active": active}


def test_an_unknown_state_of_the_grid_has_a_reason() -> None:
    found = grid_status(view())
    assert found["grid_status"] is None and found["error"]
