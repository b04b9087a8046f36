"""What a connection can do is what the judge says, in documents as in refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.causes import CAUSE_BY_ID, LIMIT_BY_ID, Cause, Limit
from pwserver.modes import READS, ConnectionMode, Reach
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, Ways
from pwserver.state.abilities import LINK, OWN, Abilities, abilities_of, can_set, route
from pwserver.state.controls import CONTROLS, GRID, NEEDS, OPERATION, SIGNED, TARIFF
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import NOTHING, judge

REACHED = [reach for reach in Reach if reach is not Reach.MIXED]
WAYS = st.builds(
    Ways,
    reach=st.none() | st.sampled_from(REACHED),
    online=st.booleans(),
    wired_v1r=st.just(False),
    local_first=st.booleans(),
    link=st.sampled_from([None, "down", "unsure", "ready"]),
    relayed=st.booleans(),
)
MEANT = st.none() | st.sampled_from(list(ConnectionMode))


def judged_abilities(
    ways: Ways | None, meant: ConnectionMode | None = None, cause: str | None = None, enabled: bool = True
) -> Abilities:
    identity = GatewayIdentity("home", "Home", way=meant.name if meant is not None else None)
    status = GatewayStatus(online=ways is not None and ways.online, cause=cause, ways=ways)
    return abilities_of(identity, status, NOTHING, enabled)


@given(WAYS, MEANT, st.none() | st.sampled_from(list(CAUSE_BY_ID)), st.booleans())
def test_documents_and_commands_follow_one_rule(
    ways: Ways, meant: ConnectionMode | None, cause: str | None, enabled: bool
) -> None:
    told = judged_abilities(ways, meant, cause, enabled)
    assert told.write.keys() <= CONTROLS.keys() and told.read.keys() <= set(READS)
    for name, control in CONTROLS.items():
        ability, verdict = told.write.get(name), route(control.needs, ways, meant)
        able = ability is not None and ability.able
        assert able == (enabled and verdict.way is not None)
        if verdict.limit is not None:
            assert ability is not None and ability.limit == verdict.limit
    for one in (*told.write.values(), *told.read.values()):
        if one.able:
            assert (one.limit, one.why_not, one.help) == (None, None, None)
        else:
            assert one.limit in LIMIT_BY_ID and one.why_not and one.help
            assert "{" not in one.why_not and "None" not in one.why_not
    assert can_set(told) == any(one.able for one in told.write.values())


@pytest.mark.parametrize(
    ("reach", "can"),
    [
        (Reach.FLEETAPI, {OPERATION, GRID, TARIFF}),
        (Reach.CLOUD, {OPERATION, GRID, TARIFF}),
        (Reach.V1R, {OPERATION, GRID, SIGNED}),
        (Reach.TEDAPI, set()),
        (Reach.HYBRID, {OPERATION}),
        (Reach.LOCAL, {OPERATION}),
        (Reach.BASIC_LAN, set()),
        (Reach.POWERS, set()),
    ],
)
def test_each_kind_of_connection(reach: Reach, can: set[str]) -> None:
    alone = Ways(reach, online=True)
    assert {needs for needs in NEEDS if route(needs, alone).way == OWN} == can
    beside = Ways(reach, online=True, link="ready")
    for needs in NEEDS:
        wanted = (OWN if needs in can else None) if needs == SIGNED else LINK
        assert route(needs, beside).way == wanted, needs
        assert route(needs, Ways(reach, online=False)).way is None
        assert route(needs, Ways(reach, online=True, relayed=True)).limit == "replica"


def test_the_house_first_only_where_it_was_confirmed() -> None:
    for wired, wanted in ((True, OWN), (False, LINK)):
        ways = Ways(Reach.V1R, online=True, wired_v1r=wired, local_first=True, link="ready")
        assert route(OPERATION, ways).way == wanted


@pytest.mark.parametrize(
    ("link", "limit"), [("down", "link-down"), ("unsure", "link-unsure"), (None, "tedapi-read-only")]
)
def test_what_stands_in_the_way_of_tesla_is_told(link: str | None, limit: str) -> None:
    told = judged_abilities(Ways(Reach.TEDAPI, online=True, link=link, link_cause="login-refused")).write["reserve"]
    assert told.limit == limit
    assert (told.help == CAUSE_BY_ID["login-refused"].advice) == (link == "down")


@pytest.mark.parametrize("mode", list(ConnectionMode))
def test_before_the_first_connection_only_the_configuration_speaks(mode: ConnectionMode) -> None:
    told = judged_abilities(None, mode)
    assert told.reach is None and not can_set(told)
    assert not any(one.able for one in told.read.values())
    for name, control in CONTROLS.items():
        assert (name in told.write) == (control.needs not in mode.reach.value.writes), name
    for name in READS:
        assert (name in told.read) == (name not in mode.reach.value.reads), name
    nobody = judged_abilities(None)
    assert (nobody.read, nobody.write) == ({}, {})


@pytest.mark.parametrize("cause", ["auth", "unreachable", "poller", "login-refused"])
@pytest.mark.parametrize("reached", [True, False])
def test_a_gateway_that_is_away_says_what_helps_it(cause: str, reached: bool) -> None:
    ways = Ways(Reach.LOCAL if reached else None, online=False)
    told = judged_abilities(ways, ConnectionMode.LOCAL, cause).write
    assert told["reserve"].limit == "not-connected" and told["reserve"].help == CAUSE_BY_ID[cause].advice
    assert told["dispatch"].limit == "needs-v1r", "what stays comes before what passes"


def test_what_was_read_can_be_read() -> None:
    """An old firmware's own API tells strings and temperatures, a new one's does not."""
    plain = Reading.partial("home", 1.0, {}, reach=Reach.LOCAL)
    status = GatewayStatus(online=True, ways=Ways(Reach.LOCAL, online=True))
    identity = GatewayIdentity("home", "Home", way="LOCAL")
    without = abilities_of(identity, status, judge(plain, GatewayMemory()), True).read
    assert without["strings"].limit == "local-tells-less" and without["units"].able
    strings = {"A": {"Connected": True, "Current": 1.0, "Power": 230.0, "Voltage": 230.0, "State": "PV_Active"}}
    rich = Reading.partial("home", 1.0, {}, reach=Reach.LOCAL, strings=strings)
    assert abilities_of(identity, status, judge(rich, GatewayMemory()), True).read["strings"].able


def test_every_cause_and_limit_says_what_to_do() -> None:
    rows: list[Cause | Limit] = [*CAUSE_BY_ID.values(), *LIMIT_BY_ID.values()]
    for row in rows:
        assert row.sentence and row.advice.endswith("."), row.id
