"""A battery unit keeps its number, whatever the gateway does with its list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.unit_numbers import MAX_UNITS, UnitNumbers
from pwserver_ext.vitals import frequency, numbered_fans, numbered_temperatures, pods
from tests.documents.factory import powerwall3_view
from tests.state.readings import reading


def house(after: float, *serials: str | None, **more: Any) -> Any:
    blocks = [{"PackageSerialNumber": serial, "PackagePartNumber": "3012170-05-B"} for serial in serials]
    return reading(after, system_status={"battery_blocks": blocks}, **more)


def numbers(judged: Judged) -> dict[str, int]:
    return {unit.serial: unit.position for unit in judged.units}


def test_a_list_in_another_order_moves_no_unit() -> None:
    judge = GatewayJudge()
    assert numbers(judge.take(house(0, "A", "B", "C"))) == {"A": 1, "B": 2, "C": 3}
    turned = judge.take(house(5, "C", "A", "B"))
    assert numbers(turned) == {"A": 1, "B": 2, "C": 3}
    assert turned.reading is not None and turned.reading.system_status is not None
    order = [block["PackageSerialNumber"] for block in turned.reading.system_status["battery_blocks"]]
    assert order == ["A", "B", "C"]  # so that the numbered pages of the predecessors stay as they are, too


def test_a_unit_that_is_away_keeps_its_number_and_its_label() -> None:
    judge = GatewayJudge()
    judge.take(house(0, "A", "B"))
    alone = judge.take(house(5, "B"))
    assert numbers(alone) == {"B": 2} and alone.unit_labels["A"] == ("PW1", 100)
    assert numbers(judge.take(house(10, "B", "A"))) == {"A": 1, "B": 2}


def test_a_successor_gets_a_number_of_its_own() -> None:
    judge = GatewayJudge()
    judge.take(house(0, "A", "B"))
    assert numbers(judge.take(house(5, "N", "B"))) == {"N": 3, "B": 2}


def test_numbers_outlive_a_restart() -> None:
    judge = GatewayJudge()
    judge.take(house(0, "A", "B"))
    again = GatewayJudge(GatewayMemory.from_json(judge.memory.to_json()))
    assert numbers(again.take(house(100, "B", "A"))) == {"A": 1, "B": 2}


def test_a_replica_numbers_as_its_publisher_does() -> None:
    publisher, replica = GatewayJudge(), GatewayJudge()
    publisher.take(house(0, "A", "B"))
    passed_on = publisher.take(house(5, "B", "A")).reading
    assert numbers(replica.take(passed_on)) == {"A": 1, "B": 2}


def test_placeholders_get_no_number() -> None:
    assert numbers(GatewayJudge().take(house(0, None, "None", "", "A"))) == {"A": 1}


def test_packs_belong_to_their_unit_in_whatever_order_they_are_told() -> None:
    def configured(*packs: str) -> dict[str, Any]:
        expansions = [{"din": f"1807000-20-B--{pack}"} for pack in packs]
        return {"battery_blocks": [{"vin": "1707000-11-J--A", "battery_expansions": expansions}]}

    judge = GatewayJudge()
    first = judge.take(house(0, "A", tedapi_config=configured("X", "Y")))
    assert first.unit_labels == {"A": ("PW1", 100), "X": ("PW1 Exp 1", 101), "Y": ("PW1 Exp 2", 102)}
    assert judge.take(house(5, "A", tedapi_config=configured("Y", "X"))).unit_labels == first.unit_labels


def test_an_expansion_pack_that_only_the_configuration_names_is_listed_with_its_unit() -> None:
    pack = {"vin": "1707000-11-J--A", "battery_expansions": [{"din": "1807000-20-B--X"}]}
    later = {"vin": "1707000-11-M--B", "type": "follower"}
    judged = GatewayJudge().take(house(0, "A", tedapi_config={"battery_blocks": [pack, later]}))
    assert [(unit.label, unit.serial, unit.leader, unit.state) for unit in judged.all_units] == [
        ("PW1", "A", None, "present"),
        ("PW2", "B", None, "missing"),
        ("PW1 Exp 1", "X", "A", "missing"),
    ]
    listed = GatewayJudge().take(house(0, "A", "X", "B", tedapi_config={"battery_blocks": [pack, later]}))
    assert {unit.serial: unit.leader for unit in listed.units} == {"A": None, "X": "A", "B": None}


def test_a_unit_whose_figures_became_too_old_is_missing() -> None:
    blocks = [
        {"PackageSerialNumber": name, "nominal_full_pack_energy": full}
        for name, full in (("A", 13500), ("B", 13500), ("C", None), ("D", None))
    ]
    ages = {"B": 20.0, "TEPOD--p--C": 400.0}
    judged = GatewayJudge().take(reading(0, system_status={"battery_blocks": blocks}, device_ages_seconds=ages))
    found = {unit.serial: (unit.state, unit.age_seconds) for unit in judged.units}
    assert found == {  # nothing was ever heard of the figures of D: that says nothing about the unit
        "A": ("present", None),
        "B": ("present", 20.0),
        "C": ("missing", 400.0),
        "D": ("present", None),
    }


@given(st.lists(st.lists(st.sampled_from("ABCDEFGH"), unique=True, max_size=8), max_size=20))
def test_nobody_ever_changes_a_number(polls: list[list[str]]) -> None:
    judge = GatewayJudge()
    known: dict[str, int] = {}
    for count, serials in enumerate(polls):
        for serial, number in numbers(judge.take(house(count * 5, *serials))).items():
            assert known.setdefault(serial, number) == number
    assert len(set(known.values())) == len(known)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["numbers", "packs", "A", "B"]), x),
        max_leaves=12,
    )
)
def test_whatever_was_kept_is_read(kept: Any) -> None:
    found = UnitNumbers.from_json(kept)
    assert UnitNumbers.from_json(found.to_json()) == found


def test_there_is_an_end_to_what_is_remembered() -> None:
    judge = GatewayJudge()
    for count in range(3 * MAX_UNITS):
        judge.take(house(count * 5, "A", f"N{count}"))
    assert len(judge.memory.unit_numbers.numbers) <= MAX_UNITS
    assert judge.memory.unit_numbers.numbers["A"] == 1


def test_temperatures_and_fans_are_numbered_by_the_units_numbers() -> None:
    """``/temps/pw`` and ``/fans/pw`` number them by their places, and recorders keep these names."""
    reading = powerwall3_view().reading
    assert reading is not None and reading.vitals and reading.temps and reading.fan_speeds and reading.system_status
    judge = GatewayJudge()
    before = judge.take(reading).reading
    turned = replace(
        reading,
        timestamp=reading.timestamp + 5,
        vitals=dict(reversed(reading.vitals.items())),
        temps=dict(reversed(reading.temps.items())),
        fan_speeds=dict(reversed(reading.fan_speeds.items())),
        system_status={
            **reading.system_status,
            "battery_blocks": reading.system_status["battery_blocks"][::-1],
        },
    )
    after = judge.take(turned).reading
    assert before is not None and after is not None and len(reading.temps) > 1
    assert numbered_temperatures(after.temps) == numbered_temperatures(before.temps)
    assert numbered_fans(after.fan_speeds) == numbered_fans(before.fan_speeds)
    assert numbered_temperatures(turned.temps) != numbered_temperatures(reading.temps)


def test_no_other_unit_takes_the_place_of_one_that_is_left_out_in_the_flat_pages() -> None:
    """A local gateway may list only those it hears; ``PW1_…`` of a recorder must not become another unit's."""

    def serials(judged: Judged) -> set[tuple[str, str]]:
        found = judged.reading
        assert found is not None
        flat = [
            pods(found.vitals, found.system_status, found.tedapi_config, found.unit_numbers),
            frequency(found.vitals, found.system_status, found.tedapi_config, None, found.unit_numbers),
        ]
        end = "_PackageSerialNumber"
        one, other = ({(name.removesuffix(end), told) for name, told in body.items() if end in name} for body in flat)
        assert one == other
        return one

    judge = GatewayJudge()
    assert serials(judge.take(house(0, "A", "B", "C"))) == {("PW1", "A"), ("PW2", "B"), ("PW3", "C")}
    assert serials(judge.take(house(5, "C", "B"))) == {("PW2", "B"), ("PW3", "C")}
    assert serials(judge.take(house(10, "C", None, "A"))) >= {("PW1", "A"), ("PW3", "C")}
    twice = pods(None, {"battery_blocks": [{"PackageSerialNumber": "A"}] * 2}, None, {"A": 2})
    assert (twice["PW2_PackageSerialNumber"], twice["PW3_PackageSerialNumber"]) == ("A", "A")
