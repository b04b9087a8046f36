"""List the alerts whose meaning is publicly known, with a severity and a sentence for the owner.

Tesla publishes no list of the names that a gateway sends. The rows come from three sources: the alerts that Tesla's
Powerhub manual describes, matched by spelling; what owners observed and published; and, if the sentence begins with
"By its name", only the name. The severity is pwserver's own. An alert without a row has the severity "unknown" and no
sentence: nothing is guessed from its words at run time.

Most names begin with a code of their device, such as ``POD_w017``, which is what identifies the alert. The words after
it differ between firmware versions and libraries, so a name without a row has the row of its code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

SERIOUS: Final = "serious"  # something does not work, or will not work when the grid fails
WARNING: Final = "warning"  # it works, but less than it could, or something is not as it should be
INFORMATION: Final = "information"  # a state, not a problem
UNKNOWN_SEVERITY: Final = "unknown"  # nothing is published about this name
SEVERITIES: Final = (SERIOUS, WARNING, UNKNOWN_SEVERITY, INFORMATION)  # the worst first

_CODE: Final = re.compile(r"[A-Z]{3,6}_[a-z]\d{3}(?=_|$)")  # a device, a class of alerts, a number in it


class AlertMeaning(NamedTuple):
    """Holds what is known about an alert of one name; no sentence where its meaning is not published."""

    severity: str
    sentence: str | None


UNPUBLISHED: Final = AlertMeaning(UNKNOWN_SEVERITY, None)


def _rows(severity: str, rows: Mapping[str, str]) -> dict[str, AlertMeaning]:
    return {name: AlertMeaning(severity, sentence) for names, sentence in rows.items() for name in names.split()}


_OBSERVED_IN_UPDATES: Final = "Owners have seen it while firmware was updated; what it means is not published."
_METER: Final = "The gateway has lost the connection to this meter, whose values may be missing or 0."
_CELLS: Final = "By its name: the battery pack measures some of its cells inconsistently."
_CELL_VOLTAGE: Final = "By its name: the voltage of a group of cells is close to a limit."
_STRING_OPEN: Final = "The switch in this solar string is open: the string is not connected."

MEANINGS: Final[Mapping[str, AlertMeaning]] = {
    **_rows(SERIOUS, {
        "BatteryFault": "At least one Powerwall has a fault.",
        "BatteryComms": "The gateway cannot reach at least one Powerwall.",
        "BatteryDisabled": "The gateway has shut out at least one Powerwall.",
        "BlackStartFailure": "The system could not start on its own without the grid.",
        "ContactorUnresponsiveClose": "The switch between house and grid did not open when it was told to.",
        "InverterNotGoingToVf": "The Powerwall does not take over the supply of the house.",
        "IslandingControllerMIA": "The gateway cannot reach the switch between house and grid.",
        "IslandChecksFailed": "Owners have seen it together with a failed Powerwall; what it means is not published.",
        "GridFaultContactorTrip": "By its name: a fault of the grid opened the switch between house and grid.",
        "OpticasterExe": "The program that decides when to charge and discharge is not running.",
        "SystemShutdown": "The system was shut down from outside, by its off switch for instance.",
        "WaitForUserNoInvertersReady": "The supply of the house failed more than once without the grid and waits to be "
        "restarted by hand.",
        "WaitForSolar": "The battery is too empty to supply the house; it waits for sun.",
        "FWUpdateFailed": "An update of the firmware failed.",
        "THC_w042_POD_MIA PINV_a011_can_podMIA": "By its name: a battery pack does not answer.",
        "POD_f003_FW_Batt_OV": "By its name: the voltage of the battery is too high.",
        "POD_f007_SW_Batt_OC": "By its name: the current of the battery is too high.",
        "POD_f029_HW_CMA_OV": "By its name: the voltage of a cell is too high.",
        "POD_f053_SW_CMA_Cell_MIA": "By its name: the monitor of some cells does not answer.",
        "POD_f113_DCDC_Self_Test_Fail POD_w113_DCDC_Self_Test_Fail": "By its name: the battery pack failed its "
        "self-test.",
        "POD_w024_HW_Fault_Asserted": "By its name: the battery pack reports a fault of its hardware.",
        "PVS_a036_PvArcLockout": "Solar production is locked out after an electric arc was detected.",
        "PVS_a010_PvIsolationTotal": "By its name: the insulation of the solar panels against earth is too low.",
        "HVP_a061_LockoutOnIsoFaultRetry": "By its name: the unit is locked out after faults of its insulation.",
        "PVS_a021_RapidShutdown": "By its name: the rapid shutdown of the solar panels is active.",
        "PVS_a039_SelfTestRelayFault": "By its name: a relay of the solar inverter failed its test.",
        "PVAC_a027_inv_K1_relay_welded PVAC_a028_inv_K2_relay_welded": "By its name: a relay of the solar inverter "
        "is stuck.",
    }),
    **_rows(WARNING, {
        "UnscheduledIslandContactorOpen": "By its name: the grid failed, and the house runs without it.",
        "BatteryBreakerOpen": "A breaker between meter and Powerwall is open.",
        "BatteryUnexpectedPower": "The battery does not deliver the power that it was told to.",
        "BatteryUnexpectedReactivePower": "The battery does not deliver the reactive power that it was told to.",
        "SiteMeterComms SolarMeterComms SolarRGMMeterComms LoadMeterComms BatteryMeterComms BuswayMeterComms "
        "GeneratorMeterComms FrequencyMeterComms": _METER,
        "PVInverterComms": "The gateway has lost the connection to the solar inverter.",
        "ExternalIOComms": "The gateway has lost the connection to its external inputs and outputs.",
        "GridResynchronizationFailed": "The house could not be joined to the grid again within five minutes.",
        "NoSolarProduction": "A solar inverter has produced nothing for 24 hours.",
        "PVStringOut": "At least one solar string produces nothing.",
        "GeneratorBreakerTimeout": "The generator did not close its breaker in time.",
        "GeneratorFaulted": "The generator has a fault.",
        "ExcessiveVoltageDrop": "By its name: too much voltage is lost in the wiring.",
        "HighCPU": "The gateway is busy, often because it is asked too much.",
        "GridCodesWriteError": "By its name: the settings for the grid could not be written.",
        "PodCommissionTimeError": "Owners have seen it when a firmware update failed on some Powerwalls.",
        "PanelMaxCurrentLimited": "By its name: power is limited by the current that the panel may carry.",
        "THC_w061_CAN_TX_FIFO_Overflow": "By its name: the wire between the parts of the system is too busy.",
        "SYNC_a020_LoadsDropped": "By its name: the house was without power.",
        "SYNC_a036_LoadsDroppedLong": "By its name: the house was without power for longer.",
        "SYNC_a030_Sitemaster_MIA": "By its name: the controller of the site does not answer the grid switch.",
        "SYNC_a005_vfCheckUnderVoltage PINV_a004_vfCheckUnderVoltage PINV_a016_basicAcCheckUnderVoltage "
        "PVAC_a011_inv_AC_undervoltage PVAC_a032_VFCheck_UV": "By its name: the grid's voltage was too low.",
        "PINV_a005_vfCheckOverVoltage PVAC_a010_inv_AC_overvoltage PVAC_a031_VFCheck_OV": "By its name: the grid's "
        "voltage was too high.",
        "PINV_a006_vfCheckUnderFrequency PVAC_a013_inv_AC_underfrequency PVAC_a034_VFCheck_UF": "By its name: the "
        "grid's frequency was too low.",
        "PINV_a007_vfCheckOverFrequency PVAC_a012_inv_AC_overfrequency PVAC_a033_VFCheck_OF": "By its name: the "
        "grid's frequency was too high.",
        "PINV_a008_vfCheckRocof PVAC_a035_VFCheck_RoCoF": "By its name: the grid's frequency changed too fast.",
        "PINV_a041_sensedGridDisturbance": "The grid was disturbed; owners see it when lights flicker and after "
        "outages.",
        "PINV_a022_SwitchingBridgeIrrational": "Owners have seen it when the grid failed and when it came back.",
        "PINV_a043_gridResistanceTooHigh": "By its name: the connection to the grid has too much resistance.",
        "POD_w017_SW_Batt_Volt_Sens_Irrational POD_w041_SW_CMA_Comm_Integrity POD_w048_SW_Cell_Voltage_Sens "
        "POD_w049_SW_CMA_Voltage_Mismatch": _CELLS,
        "POD_w029_HW_CMA_OV POD_w031_SW_Brick_OV POD_w044_SW_Brick_UV_Warning "
        "POD_w045_SW_Brick_OV_Warning": _CELL_VOLTAGE,
        "POD_w063_SW_SOC_Imbalance": "By its name: the cells of the battery pack are not charged alike.",
        "POD_w090_SW_SOC_Imbalance_Limit_Charge": "By its name: charging is limited because the cells of the battery "
        "pack are not charged alike.",
        "POD_w064_SW_Brick_Low_Capacity": "By its name: a group of cells holds less than it should.",
        "POD_w067_SW_Not_Enough_Energy_Precharge": "By its name: the battery pack is too empty to start.",
        "PVAC_a019_ambient_overtemperature": "The solar inverter is too hot and may produce less.",
        "PVAC_a030_fan_faulted": "A fan of the solar inverter has failed.",
        "PVAC_a043_fan_speed_mismatch_detected": "A fan of the solar inverter does not run at the speed it should.",
        "PVAC_a024_PVACrx_Command_mia PVAC_a025_PVS_Status_mia": "By its name: two parts of the solar inverter do not "
        "hear each other.",
        "PVS_a043_InactiveUnsafePvStrings PVS_a044_FaultStatePvStringSafety": "By its name: the solar inverter has "
        "found a string unsafe.",
        "PVS_a048_DcSensorIrrationalFault": "By its name: a sensor of the solar inverter gives impossible values.",
        "PVS_a050_RelayCoilIrrationalWarning": "By its name: a relay of the solar inverter behaves oddly.",
        "PVS_a058_MciOpenOnFault": "By its name: the switches in the solar strings opened because of a fault.",
    }),
    **_rows(INFORMATION, {
        "SystemConnectedToGrid SystemGridConnected": "The house is connected to the grid.",
        "SystemIslandedActive": "The house runs without the grid.",
        "GridServicesActive": "The battery takes part in a virtual power plant now.",
        "ScheduledIslandContactorOpen": "The owner took the house off the grid.",
        "SYNC_a038_DoOpenArguments": "The grid switch was asked to leave the grid.",
        "SYNC_a046_DoCloseArguments": "The grid switch was asked to join the grid.",
        "FWUpdateSucceeded": "The firmware was updated; the notice stays for a while.",
        "GridCodesWrite PodCommissionTime": "A notice that remains from the setup; owners see it on sound systems.",
        "PINV_a010_can_gtwMIA PINV_a039_can_thcMIA": "A Powerwall cannot reach its controller; owners see it while "
        "firmware is updated.",
        "PINV_a086_motorStarting": "By its name: a motor or another large load is starting.",
        "BatteryHealthSelfTestActive": "By its name: the battery tests its own health now.",
        "PINV_a067_overvoltageNeutralChassis": "Owners see it on sound systems; what it means is not published.",
        "THC_w155_Backup_Genealogy_Updated THC_w051_Thermal_Power_Req_Not_Met": _OBSERVED_IN_UPDATES,
        "SYNC_a001_SW_App_Boot POD_w058_SW_App_Boot PVAC_a009_SwAppBoot PVS_a002_SW_App_Boot": "By its name: a part of "
        "the system started.",
        "POD_w110_SW_EOC": "The battery pack is full.",
        "POD_w093_SW_Charge_Request": "By its name: the battery pack asks to be charged.",
        "POD_w105_SW_EOD": "By its name: the battery pack is fully discharged.",
        "BackfeedLimited": "Discharging is limited because the system may hardly export, often before the utility has "
        "given its permission.",
        "RealPowerAvailableLimited": "The battery cannot take or give as much as it was asked to, because it is full "
        "for instance.",
        "RealPowerConfigLimited": "A limit from the installation keeps the battery from the power it was asked for.",
        "ReactivePowerLimited": "The reactive power that was asked for is more than is available.",
        "RampRateLimited": "The power is still on its way to the value that was asked for.",
        "SelfConsumptionReservedLimit": "The battery is down to its reserve, so the grid takes over.",
        "SiteMaxPowerLimited": "A limit of the site's highest power holds the battery back.",
        "SiteMinPowerLimited": "A limit of the site's lowest power holds the battery back.",
        "SolarChargeOnlyLimited": "The battery may be charged from the sun only, and there is not enough.",
        "SmartInverterActive": "The inverter supports the grid because of the grid's condition.",
        "WaitingforJumpstartLowSOE": "The system sleeps because the battery is empty and there is no grid.",
        "PVAC_a014_PVS_disabled_relay": "The solar inverter tests itself, as it does when it starts.",
        "PVS_a017_MciStringA PVS_a018_MciStringB PVS_a019_MciStringC PVS_a020_MciStringD": _STRING_OPEN,
        "PVS_a059_MciOpen": "The switches in the solar strings are open, as they are without sun or after an "
        "emergency stop.",
        "PVS_a060_MciClose": "The switches in the solar strings are closed: solar production can begin.",
    }),
}  # fmt: skip


def code_of(name: str) -> str | None:
    """Return the code with which an alert's name begins, such as ``POD_w017``; None for a name without one."""
    found = _CODE.match(name)
    return found[0] if found is not None else None


_BY_CODE: Final[Mapping[str, AlertMeaning]] = {
    code: meaning for name, meaning in MEANINGS.items() if (code := code_of(name)) is not None
}


def meaning_of(name: str) -> AlertMeaning:
    """Return what is known about an alert: by its whole name, else by the code with which the name begins."""
    known = MEANINGS.get(name)
    return known if known is not None else _BY_CODE.get(code_of(name) or "", UNPUBLISHED)
