"""The compiled modules are the ones in use, and the list of them is complete."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest

import pwserver_ext
from pwserver_ext.modules import MODULES
from tests.support.programs import ROOT

SOURCES = Path(pwserver_ext.__file__).parent


def test_every_listed_module_is_compiled() -> None:
    assert pwserver_ext.compiled() == dict.fromkeys(MODULES, True)


@pytest.mark.parametrize("name", MODULES)
def test_the_import_takes_the_compiled_one(name: str) -> None:
    module = importlib.import_module(f"pwserver_ext.{name}")
    assert isinstance(module.__loader__, ExtensionFileLoader)


def test_every_source_that_can_be_compiled_is_listed() -> None:
    raw = {path.stem for path in SOURCES.glob("*.pyx")}
    plain = {path.stem for path in SOURCES.glob("*.pxd") if path.with_suffix(".py").exists()}
    assert raw | plain == set(MODULES)


def test_an_uncompiled_module_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwserver_ext, "MODULES", ("snapshot", "arena", "nothing"))
    assert pwserver_ext.compiled() == {"snapshot": True, "arena": False, "nothing": False}


def test_the_benchmark_compares_every_function_with_its_twin() -> None:
    """Untimed, so that a function which the benchmark does not know fails here and not in its next run."""
    subprocess.run([sys.executable, "-m", "benchmarks.micros"], cwd=ROOT, timeout=120, check=True)
