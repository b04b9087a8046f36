"""Flatten device data into the numbered, flat objects that recorders store.

Everything works on the plain dictionaries of a reading and only ever copies values out of them. Device names are
``[prefix]KIND--PART--SERIAL``; a prefix (``home.``) occurs only where several gateways are shown as one.
"""

from __future__ import annotations

from typing import Any

_BLOCK_FLAGS = ("off_grid", "vf_mode", "wobble_detected", "charge_power_clamped", "backup_ready")
_POD_FLAGS = (
    "POD_ActiveHeating",
    "POD_ChargeComplete",
    "POD_ChargeRequest",
    "POD_DischargeComplete",
    "POD_PermanentlyFaulted",
    "POD_PersistentlyFaulted",
    "POD_enable_line",
)
_STRING_MEMBERS = ("PVAC_PVCurrent", "PVAC_PVMeasuredPower", "PVAC_PVMeasuredVoltage", "PVAC_PvState", "PVS_String")
_EXPANSION = "BatteryExpansion"
NO_SERIALS = ("", "None", "null")  # the library's texts for a serial number that an answer lacked


def split_name(name: str) -> tuple[str, str]:
    """Return prefix and kind of a device name: ``home.TEPINV--1--2`` gives ``("home.", "TEPINV")``."""
    head = name.partition("--")[0]
    end = len(head)
    start = end
    while start > 0 and "A" <= head[start - 1] <= "Z":
        start -= 1
    return head[:start], head[start:]


def kind(name: str) -> str:
    """Return the kind of a device: TEPINV, TEPOD, TETHC, PVAC ..."""
    return split_name(name)[1]


def serial_of(name: str, device: Any) -> str:
    """Return the serial number of a device: its own member, else the last part of its name."""
    if isinstance(device, dict):
        serial = device.get("serialNumber")
        if isinstance(serial, str) and serial:
            return serial
    return name.rpartition("--")[2]


def has_serial(name: str) -> bool:
    """Return whether a device's name ends in a serial number.

    The library makes placeholders such as ``TESYNC--None--None`` from empty answers. They are no devices.
    """
    return name.rpartition("--")[2] not in NO_SERIALS


def version_number(version: Any) -> Any:
    """Return ``"23.44.0 9064fc6a"`` as 234400 (two digits per field, at least three fields); None when unreadable."""
    if not isinstance(version, str) or len(version) > 64:
        return None
    text = "".join([c for c in version.partition(" ")[0] if c in "0123456789./\\"])
    fields = text.split(".")
    while len(fields) < 3:
        fields.append("0")
    result = 0
    for field in fields:
        if not field or not field.isascii() or not field.isdigit():
            return None
        result = result * 100 + int(field)
    return result


def grid_number(grid_status: Any) -> Any:
    """Return 1 for up, 0 down, -1 syncing, None unknown: absence of data is not an outage."""
    if grid_status == "UP":
        return 1
    if grid_status == "DOWN":
        return 0
    if grid_status == "SYNCING":
        return -1
    return None


def units(system_status: Any, tedapi_config: Any, vitals: Any, wanted: str) -> list[dict[str, Any]]:
    """Return the Powerwalls in their permanent order: system status, then configuration, else the vitals themselves.

    Each unit: ``serial, part, block, config, leader, device, name``; ``device`` is the vitals device of the wanted kind
    (TEPINV or TEPOD). When no device matches any unit by serial number they are matched by position.
    """
    found: list[dict[str, Any]] = []
    known: dict[str, dict[str, Any]] = {}
    configs, leaders = _configured(tedapi_config)
    for block in _dicts(system_status, "battery_blocks"):
        serial = block.get("PackageSerialNumber")
        unit = _unit(serial, block.get("PackagePartNumber"), block)
        found.append(unit)
        if isinstance(serial, str) and serial:
            known.setdefault(serial, unit)
            unit["config"] = configs.get(serial)
            unit["leader"] = leaders.get(serial)
    for serial, config in configs.items():
        if serial not in known:
            unit = _unit(serial, config["vin"].rpartition("--")[0] or None, None)
            unit["config"] = config
            unit["leader"] = leaders.get(serial)
            known[serial] = unit
            found.append(unit)
    devices = [
        (name, device)
        for name, device in (vitals.items() if isinstance(vitals, dict) else ())
        if kind(name) == wanted and isinstance(device, dict) and has_serial(name)
    ]
    if not found:
        for name, device in devices:
            unit = _unit(serial_of(name, device), None, None)
            unit["name"] = name
            unit["device"] = device
            found.append(unit)
    elif not _matched_by_serial(known, devices):
        for index in range(min(len(found), len(devices))):
            unit = found[index]
            unit["name"] = devices[index][0]
            unit["device"] = devices[index][1]
    return found


def _configured(tedapi_config: Any) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return the configured units by serial number, and for each expansion pack the serial number of its leader."""
    configs: dict[str, dict[str, Any]] = {}
    leaders: dict[str, str] = {}
    for config in _dicts(tedapi_config, "battery_blocks"):
        vin = config.get("vin")
        if not isinstance(vin, str) or not vin:
            continue
        serial = vin.rpartition("--")[2]
        configs[serial] = config
        for expansion in _dicts(config, "battery_expansions"):
            din = expansion.get("din")
            if isinstance(din, str) and din:
                leaders[din.rpartition("--")[2]] = serial
    return configs, leaders


def _matched_by_serial(known: dict[str, dict[str, Any]], devices: list[tuple[str, dict[str, Any]]]) -> bool:
    """Give each unit the device with its serial number; False when not one was found."""
    matched = False
    for name, device in devices:
        candidate = known.get(device.get("blockSerialNumber") or serial_of(name, device))
        if candidate is not None and candidate["device"] is None:
            candidate["name"] = name
            candidate["device"] = device
            matched = True
    return matched


def unit_labels(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return label and order of each unit: ``PW2`` (200); an expansion pack is ``PW1 Exp 1`` (101), else ``PW3 Exp``
    (300).
    """
    numbers = _numbers(found, [index + 1 for index in range(len(found))])
    counts: dict[int, int] = {}
    labels: list[tuple[str, int]] = []
    for index in range(len(found)):
        unit = found[index]
        leader = numbers.get(unit["leader"])
        if leader is not None:
            counts[leader] = counts.get(leader, 0) + 1
            labels.append((f"PW{leader} Exp {counts[leader]}", leader * 100 + counts[leader]))
        elif _is_expansion(unit):
            labels.append((f"PW{index + 1} Exp", (index + 1) * 100))
        else:
            labels.append((f"PW{index + 1}", (index + 1) * 100))
    return labels


def frequency(
    vitals: Any, system_status: Any, tedapi_config: Any, grid_status: Any, unit_numbers: Any = None
) -> dict[str, Any]:
    """Return the body of /freq: inverter frequency, voltage, power per unit, island and meter members, grid status.

    ``unit_numbers``: serial number -> permanent number; a unit without one is numbered by its place.
    """
    result: dict[str, Any] = {}
    found = units(system_status, tedapi_config, vitals, "TEPINV")
    given = _given_numbers(found, unit_numbers)
    for index in range(len(found)):
        unit = found[index]
        device = unit["device"] or {}
        block = unit["block"] or {}
        pw = f"PW{given[index]}_"
        hertz = device.get("PINV_Fout")
        result[pw + "name"] = unit["name"]
        result[pw + "PINV_Fout"] = block.get("f_out") if hertz is None else hertz
        result[pw + "PINV_VSplit1"] = device.get("PINV_VSplit1")
        result[pw + "PINV_VSplit2"] = device.get("PINV_VSplit2")
        result[pw + "PackagePartNumber"] = unit["part"]
        result[pw + "PackageSerialNumber"] = unit["serial"]
        result[pw + "p_out"] = block.get("p_out")
        result[pw + "q_out"] = block.get("q_out")
        result[pw + "v_out"] = block.get("v_out")
        result[pw + "f_out"] = block.get("f_out")
        result[pw + "i_out"] = block.get("i_out")
    if isinstance(vitals, dict):
        for name, device in vitals.items():
            prefix, what = split_name(name)
            if (what == "TESYNC" or what == "TEMSA") and isinstance(device, dict):
                for key, value in device.items():
                    # An empty placeholder of the same kind may follow: a null never overwrites a number.
                    if (key.startswith("ISLAND") or key.startswith("METER")) and (
                        value is not None or prefix + key not in result
                    ):
                        result[prefix + key] = value
    result["grid_status"] = grid_number(grid_status)
    return _flat(result)


def pods(vitals: Any, system_status: Any, tedapi_config: Any, unit_numbers: Any = None) -> dict[str, Any]:
    """Return the body of /pod without its site-wide members: battery state per unit, flags as 0/1, not booleans."""
    result: dict[str, Any] = {}
    found = units(system_status, tedapi_config, vitals, "TEPOD")
    given = _given_numbers(found, unit_numbers)
    numbers = _numbers(found, given)
    for index in range(len(found)):
        unit = found[index]
        device = unit["device"]
        block = unit["block"]
        pw = f"PW{given[index]}_"
        result[pw + "name"] = unit["name"]
        for key in _POD_FLAGS:
            result[pw + key] = None if device is None else _flag(device.get(key))
        pod = device or {}
        fields = block or {}
        result[pw + "POD_available_charge_power"] = pod.get("POD_available_charge_power")
        result[pw + "POD_available_dischg_power"] = pod.get("POD_available_dischg_power")
        if device is None:
            result[pw + "POD_nom_energy_remaining"] = fields.get("nominal_energy_remaining")
            result[pw + "POD_nom_energy_to_be_charged"] = None
            result[pw + "POD_nom_full_pack_energy"] = fields.get("nominal_full_pack_energy")
        else:
            result[pw + "POD_nom_energy_remaining"] = pod.get("POD_nom_energy_remaining")
            result[pw + "POD_nom_energy_to_be_charged"] = pod.get("POD_nom_energy_to_be_charged")
            result[pw + "POD_nom_full_pack_energy"] = pod.get("POD_nom_full_pack_energy")
        from_vitals = block is None and unit["config"] is None
        result[pw + "PackagePartNumber"] = unit["part"]
        result[pw + "PackageSerialNumber"] = None if from_vitals else unit["serial"]
        config = unit["config"] or {}
        result[pw + "Type"] = config.get("type") or fields.get("Type")
        leader = numbers.get(unit["leader"])
        if leader is not None:
            result[pw + "attached_to"] = f"PW{leader}"
        result[pw + "pinv_state"] = fields.get("pinv_state")
        result[pw + "pinv_grid_state"] = fields.get("pinv_grid_state")
        result[pw + "p_out"] = fields.get("p_out")
        result[pw + "q_out"] = fields.get("q_out")
        result[pw + "v_out"] = fields.get("v_out")
        result[pw + "f_out"] = fields.get("f_out")
        result[pw + "i_out"] = fields.get("i_out")
        result[pw + "energy_charged"] = fields.get("energy_charged")
        result[pw + "energy_discharged"] = fields.get("energy_discharged")
        for key in _BLOCK_FLAGS:
            result[pw + key] = None if block is None or "placeholder" in fields else _flag(fields.get(key))
        result[pw + "OpSeqState"] = fields.get("OpSeqState")
        result[pw + "version"] = fields.get("version")
    return _flat(result)


def numbered_temperatures(temps: Any) -> dict[str, Any]:
    """Return ``PW{n}_temp`` in the order of the temperatures, degrees Celsius."""
    result: dict[str, Any] = {}
    if isinstance(temps, dict):
        count = 0
        for name, value in temps.items():
            if not has_serial(name):
                continue
            count += 1
            result[f"PW{count}_temp"] = value
    return result


def numbered_fans(fan_speeds: Any) -> dict[str, Any]:
    """``FAN{n}_actual`` / ``_target`` in rpm: solar inverters sorted by name, then Powerwall 3 units with two fans
    each.
    """
    result: dict[str, Any] = {}
    if not isinstance(fan_speeds, dict):
        return result
    count = 0
    for name in sorted([name for name in fan_speeds if kind(name) != "TEPINV"]):
        fan = fan_speeds[name] if isinstance(fan_speeds[name], dict) else {}
        count += 1
        result[f"FAN{count}_actual"] = fan.get("PVAC_Fan_Speed_Actual_RPM")
        result[f"FAN{count}_target"] = fan.get("PVAC_Fan_Speed_Target_RPM")
    for name, device in fan_speeds.items():
        if kind(name) != "TEPINV":
            continue
        fan = device if isinstance(device, dict) else {}
        for letter in ("A", "B"):
            count += 1
            result[f"FAN{count}_actual"] = fan.get("PCH_FanSpeed_" + letter)
            result[f"FAN{count}_target"] = None
            result[f"FAN{count}_duty"] = fan.get("PCH_FanDuty_" + letter)
    return result


def sorted_alerts(alerts: Any) -> list[str]:
    """Return every alert name once, sorted."""
    if not isinstance(alerts, (list, tuple)):
        return []
    return sorted({alert for alert in alerts if isinstance(alert, str)})


def battery_blocks(system_status: Any, vitals: Any) -> dict[str, Any]:
    """Return the body of /pw/battery_blocks: blocks by serial number, with what their thermal controller says."""
    result: dict[str, Any] = {}
    if not isinstance(system_status, dict):
        return result
    for block in _dicts(system_status, "battery_blocks"):
        serial = block.get("PackageSerialNumber")
        if isinstance(serial, str) and serial:
            result[serial] = {key: value for key, value in block.items() if key != "PackageSerialNumber"}
    if isinstance(vitals, dict):
        for name, device in vitals.items():
            if kind(name) == "TETHC" and isinstance(device, dict) and has_serial(name):
                entry = result.setdefault(name.rpartition("--")[2], {})
                entry["THC_State"] = device.get("THC_State")
                entry["temperature"] = device.get("THC_AmbientTemp")
    return result


def string_details(vitals: Any) -> dict[str, Any]:
    """Return the body of /pw/strings: the string members of each solar inverter with those of its string controller."""
    result: dict[str, Any] = {}
    if not isinstance(vitals, dict):
        return result
    for name, device in vitals.items():
        prefix, what = split_name(name)
        if what != "PVAC" or not isinstance(device, dict):
            continue
        entry: dict[str, Any] = {"PVAC_Pout": device.get("PVAC_Pout")}
        for key, value in device.items():
            if _names_string(key):
                entry[key] = value
        controller = vitals.get(prefix + "PVS" + name[len(prefix) + 4 :])
        if isinstance(controller, dict):
            for key, value in controller.items():
                if "String" in key:
                    entry[key] = value
        result[name] = entry
    return result


def _names_string(key: str) -> bool:
    for member in _STRING_MEMBERS:
        if member in key:
            return True
    return False


def _flat(result: dict[str, Any]) -> dict[str, Any]:
    """Put null in the place of objects and lists, which no recorder takes for a value."""
    for key, value in result.items():
        if isinstance(value, (dict, list)):
            result[key] = None
    return result


def _flag(value: Any) -> Any:
    # Absent means not known: where nothing looks for a fault, its absence is not proved.
    return None if value is None else 1 if value else 0


def _unit(serial: Any, part: Any, block: Any) -> dict[str, Any]:
    return {
        "serial": serial,
        "part": part,
        "block": block,
        "config": None,
        "leader": None,
        "device": None,
        "name": None,
    }


def _given_numbers(found: list[dict[str, Any]], known: Any) -> list[int]:
    """Return the number of each unit: its permanent one, so that no other takes it while a unit is left out."""
    numbers = known if isinstance(known, dict) else {}
    given: list[int] = []
    used = set()
    for index in range(len(found)):
        unit = found[index]
        number = numbers.get(unit["serial"], 0) if isinstance(unit["serial"], str) else 0
        given.append(0 if number in used else number)
        used.add(number)
    for index in range(len(given)):
        if not given[index]:
            number = index + 1
            while number in used:
                number += 1
            given[index] = number
            used.add(number)
    return given


def _numbers(found: list[dict[str, Any]], given: list[int]) -> dict[Any, int]:
    numbers: dict[Any, int] = {}
    for index in range(len(found)):
        serial = found[index]["serial"]
        if isinstance(serial, str):
            numbers.setdefault(serial, given[index])
    return numbers


def _is_expansion(unit: dict[str, Any]) -> bool:
    block = unit["block"] or {}
    config = unit["config"] or {}
    return bool(block.get("Type") == _EXPANSION or config.get("type") == _EXPANSION or unit["leader"] is not None)


def _dicts(container: Any, key: str) -> list[Any]:
    if not isinstance(container, dict):
        return []
    entries = container.get(key)
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict)]
