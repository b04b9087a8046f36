"""The add-on's files are what Home Assistant wants, and say the same of every option."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml

from pwserver import __version__
from tests.packaging.dockerfile import instructions
from tests.support.addon import FOLDER
from tests.support.programs import ROOT

CONFIG = yaml.safe_load((FOLDER / "config.yaml").read_text())
LANGUAGES = sorted((FOLDER / "translations").glob("*.yaml"))
# What Home Assistant's Supervisor takes: members of config.yaml with their kinds, and those it cannot do without.
NEEDED = {"name": str, "version": str, "slug": str, "description": str, "arch": list}
KINDS = NEEDED | {
    "stage": str, "homeassistant": str, "init": bool, "host_network": bool, "ingress": bool, "ingress_port": int,
    "panel_icon": str, "panel_admin": bool, "services": list, "map": list, "options": dict, "schema": dict,
}  # fmt: skip
# Values that are the Supervisor's own defaults; its checker wants them left out.
DEFAULTS = {"stage": "stable", "init": True, "host_network": False, "ingress": False, "panel_admin": True}
ELEMENT = re.compile(
    r"(?:bool|email|url|port|(?:str|password)(?:\(\d*,\d*\))?|int(?:\(\d*,\d*\))?|float(?:\([\d.]*,[\d.]*\))?"
    r"|match\(.+\)|list\(.+\))\??"
)


def flat(schema: Any) -> list[str]:
    """Every element of an option's schema; lists and members may not be nested deeper than twice."""
    if isinstance(schema, str):
        return [schema]
    inner = schema if isinstance(schema, list) else list(schema.values())
    return [element for one in inner for element in flat(one)]


def test_the_description_is_what_home_assistant_takes() -> None:
    assert CONFIG.keys() >= NEEDED.keys() and CONFIG.keys() <= KINDS.keys()
    assert {name: type(value) for name, value in CONFIG.items()} == {name: KINDS[name] for name in CONFIG}
    assert not [name for name, value in DEFAULTS.items() if CONFIG.get(name) == value], "defaults are left out"
    assert CONFIG["version"] == __version__ and re.fullmatch(r"[-_.A-Za-z0-9]+", CONFIG["slug"])
    assert CONFIG["slug"] == FOLDER.name
    assert set(CONFIG["arch"]) <= {"aarch64", "amd64"}
    assert CONFIG["services"] == ["mqtt:want"]
    assert CONFIG["map"] == ["addon_config:rw"]
    for element in flat(CONFIG["schema"]):
        assert ELEMENT.fullmatch(element), element
    repository = yaml.safe_load((FOLDER.parent / "repository.yaml").read_text())
    assert repository.keys() <= {"name", "url", "maintainer"} and repository["name"]


def test_the_defaults_fit_the_schema() -> None:
    schema = CONFIG["schema"]
    assert CONFIG["options"].keys() <= schema.keys()
    for name, element in schema.items():
        first = element[0] if isinstance(element, list) else element
        optional = isinstance(first, str) and first.endswith("?")
        assert optional or name in CONFIG["options"], f"{name} has to be given, so it needs a default"
    kinds = {"str": str, "password": str, "bool": bool}
    for name, value in CONFIG["options"].items():
        element = schema[name]
        assert isinstance(value, list if isinstance(element, list) else kinds[element.rstrip("?")]), name


def test_the_server_listens_where_ingress_asks() -> None:
    assert CONFIG["ingress"] and CONFIG["host_network"]
    exposed = [rest for word, rest in instructions((ROOT / "Dockerfile").read_text()) if word == "EXPOSE"]
    assert exposed == [str(CONFIG["ingress_port"])]


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_every_option_has_its_words(path: Path) -> None:
    assert {"en", "de"} <= {one.stem for one in LANGUAGES}
    words = yaml.safe_load(path.read_text())["configuration"]
    assert list(words) == list(CONFIG["schema"])
    for option in words.values():
        assert option.keys() == {"name", "description"}
        assert option["name"] and option["description"].endswith(".")


def test_every_option_is_read_and_documented() -> None:
    script = (FOLDER / "run.py").read_text()
    documented = re.search(r"^## Options$(.*?)^## ", (FOLDER / "DOCS.md").read_text(), re.MULTILINE | re.DOTALL)
    assert documented
    members = {member for entry in ("gateways", "environment") for member in CONFIG["schema"][entry][0]}
    for option in {*CONFIG["schema"], *members}:
        assert f'"{option}"' in script, option
    assert set(re.findall(r"^\| (`.*?`) \|", documented[1], re.MULTILINE))
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", documented[1], re.MULTILINE) for name in re.findall(r"\w+", row)
    }
    assert named == set(CONFIG["schema"])


def test_the_icon_is_square_and_small() -> None:
    data = (FOLDER / "icon.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (128, 128) and len(data) < 20_000
