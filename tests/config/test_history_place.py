"""Where the history and the predecessor's file are looked for. What people are told of it is an absolute path."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pwserver.config.history_place import HistoryPlaces, history_places, names_folder, old_store, own_predecessor
from pwserver.config.load import load


def places(home: str, **environment: str) -> tuple[HistoryPlaces, str]:
    config = dataclasses.replace(load({}, environment), history_home=home)
    assert own_predecessor(config) == old_store(config)
    return history_places(config), old_store(config)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_relative_path_is_told_as_an_absolute_one(here: Path) -> None:
    for named in ("old/ts.db", "./old/ts.db"):
        found, file = places("state", PW_TIMESERIES_PATH=named)
        assert file == f"{here}/old/ts.db"
        assert found.folders == (f"{here}/old", f"{here}/state")
    assert places("state", PW_TIMESERIES_PATH="ts.db")[0].folders == (str(here), f"{here}/state")
    assert places("state", PW_HISTORY_PATH="rings")[0].folders == (f"{here}/rings",)


def test_the_default_place_is_told_as_an_absolute_path(here: Path) -> None:
    (here / "data").mkdir()
    (here / "data" / "timeseries.db").touch()
    assert Path(places("/state")[1]).is_absolute()


def test_a_folder_means_the_file_in_it(here: Path) -> None:
    (here / "old").mkdir()
    for named in ("old", "old/", "new/"):
        assert names_folder(named)
        found, file = places("/state", PW_TIMESERIES_PATH=named)
        assert file == f"{here}/{named.rstrip('/')}/timeseries.db"
        assert found.folders[0] == f"{here}/{named.rstrip('/')}"
    assert not names_folder("old.db")


@pytest.mark.parametrize("named", ["/dev/null", "/dev/zero"])
def test_a_device_keeps_nothing_and_its_folder_is_nobodys(named: str) -> None:
    """Such a path switched the predecessor's history off; files of ours in /dev would be lost at the next start."""
    config = dataclasses.replace(load({}, {"PW_TIMESERIES_PATH": named}), history_home="/state")
    found = history_places(config)
    assert found.folders == () and named in (found.memory_reason or "")
    assert own_predecessor(config) is None
