"""On Windows, installing and starting end at once with one sentence that says what to do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.programs import ROOT, clean_environment
from tests.support.waiting import patient

SENTENCE = "pwserver does not run on Windows by itself"
PAGE = "docs/getting-started.md"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
# What pip does with a checkout or an sdist, what a command does, what `python -m` does. Setuptools is imported before,
# as pip does it, because it asks Python how this system compiles.
WAYS = {
    "install": "import runpy; sys.argv = ['setup.py', 'egg_info']; runpy.run_path('setup.py', run_name='__main__')",
    "module": "import runpy; runpy.run_module('pwserver', run_name='__main__')",
    **{name: f"from {entry.partition(':')[0]} import {entry.partition(':')[2]}" for name, entry in SCRIPTS.items()},
}


@pytest.mark.parametrize("platform", ["win32", "cygwin"])
@pytest.mark.parametrize("way", WAYS)
def test_ends_with_a_sentence(way: str, platform: str, tmp_path: Path) -> None:
    # Only what Python calls the system is another: what it would do next would fail in some way of its own.
    code = (
        "import os, runpy, subprocess, sys; import setuptools.command.build_ext; "
        f"sys.path.insert(0, os.getcwd()); sys.platform = {platform!r}; {WAYS[way]}"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=patient(60),
    )
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr.startswith(SENTENCE) and ended.stderr.count("\n") == 1, ended.stderr
    assert PAGE in ended.stderr and "WSL 2" in ended.stderr


def test_the_steps_are_where_the_sentence_says() -> None:
    section = re.search(r"^## Windows\n(.*?)^## ", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    assert section and "wsl --install" in section[1] and "Docker Desktop" in section[1]
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^\| Windows \|.*getting-started\.md#windows", readme, re.MULTILINE)
    assert re.search(r"^\| Mac \| untried", readme, re.MULTILINE)
