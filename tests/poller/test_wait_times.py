"""Whether a login has ever worked outlives the poller and a reload, but not a change of the gateway's entry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pwserver.causes import AUTH
from pwserver.config.gateway_definition import GatewayDefinition
from pwserver.poller.wait_times import WaitTimes, inherit, shared_bytes
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge
from tests.state.readings import reading


def runtime(*gateways: GatewayDefinition) -> Any:
    regions = {name: memoryview(bytearray(size)) for name, size in shared_bytes(len(gateways)).items()}
    ids = [one.id for one in gateways]
    shared = SimpleNamespace(arena=SimpleNamespace(region=regions.__getitem__), gateways=ids)
    return SimpleNamespace(shared=shared, config=SimpleNamespace(gateways=gateways))


def test_nobody_knows_of_a_login_until_this_server_has_tried_it() -> None:
    home, cabin = (GatewayDefinition(name, name, host="10.0.0.1", gw_pwd="ABCDEFGHIJ") for name in ("home", "cabin"))
    old = runtime(home, cabin)
    assert WaitTimes(old).login_worked("home") is None
    WaitTimes(old).remember("home", 0.0, None, True)
    WaitTimes(old).remember("cabin", 0.0, AUTH, False)
    assert (WaitTimes(old).login_worked("home"), WaitTimes(old).login_worked("cabin")) == (True, False)
    same, changed = runtime(home, cabin), runtime(GatewayDefinition("home", "home", host="10.0.0.1", gw_pwd="X"), cabin)
    for new in (same, changed):
        inherit(old, new)
    assert WaitTimes(same).login_worked("home") is True and WaitTimes(same).login_worked("cabin") is False
    assert WaitTimes(changed).login_worked("home") is False, "the owner has just typed another password"


def test_what_is_remembered_of_a_house_shows_that_it_was_read() -> None:
    assert not GatewayMemory().has_read
    judge = GatewayJudge()
    judge.take(reading(0.0, {"load.energy_imported": 5.0}))
    assert GatewayMemory.from_json(judge.memory.to_json()).has_read
