"""The settings table as a whole."""

from __future__ import annotations

import dataclasses
import itertools
import re
import types
import typing
from collections import Counter
from pathlib import Path

import pytest

import pwserver
from pwserver.config import SETTINGS, Setting, load
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.setting import SECTIONS
from pwserver.config.settings import ENVIRONMENT_NAMES, Settings

PACKAGE = Path(pwserver.__file__).parent


def test_names_flags_and_file_keys_are_unique() -> None:
    names = [name for s in SETTINGS for name in (s.name, *s.aliases)]
    flags = [flag for s in SETTINGS for flag in (*s.flags, *s.off_flags)]
    keys = [s.file_key for s in SETTINGS if s.file_key]
    for group in (names, flags, keys):
        assert [item for item, count in Counter(group).items() if count > 1] == []


def test_every_name_and_flag_of_version_1_0_still_means_the_same_setting() -> None:
    """A setting's name is an interface: a renamed one would be an unknown variable in an owner's environment file."""
    by_name = {name: setting for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    lines = (Path(__file__).parent / "data" / "settings_of_1_0.txt").read_text().splitlines()
    assert len(lines) > 100
    for line in lines:
        name, *others = line.split()
        setting = by_name[name]
        assert {*others} <= {*setting.aliases, *setting.flags, *setting.off_flags}, line


def test_sections_stand_together_and_in_order() -> None:
    assert tuple(section for section, _ in itertools.groupby(s.section for s in SETTINGS)) == SECTIONS


def test_every_setting_is_explained_and_every_number_bounded() -> None:
    for setting in SETTINGS:
        assert setting.help.endswith("."), setting.name
        assert "|" not in setting.help, setting.name
        if isinstance(setting.kind, Int | Duration):
            assert setting.kind.minimum < setting.kind.maximum < 10**11, setting.name


def test_without_anything_the_defaults_are_in_force(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load({}, {})
    assert config.gateways == ()
    assert config.warnings == ()
    assert config.default_gateway is None
    assert not config.control_enabled
    assert config.settings.process.workers in (1, 2)
    for setting in SETTINGS:
        assert config.source(setting.name).kind == "default"
        if setting.name != "PW_WORKERS":
            assert config.settings.value(setting) == setting.default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_table_and_dataclasses_agree_in_name_type_and_default(setting: Setting) -> None:
    """The type of a field is what its kind parses to, and None only where None is the default."""
    holder = type(getattr(Settings(), setting.part))
    frozen = holder.__dataclass_params__.frozen  # type: ignore[attr-defined]  # not in the stubs
    assert dataclasses.is_dataclass(holder) and frozen and "__dict__" not in dir(holder())
    (field,) = (each for each in dataclasses.fields(holder) if each.name == setting.field)
    assert field.default == setting.default == Settings().value(setting)
    parsed = set(typing.get_args(typing.get_type_hints(setting.kind.parse)["return"])) - {type(None)}
    hint = typing.get_type_hints(holder)[setting.field]
    members = set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}
    assert members - {type(None)} == parsed
    assert (type(None) in members) == (setting.default is None)
    assert Settings.from_values({setting.name: "marked"}).value(setting) == "marked"


def test_every_field_of_a_part_is_a_setting() -> None:
    declared = {
        (part.name, each.name)
        for part in dataclasses.fields(Settings)
        for each in dataclasses.fields(getattr(Settings(), part.name))
    }
    assert declared == {(setting.part, setting.field) for setting in SETTINGS}


def test_everything_that_can_be_set_is_read_somewhere() -> None:
    """A setting that no code asks for would be a promise not kept."""
    sources = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    tables = {path for path in sources if path.match("config/*_settings.py")}
    readers = "".join(text for path, text in sources.items() if path not in tables)
    readers += " ".join(re.findall(r"self\.\w+", "".join(sources[path] for path in tables)))
    unread = [setting.name for setting in SETTINGS if not re.search(rf"\.{setting.field}\b", readers)]
    assert unread == []


def test_nothing_outside_config_looks_a_setting_up_by_the_name_of_its_variable() -> None:
    names = "|".join(ENVIRONMENT_NAMES)
    lookup = re.compile(rf"""(?:(?<!environ)\[|\.get\(|getattr\(\w+, )["'](?:{names})["']""")
    found = {
        str(path.relative_to(PACKAGE)): lookup.findall(path.read_text())
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "config"
    }
    assert {path: names for path, names in found.items() if names} == {}
