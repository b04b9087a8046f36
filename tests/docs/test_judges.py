"""docs/judges.md names every judge, and those who write numbers down read nothing but what was judged."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| [^|]+ \| `(state\.\w+)::(\w+)` \| [A-Z(][^|]+\. \|$")
# Rows of the room's own making: values, memories, views and tables that judge nothing.
NO_JUDGES = {
    "abilities",
    "alert_meanings",
    "alert_memory",
    "controls",
    "daily_findings",
    "gateway_memory",
    "source",
    "today",
    "view",
    "week_facts",
}
# Members of a reading that say something about the house: whoever reads them judges.
TELLING = {
    "aggregates", "vitals", "strings", "soe_raw", "alerts", "temps", "grid_status", "grid_status_detail", "mode",
    "reserve", "operation", "time_remaining", "grid_charging", "grid_export", "system_status", "fan_speeds",
    "tedapi_config", "tedapi_status", "device_ages_seconds",
}  # fmt: skip
WRITERS = (
    "mqtt",
    "history",
    "web",
    "documents/prometheus.py",
    "documents/influx.py",
    "documents/site_documents.py",
    "documents/explanations.py",
    "documents/status.py",
)
ALLOWED = {
    ("mqtt/state_topics.py", "aggregates"): "the topic of that name holds the meters in the gateway's shape",
    ("history/clock_witnesses.py", "aggregates"): "the times of the meters tell how wrong the gateway's clock is",
}


def judges() -> list[tuple[str, str]]:
    lines = [line for line in (ROOT / "docs/judges.md").read_text().splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith("| fact |")]
    unreadable = [line for line in rows if not ROW.match(line)]
    assert unreadable == []
    return [match.group(1, 2) for line in rows if (match := ROW.match(line))]


@pytest.mark.parametrize(("module", "name"), judges())
def test_a_judge_exists_and_says_what_it_does(module: str, name: str) -> None:
    found = getattr(importlib.import_module(f"pwserver.{module}"), name)
    assert callable(found) and inspect.getdoc(found)


def test_every_module_that_judges_is_in_the_table() -> None:
    modules = {path.stem for path in (ROOT / "pwserver/state").glob("*.py")} - {"__init__"}
    named = {module.partition(".")[2] for module, _ in judges()}
    assert modules - named <= NO_JUDGES


def readings(path: Path) -> set[str]:
    """The telling members that a module reads of a reading."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in TELLING:
            value = node.value
            name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
            if name.endswith("reading"):
                found.add(node.attr)
    return found


def test_who_writes_numbers_down_reads_only_what_was_judged() -> None:
    found: set[tuple[str, str]] = set()
    for writer in WRITERS:
        place = ROOT / "pwserver" / writer
        for path in [place] if place.is_file() else place.glob("*.py"):
            found |= {(str(path.relative_to(ROOT / "pwserver")), member) for member in readings(path)}
    assert found == set(ALLOWED)
