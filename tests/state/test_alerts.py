"""What an alert means, on which unit it is, since when, and when it ended: over silence, restarts and other sources."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pwserver.modes import Reach
from pwserver.state import alert_memory
from pwserver.state.alert_meanings import INFORMATION, MEANINGS, SERIOUS, UNPUBLISHED, WARNING, meaning_of
from pwserver.state.alert_memory import AlertMemory
from pwserver.state.alerts import Alert, problems, worst
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.grid import GRID_ALERTS
from pwserver.state.judge import GatewayJudge, Judged
from tests.state.readings import START, reading

GATEWAY, UNIT, OTHER = "STSTSM--1707000-11-J--TG1", "TEPOD--1707000-11-J--TG1", "TEPOD--1707000-11-J--TG2"
BLOCKS = {"battery_blocks": [{"PackageSerialNumber": name} for name in ("TG1", "TG2")]}


def told(judge: GatewayJudge, after: float, devices: Mapping[str, Sequence[str] | None] | None, **more: Any) -> Judged:
    """Judge an answer in which these devices tell these alerts; None: no answer, or no such device in it."""
    vitals = None
    if devices is not None:
        vitals = {name: {"alerts": list(names)} for name, names in devices.items() if names is not None}
    names = None if vitals is None else sorted({one for device in vitals.values() for one in device["alerts"]})
    members = {"alerts": names, "vitals": vitals, "system_status": BLOCKS, "grid_status": "UP", **more}
    return judge.take(reading(after, **members))


def active(judged: Judged) -> dict[str, Alert]:
    return {one.name: one for one in judged.alerts or ()}


def ended(judged: Judged) -> dict[str, Alert]:
    return {one.name: one for one in judged.ended_alerts}


def test_since_is_the_first_answer_that_had_it_and_says_whether_it_may_have_been_there_before() -> None:
    judge = GatewayJudge()
    told(judge, 0, {UNIT: ["GridCodesWrite"]})
    judged = told(judge, 15, {UNIT: ["GridCodesWrite", "BatteryFault"]})
    assert [(one.name, one.since.value, one.exact) for one in judged.alerts or ()] == [
        ("BatteryFault", START + 15, True),
        ("GridCodesWrite", START, False),
    ]
    assert active(judged)["BatteryFault"].since.rule == "first seen"
    assert active(judged)["GridCodesWrite"].since.rule == "there already"
    assert active(judged)["BatteryFault"].since.member == f"{UNIT}.alerts"


def test_what_came_during_a_long_pause_may_have_begun_in_it() -> None:
    judge = GatewayJudge()
    told(judge, 0, {UNIT: []})
    judged = told(judge, alert_memory.RECENT_SECONDS + 1, {UNIT: ["BatteryFault"]})
    assert not active(judged)["BatteryFault"].exact


def test_silence_ends_nothing() -> None:
    judge = GatewayJudge()
    told(judge, 0, {UNIT: [], GATEWAY: []})
    told(judge, 15, {UNIT: ["BatteryFault"], GATEWAY: []})
    silent = told(judge, 30, None)
    assert silent.alerts is None and silent.ended_alerts == ()
    without_the_device = told(judge, 45, {UNIT: None, GATEWAY: []})
    assert without_the_device.alerts == () and without_the_device.ended_alerts == ()
    back = told(judge, 60, {UNIT: ["BatteryFault"], GATEWAY: []})
    assert active(back)["BatteryFault"].since.value == START + 15
    over = told(judge, 75, {UNIT: [], GATEWAY: []})
    assert over.alerts == ()
    assert [(one.since.value, one.ended.value, one.units) for one in over.ended_alerts] == [
        (START + 15, START + 75, ("PW1",))
    ]
    assert over.ended_alerts[0].ended.rule == "no longer told"
    assert ended(told(judge, 90, None)).keys() == {"BatteryFault"}  # it stays told while nobody answers


def test_teslas_servers_know_of_no_alert_but_the_grid() -> None:
    judge = GatewayJudge()
    told(judge, 0, {UNIT: ["BatteryFault"], GATEWAY: ["SystemConnectedToGrid"]})
    cloud = {"reach": Reach.CLOUD, "alerts": ["SystemConnectedToGrid"]}
    judged = told(judge, 15, {GATEWAY: ["SystemConnectedToGrid"]}, **cloud)
    assert active(judged).keys() == {"SystemConnectedToGrid"} and judged.ended_alerts == ()
    off = {"reach": Reach.CLOUD, "alerts": ["SystemIslandedActive"], "grid_status": "DOWN"}
    judged = told(judge, 30, {GATEWAY: ["SystemIslandedActive"]}, **off)
    assert ended(judged)["SystemConnectedToGrid"].ended.value == START + 30
    assert active(judged)["SystemIslandedActive"].exact
    again = told(judge, 45, {UNIT: ["BatteryFault"], GATEWAY: []}, grid_status="DOWN")
    assert active(again)["BatteryFault"].since.value == START


def test_an_unknown_grid_does_not_end_the_word_about_it() -> None:
    judge = GatewayJudge()
    told(judge, 0, {GATEWAY: ["SystemConnectedToGrid"]})
    unknown = told(judge, 15, {GATEWAY: []}, grid_status=None)
    assert unknown.alerts == () and unknown.ended_alerts == ()
    judged = told(judge, 30, {GATEWAY: ["SystemConnectedToGrid"]})
    assert active(judged)["SystemConnectedToGrid"].since.value == START


def test_an_alert_of_two_units_goes_on_until_the_last_one_ends() -> None:
    judge = GatewayJudge()
    both = told(judge, 0, {UNIT: ["BatteryFault"], OTHER: ["BatteryFault"]})
    assert active(both)["BatteryFault"].units == ("PW1", "PW2")
    one = told(judge, 15, {UNIT: [], OTHER: ["BatteryFault"]})
    assert active(one)["BatteryFault"].units == ("PW2",) and one.ended_alerts == ()
    assert active(one)["BatteryFault"].since.value == START
    over = told(judge, 30, {UNIT: [], OTHER: []})
    assert ended(over)["BatteryFault"].units == ("PW2",)


def test_a_part_of_a_powerwall_2_belongs_to_its_unit_and_others_are_named_by_kind() -> None:
    vitals = {
        "TEPINV--1081100-10-T--CN9": {"alerts": ["BatteryFault"], "componentParentDin": "TETHC--2012170-05-C--TG2"},
        "PVAC--1538100-00-F--CN8": {"alerts": ["PVAC_a030_fan_faulted"], "serialNumber": "CN8"},
        "TESYNC--None--None": {"alerts": ["SYNC_a001_SW_App_Boot"]},
    }
    names = ["BatteryFault", "PVAC_a030_fan_faulted", "SYNC_a001_SW_App_Boot"]
    judged = GatewayJudge().take(reading(0, alerts=names, vitals=vitals, system_status=BLOCKS))
    assert {name: one.units for name, one in active(judged).items()} == {
        "BatteryFault": ("PW2",),
        "PVAC_a030_fan_faulted": ("Solar inverter CN8",),
        "SYNC_a001_SW_App_Boot": ("Grid switch",),
    }
    leader = told(GatewayJudge(), 0, {GATEWAY: ["FWUpdateSucceeded"], UNIT: ["POD_w110_SW_EOC"]})
    assert {name: one.units for name, one in active(leader).items()} == {
        "FWUpdateSucceeded": ("Gateway",),
        "POD_w110_SW_EOC": ("PW1",),
    }


def test_flags_of_the_solar_inverter_end_when_they_are_told_as_false() -> None:
    judge = GatewayJudge()

    def flags(after: float, solar: Any, names: list[str] | None) -> Judged:
        return judge.take(reading(after, alerts=names, solar_powerwall=solar, grid_status="UP"))

    flags(0, {"pvs_alerts": {"PVS_a059_MciOpen": True, "ReceivedMuxBitmask": 0}}, ["PVS_a059_MciOpen"])
    assert flags(15, None, []).ended_alerts == ()
    assert flags(30, {"pvs_alerts": {"PVS_a059_MciOpen": False}}, []).ended_alerts[0].ended.value == START + 30


def test_a_device_that_answers_without_a_list_has_no_alert_and_one_with_null_says_nothing() -> None:
    judge = GatewayJudge()

    def device(after: float, names: list[str], body: Any) -> Judged:
        return judge.take(reading(after, alerts=names, vitals={UNIT: body}))

    device(0, [], {})
    assert active(device(15, ["BatteryFault"], {"alerts": ["BatteryFault"]}))["BatteryFault"].exact
    assert device(30, [], {"alerts": None}).ended_alerts == () and device(45, [], None).ended_alerts == ()
    assert device(60, [], {}).ended_alerts[0].ended.value == START + 60


def test_everything_survives_a_restart() -> None:
    judge = GatewayJudge()
    told(judge, 0, {UNIT: ["GridCodesWrite"]})
    told(judge, 15, {UNIT: ["BatteryFault", "GridCodesWrite"]})
    told(judge, 30, {UNIT: ["BatteryFault"]})
    kept = json.loads(json.dumps(judge.memory.to_json()))
    judged = told(GatewayJudge(GatewayMemory.from_json(kept)), 86_400, {UNIT: ["BatteryFault"]})
    assert (active(judged)["BatteryFault"].since.value, active(judged)["BatteryFault"].exact) == (START + 15, True)
    assert (ended(judged)["GridCodesWrite"].since.value, ended(judged)["GridCodesWrite"].ended.value) == (
        START,
        START + 30,
    )
    assert told(GatewayJudge(GatewayMemory.from_json(kept)), 8 * 86_400, {UNIT: []}).ended_alerts[0].name == (
        "BatteryFault"
    )


def test_a_clock_that_was_ahead_leaves_no_beginning_in_the_future() -> None:
    judge = GatewayJudge()
    told(judge, 1e9, {UNIT: []})
    told(judge, 1e9 + 15, {UNIT: ["BatteryFault"]})
    judged = told(judge, 0, {UNIT: ["BatteryFault"]})
    assert (active(judged)["BatteryFault"].since.value, active(judged)["BatteryFault"].exact) == (START, False)
    assert ended(told(judge, 15, {UNIT: []}))["BatteryFault"].ended.value == START + 15


def test_an_unknown_name_has_severity_unknown_and_no_meaning_and_a_state_is_no_problem() -> None:
    judged = told(GatewayJudge(), 0, {UNIT: ["SystemConnectedToGrid", "PINV_a999_fault_down_lost", "HighCPU"]})
    found = active(judged)
    assert (found["PINV_a999_fault_down_lost"].severity, found["PINV_a999_fault_down_lost"].meaning) == (
        "unknown",
        None,
    )
    assert found["SystemConnectedToGrid"].severity == INFORMATION
    assert [one.name for one in judged.alerts or ()] == [
        "HighCPU",
        "PINV_a999_fault_down_lost",
        "SystemConnectedToGrid",
    ]
    assert problems(judged.alerts or ()) == 1
    assert worst([found["SystemConnectedToGrid"], found["PINV_a999_fault_down_lost"]]) == "unknown"
    assert worst([found["SystemConnectedToGrid"]]) == INFORMATION and worst([]) is None


def test_every_meaning_is_a_sentence_and_the_states_of_the_grid_are_known() -> None:
    for name, (severity, sentence) in MEANINGS.items():
        assert meaning_of(name) == (severity, sentence)
        assert severity in (SERIOUS, WARNING, INFORMATION), name
        assert sentence is not None and sentence[0].isupper() and sentence.endswith("."), name
        assert len(name) <= alert_memory.MOST_BYTES
    assert MEANINGS.keys() >= GRID_ALERTS


# Every published name, by the severity that it was published with; an end of "_" stands for any words after a code.
PUBLISHED = {
    SERIOUS: """BatteryFault BatteryComms BatteryDisabled BlackStartFailure ContactorUnresponsiveClose
        InverterNotGoingToVf IslandingControllerMIA IslandChecksFailed GridFaultContactorTrip OpticasterExe
        SystemShutdown WaitForUserNoInvertersReady WaitForSolar FWUpdateFailed THC_w042_POD_MIA PINV_a011_can_podMIA
        POD_f029_HW_CMA_OV POD_f053_SW_CMA_Cell_MIA POD_w024_HW_Fault_Asserted PVS_a036_PvArcLockout
        PVS_a010_PvIsolationTotal HVP_a061_LockoutOnIsoFaultRetry PVS_a021_RapidShutdown PVS_a039_SelfTestRelayFault
        PVAC_a028_inv_K2_relay_welded""",
    WARNING: """UnscheduledIslandContactorOpen BatteryBreakerOpen BatteryUnexpectedPower SiteMeterComms SolarMeterComms
        SolarRGMMeterComms LoadMeterComms BatteryMeterComms PVInverterComms GridResynchronizationFailed
        NoSolarProduction ExcessiveVoltageDrop HighCPU GridCodesWriteError PodCommissionTimeError PanelMaxCurrentLimited
        THC_w061_CAN_TX_FIFO_Overflow SYNC_a020_LoadsDropped SYNC_a036_LoadsDroppedLong SYNC_a030_Sitemaster_MIA
        SYNC_a005_ PINV_a004_ PINV_a005_ PINV_a016_ PINV_a006_ PINV_a007_ PINV_a008_ PVAC_a035_
        PINV_a041_sensedGridDisturbance PINV_a043_gridResistanceTooHigh PINV_a022_SwitchingBridgeIrrational POD_w017_
        POD_w041_ POD_w048_ POD_w049_ POD_w031_ POD_w044_ POD_w045_ POD_w063_ POD_w090_ POD_w064_SW_Brick_Low_Capacity
        POD_w067_SW_Not_Enough_Energy_Precharge PVAC_a019_ambient_overtemperature PVAC_a030_fan_faulted
        PVAC_a043_fan_speed_mismatch_detected PVAC_a024_ PVAC_a025_ PVS_a044_ PVS_a048_ PVS_a050_ PVS_a058_""",
    INFORMATION: """SystemConnectedToGrid ScheduledIslandContactorOpen SYNC_a038_DoOpenArguments
        SYNC_a046_DoCloseArguments FWUpdateSucceeded GridCodesWrite PodCommissionTime BackfeedLimited
        RealPowerAvailableLimited RealPowerConfigLimited SiteMaxPowerLimited SiteMinPowerLimited SolarChargeOnlyLimited
        SelfConsumptionReservedLimit BatteryHealthSelfTestActive PINV_a010_can_gtwMIA PINV_a039_can_thcMIA
        PINV_a067_overvoltageNeutralChassis PINV_a086_motorStarting POD_w110_SW_EOC POD_w105_SW_EOD
        POD_w058_SW_App_Boot SYNC_a001_SW_App_Boot THC_w051_ THC_w155_ PVAC_a014_PVS_disabled_relay PVS_a059_MciOpen
        PVS_a060_MciClose PVS_a017_MciStringA PVS_a018_MciStringB PVS_a019_MciStringC PVS_a020_MciStringD""",
}


def test_every_published_name_has_its_severity_also_by_its_code_alone_and_with_other_words_after_it() -> None:
    for severity, listed in PUBLISHED.items():
        for name in listed.split():
            code = "_".join(name.split("_")[:2])
            spelled = [name.removesuffix("_"), *([code, f"{code}_Words_Of_Another_Firmware"] if "_" in name else [])]
            for one in spelled:
                assert meaning_of(one).severity == severity, one
                assert meaning_of(one).sentence, one


def test_a_name_that_only_looks_like_a_published_one_stays_unknown() -> None:
    for name in ("POD_w0170", "POD_w01", "POD_w017x", "xPOD_w017_a", "pod_w017_a", "POD-w017", "BatteryFault2", "_"):
        assert meaning_of(name) == UNPUBLISHED, name


names = st.lists(st.sampled_from(["A", "B", "SystemConnectedToGrid"]) | st.text(max_size=90), max_size=6)
answers = st.lists(
    st.tuples(st.floats(-700, 90_000), st.none() | st.dictionaries(st.sampled_from([GATEWAY, UNIT, OTHER]), names)),
    max_size=12,
)


@given(answers)
def test_an_alert_that_is_told_twice_in_a_row_keeps_its_beginning(steps: list[tuple[float, Any]]) -> None:
    judge, now = GatewayJudge(), 0.0
    before: dict[str, float] = {}
    for step, devices in steps:
        now += step
        judged = told(judge, now, devices)
        found = {one.name: one.since.value for one in judged.alerts or ()}
        for name, since in found.items():
            since_before = before.get(name, START + now)
            assert since == (since_before if since_before <= START + now + alert_memory.RECENT_SECONDS else START + now)
        if judged.alerts is not None:
            # What waits for a device that says nothing goes on too, and is met again with its beginning.
            before = {name: one.since for name, one in judge.memory.alerts.active.items()}
            assert before.items() >= {name: since for name, since in found.items() if since is not None}.items()
        for one in judged.ended_alerts:
            assert one.since.value is not None and one.ended.value is not None and one.since.value <= one.ended.value
        again = AlertMemory.from_json(json.loads(json.dumps(judge.memory.alerts.to_json())))
        assert again == judge.memory.alerts


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=7) | st.dictionaries(st.sampled_from(["active", "ended", "heard", "A"]), inner)
        ),
    )
)
def test_whatever_was_kept_can_be_read(kept: Any) -> None:
    memory = AlertMemory.from_json(kept)
    told(GatewayJudge(GatewayMemory(alerts=memory)), 0, {UNIT: ["BatteryFault"]})


def test_a_hostile_gateway_cannot_fill_the_memory() -> None:
    judge = GatewayJudge()
    for number in range(60):
        devices = {f"TEPOD--{'ü' * 80}--{number}-{one}": ["ü" * 90] for one in range(20)}
        devices[UNIT] = [f"{'ü' * 20}{number % 2}-{one}" for one in range(300)]
        judged = told(judge, number * 15.0, devices)
        assert judged.alerts is not None and len(judged.alerts) == alert_memory.MOST_ALERTS
    assert len(json.dumps(judge.memory.alerts.to_json(), ensure_ascii=False).encode()) < 32_000
