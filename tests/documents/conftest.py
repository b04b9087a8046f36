"""The compiled twins are tested in both forms: as built, and as the plain Python they are written in."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import pwserver_ext

_ROOM = Path(pwserver_ext.__file__).parent


def _plain(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"plain_{name}", _ROOM / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _twin(name: str, form: str) -> ModuleType:
    return importlib.import_module(f"pwserver_ext.{name}") if form == "installed" else _plain(name)


@pytest.fixture(scope="module", params=["installed", "plain"])
def vitals(request: pytest.FixtureRequest) -> ModuleType:
    return _twin("vitals", request.param)


@pytest.fixture(scope="module", params=["installed", "plain"])
def aggregate(request: pytest.FixtureRequest) -> ModuleType:
    return _twin("aggregate", request.param)


@pytest.fixture(scope="module", params=["installed", "plain"])
def csv(request: pytest.FixtureRequest) -> ModuleType:
    return _twin("csv", request.param)
