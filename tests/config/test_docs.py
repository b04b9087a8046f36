"""docs/configuration.md says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwserver.config import load
from pwserver.config.gateway_entries import MEMBERS
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
    lenient = {s.name for s in SETTINGS if s.bad_value_is_default and not s.name.startswith(("PW_TIMESERIES", "MQTT_"))}
    assert all(f"`{name}`" in introduction for name in lenient)


def test_the_example_file_works(write_file) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    config = load({"PW_CONFIG": write_file(example[1])}, {})
    assert [gateway.mode.word for gateway in config.gateways] == ["tedapi", "cloud"]
    assert config.warnings == ()
