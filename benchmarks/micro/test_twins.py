"""Every compiled function beside its uncompiled twin, on what one poll of a Powerwall 3 with two followers gives.

``python -m benchmarks micros`` runs these and puts the ratios into the table; ``tests/ext`` runs them untimed.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pwserver_ext
from pwserver.reading import Reading
from pwserver_ext.modules import MODULES

SOURCES = Path(pwserver_ext.__file__).parent
TWINS = [
    name for name in dict.fromkeys(MODULES) if (SOURCES / f"{name}.pxd").exists() and (SOURCES / f"{name}.py").exists()
]


def plain(name: str) -> ModuleType:
    """The module as ordinary Python."""
    spec = importlib.util.spec_from_file_location(f"plain_{name}", SOURCES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reading() -> Reading:
    found: Reading = pickle.loads(Path(os.environ["PWSERVER_READING"]).read_bytes())
    return found


def arguments() -> dict[str, tuple[Any, ...]]:
    """Function -> arguments as the documents give them."""
    one = reading()
    device = next(name for name in one.vitals or {} if name.startswith("TEPINV") or "--" in name)
    meters = [copy.deepcopy(one.aggregates["battery"]) for _ in range(3)]
    loads, sizes = [55.0, 61.5, 70.25], [40500.0, 40500.0, 13500.0]
    units = importlib.import_module("pwserver_ext.vitals").units(one.system_status, one.tedapi_config, one.vitals, "")
    line = (1234.5, 2345.6, 3456.7, -456.7, 57.3)
    config = one.tedapi_config
    return {
        "vitals.split_name": (device,),
        "vitals.kind": (device,),
        "vitals.serial_of": (device, (one.vitals or {})[device]),
        "vitals.has_serial": (device,),
        "vitals.version_number": (one.version or "25.10.1 3f1c1f38",),
        "vitals.grid_number": (one.grid_status or "UP",),
        "vitals.units": (one.system_status, config, one.vitals, ""),
        "vitals.unit_labels": (units,),
        "vitals.frequency": (one.vitals, one.system_status, config, one.grid_status),
        "vitals.pods": (one.vitals, one.system_status, config),
        "vitals.numbered_temperatures": (one.temps or {"a": 21.0, "b": None, "c": 23.5},),
        "vitals.numbered_fans": (one.fan_speeds,),
        "vitals.sorted_alerts": (one.alerts or ["b", "a", "c"],),
        "vitals.battery_blocks": (one.system_status, one.vitals),
        "vitals.string_details": (one.vitals,),
        "aggregate.is_number": (55.0,),
        "aggregate.number": (55.0,),
        "aggregate.total": (loads,),
        "aggregate.complete_total": (loads,),
        "aggregate.mean": (loads,),
        "aggregate.weighted_mean": (loads, sizes),
        "aggregate.app_percent": (57.3,),
        "aggregate.raw_percent": (57.3,),
        "aggregate.time_skew": ([1.7e9, 1.7e9 + 1.5, 1.7e9 + 3.0],),
        "aggregate.sum_meters": (meters, True, "sum"),
        "csv.decimal_field": (1234.567, False),
        "csv.integer_field": (57.9, False),
        "csv.line_v1": (*line, False),
        "csv.line_v2": (*line, 1, 20.0, False),
    }


ARGUMENTS = arguments() if "PWSERVER_READING" in os.environ else {}


def public(name: str) -> list[str]:
    module = plain(name)
    return [
        f"{name}.{key}"
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    ]


def test_no_function_is_forgotten() -> None:
    assert {function for name in TWINS for function in public(name)} == {
        function for function in ARGUMENTS if function.partition(".")[0] in TWINS
    }


@pytest.mark.parametrize("kind", ["compiled", "plain"])
@pytest.mark.parametrize("function", [name for name in ARGUMENTS if name.partition(".")[0] in TWINS])
def test_twin(benchmark: Callable[..., Any], function: str, kind: str) -> None:
    name, _, attribute = function.partition(".")
    module = plain(name) if kind == "plain" else importlib.import_module(f"pwserver_ext.{name}")
    other = importlib.import_module(f"pwserver_ext.{name}") if kind == "plain" else plain(name)
    values = ARGUMENTS[function]
    assert getattr(module, attribute)(*values) == getattr(other, attribute)(*values)
    benchmark(getattr(module, attribute), *values)
