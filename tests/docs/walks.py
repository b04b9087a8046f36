"""Walks of docs/contributing.md: their steps, followed to the letter in a copy of the sources."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\.venv/bin/python (.+)$", re.MULTILINE)
STEP = re.compile(
    r"^\d\. In `(?P<file>[^`]+)`, at the end of (?P<place>[^:]+):.*?```\w+\n(?P<row>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


class Step(NamedTuple):
    """One step of the walk: this row, in this file, at the end of this table."""

    file: str
    place: str
    row: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        text = path.read_text()
        if self.place == "the file":
            path.write_text(f"{text.rstrip()}\n\n\n{self.row}")
            return
        table = re.fullmatch(r"`(\w+)`", self.place)
        part = re.fullmatch(r"`(class \w+)`", self.place)
        if part:
            begin = re.search(rf"^{part[1]}:$", text, re.MULTILINE)
            assert begin, f"{self.file} has no {part[1]}"
            end = text.index("\n\n\n", begin.end()) + 1
        elif table:
            begin = re.search(rf"^{table[1]}\b.*\($", text, re.MULTILINE)
            assert begin, f"{self.file} has no table {table[1]}"
            end = text.index("\n)", begin.end()) + 1
        else:
            heading = re.fullmatch(r"the table under `(.+)`", self.place)
            assert heading and f"{heading[1]}\n" in text, self.place
            rows = re.compile(r"(?:^\|.*\n)+", re.MULTILINE).search(text, text.index(f"{heading[1]}\n"))
            assert rows
            end = rows.end()
        path.write_text(text[:end] + self.row + text[end:])


def walk_text(title: str) -> str:
    """Return the part of docs/contributing.md below this heading."""
    page = (ROOT / "docs/contributing.md").read_text()
    return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


def steps(title: str) -> list[Step]:
    """Return the numbered steps of the walk with this title."""
    walk = walk_text(title)
    found = []
    for match in STEP.finditer(walk):
        row = (
            textwrap.dedent(match["row"])
            if match["file"].endswith(".md")
            else re.sub("^ {3}", "", match["row"], flags=re.MULTILINE)
        )
        found.append(Step(match["file"], match["place"], row))
    assert found and len(found) == len(re.findall(r"^\d\. ", walk, re.MULTILINE))
    return found


def copy_of_sources(root: Path, tests: str) -> None:
    """Copy what a walk may change, with this folder of tests, and link the rest.

    What Python has translated is copied along, for it holds for each file that no step changes; but not what some other
    process is just writing, which has a name for a moment only.
    """
    (root / "tests").mkdir(parents=True)
    for path in (ROOT / "pwserver_ext", ROOT / "static", ROOT / "pyproject.toml", *(ROOT / "tests").iterdir()):
        (root / path.relative_to(ROOT)).symlink_to(path)
    (root / tests).unlink()
    for name in ("pwserver", "docs", tests):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc.*"))


def followed(title: str, root: Path, tests: str) -> Path:
    """Copy the sources with this folder of tests, do the steps of the walk there, run its commands; return the copy."""
    copy_of_sources(root, tests)
    for step in steps(title):
        step.apply(root)
    for command in COMMAND.findall(walk_text(title)):
        run(root, *shlex.split(command))
    return root


def environment_of(root: Path) -> dict[str, str]:
    """Return what makes Python import the copy, also where the working directory holds the sources."""
    return {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(root: Path, *arguments: str) -> str:
    """Run Python on the copy and return what it printed; it must not fail."""
    environment = os.environ | environment_of(root)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
