"""The settings table as a whole."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pwserver
from pwserver.config import SETTINGS, load
from pwserver.config.gateway_definition import GatewayOptions
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.settings import SECTIONS

PACKAGE = Path(pwserver.__file__).parent


def test_names_flags_and_file_keys_are_unique() -> None:
    names = [name for s in SETTINGS for name in (s.name, *s.aliases)]
    flags = [flag for s in SETTINGS for flag in (*s.flags, *s.off_flags)]
    keys = [s.file_key for s in SETTINGS if s.file_key]
    for group in (names, flags, keys):
        assert [item for item, count in Counter(group).items() if count > 1] == []


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
    assert config.settings["PW_WORKERS"] in (1, 2)
    for setting in SETTINGS:
        assert config.source(setting.name).kind == "default"
        if setting.name != "PW_WORKERS":
            assert config.settings[setting.name] == setting.default


def test_everything_that_can_be_set_is_read_somewhere() -> None:
    """A setting, or what a gateway's connection gets of them, that no code asks for would be a promise not kept."""
    sources = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    del sources[PACKAGE / "config/settings.py"]
    readers = "".join(sources.values())
    assert [setting.name for setting in SETTINGS if f'"{setting.name}"' not in readers] == []
    connecting = "".join(text for path, text in sources.items() if path.parent.name in ("gateways", "poller"))
    assert [each.name for each in fields(GatewayOptions) if f".{each.name}" not in connecting] == []
