"""docs/configuration.md says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwserver.config import ConfigError, load
from pwserver.config.gateway_entries import MEMBERS
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.raw_text import BadValue
from pwserver.config.setting import Setting
from pwserver.config.settings import ENVIRONMENT_NAMES, SETTINGS
from pwserver.config.settings_page import START, reference
from pwserver.generated_page import with_generated

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def test_the_reference_is_current() -> None:
    again = "run: python -m pwserver.config.settings_page docs/configuration.md"
    assert with_generated(PAGE, START, reference()) == PAGE, again


def test_a_page_without_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="marker"):
        with_generated("text", START, reference())


def test_every_setting_is_in_the_reference_once() -> None:
    generated = PAGE.partition(START)[2]
    for setting in SETTINGS:
        assert len(re.findall(rf"^\| `{setting.name}`<br>", generated, re.MULTILINE)) == 1


def test_the_introduction_names_only_real_settings_and_all_members() -> None:
    introduction = PAGE.partition(START)[0]
    for name in re.findall(r"\b(?:PW|MQTT|CORS|PROXY|CONTROL)_[A-Z_]*[A-Z]\b", introduction):
        assert name in ENVIRONMENT_NAMES or name in ("PW_TIMESERIES",), name
    for member in MEMBERS:
        assert f"`{member}`" in introduction


GENERATED = dict(
    re.findall(r"^\| `([A-Z_]+)`<br>.*?\|([^|]*(?:\|[^|]*){2})\|$", PAGE.partition(START)[2], re.MULTILINE)
)
NUMBERS = [setting for setting in SETTINGS if isinstance(setting.kind, (Int, Duration))]


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_the_table_says_what_a_number_does(setting: Setting) -> None:
    """Read the limits from the page, and try what lies on them and outside of them."""
    row = GENERATED[setting.name]
    found = re.search(r"Allowed: (-?[0-9.]+[smhdw]?) to ([0-9.]+[smhdw]?)[.,]", row)
    assert found, row
    low, high = found[1], found[2].rstrip(".")
    others = {"PW_MAX_REQUEST_LINE": {"PW_MAX_HEAD": "262144"}, "PW_MAX_HEAD": {"PW_MAX_REQUEST_LINE": "256"}}
    others |= {
        "PW_DOCUMENT_MAX_BYTES": {"PW_SNAPSHOT_BYTES": "268435456"},
        "PW_SNAPSHOT_BYTES": {"PW_DOCUMENT_MAX_BYTES": "16384"},
    }
    environ = others.get(setting.name, {})
    for text in (low, high):
        config = load({}, {setting.name: text, **environ})
        assert config.settings.value(setting) == setting.kind.parse(text)
        assert not [warning for warning in config.warnings if setting.name in warning]
    for text in ("1.37", f"1{high}", "none", "-7"):
        try:
            allowed = setting.kind.parse(text) is not None
        except BadValue:
            allowed = False
        if allowed:
            continue
        if "*Lenient.*" not in row:
            with pytest.raises(ConfigError, match=setting.name):
                load({}, {setting.name: text, **environ})
            continue
        config = load({}, {setting.name: text, **environ})
        value = config.settings.value(setting)
        assert any(setting.name in warning and text in warning for warning in config.warnings)
        larger = "A larger number counts as the largest one." in row and text.startswith("1") and text != "1.37"
        below = re.search(r"below [0-9a-z]+ means ([0-9]+)", row) if text in ("1.37", "-7") else None
        if larger:
            assert isinstance(setting.kind, Int)
            assert value == setting.kind.maximum
        elif setting.name != "PW_TIMESERIES_SIGNAL_INTERVAL":
            assert value in (setting.default, int(below[1]) if below else setting.default)


def test_the_example_file_works(write_file) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    config = load({"PW_CONFIG": write_file(example[1])}, {})
    assert [gateway.mode.word for gateway in config.gateways] == ["tedapi", "cloud"]
    assert config.warnings == ()
