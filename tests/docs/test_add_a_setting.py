"""The walk "How to add a setting" of docs/contributing.md, followed to the letter in a copy of the sources."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.walks import environment_of, followed, run, walk_text

TITLE = "How to add a setting"
FIELD = re.compile(r'^ +(\w+): int = setting\(\n +"(PW_\w+)", Int\((\d+), (\d+)\), (\d+), \w+, "(.+)"\)', re.MULTILINE)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the steps of the walk applied and its commands run."""
    return followed(TITLE, tmp_path_factory.mktemp("walk") / "copy", "tests/config")


@pytest.fixture(scope="module")
def field() -> tuple[str, ...]:
    """The field that the walk adds: its name, variable, least, largest and default value, and help."""
    found = FIELD.search(walk_text(TITLE))
    assert found
    return found.groups()


def check_config(root: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PW_HOST": "h", "PW_GW_PWD": "p", **environment_of(root), **variables}
    command = [sys.executable, "-m", "pwserver", "check-config", *flags]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=60)


def test_variable_flag_and_default_are_read(changed: Path, field: tuple[str, ...]) -> None:
    _, variable, _, largest, default, _ = field
    flag = "--" + variable.removeprefix("PW_").lower().replace("_", "-")
    assert f"{variable} = {default}  (default)" in check_config(changed).stdout
    assert f"{variable} = 7  (environment {variable})" in check_config(changed, **{variable: "7"}).stdout
    assert f"{variable} = 9  (flag {flag})" in check_config(changed, flag, "9", **{variable: "7"}).stdout
    refused = check_config(changed, **{variable: str(int(largest) + 1)})
    assert refused.returncode != 0 and variable in refused.stderr and largest in refused.stderr


def test_help_and_documentation_name_it(changed: Path, field: tuple[str, ...]) -> None:
    _, variable, _, _, default, told = field
    (row,) = [line for line in (changed / "docs/configuration.md").read_text().splitlines() if f"`{variable}`" in line]
    assert told in row and f"`{default}`" in row
    assert told in " ".join(run(changed, "-m", "pwserver", "--help").split())


def test_its_consumer_receives_it(changed: Path, field: tuple[str, ...]) -> None:
    name, variable, *_ = field
    program = f"from pwserver.config import load; print(load({{}}, {{'{variable}': '3'}}).settings.web.{name})"
    assert run(changed, "-c", program).strip() == "3"


def test_the_tests_of_the_settings_hold_for_it(changed: Path) -> None:
    """All but the one that looks for its use: how it is used is not part of the walk's steps."""
    tests = ["tests/config/test_table.py", "-k", "not read_somewhere"]
    assert " passed" in run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
