"""One table of measurements: printed as text, kept as JSON beside it."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / ".bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. ``ratio`` compares with what ``against`` names, measured in the same run. ``details``: more
    numbers of the same measurement, named with their units."""

    section: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    aim: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


class Table:
    """Rows in the order they were measured. ``quick``: shorter rounds, for a look instead of a result."""

    def __init__(self, quick: bool = False) -> None:
        self.rows: list[Row] = []
        self.quick = quick

    def add(
        self,
        section: str,
        what: str,
        value: float,
        unit: str,
        ratio: float | None = None,
        against: str = "",
        aim: str = "",
        details: Mapping[str, float] | None = None,
    ) -> None:
        """Add one row and show it at once: a run takes minutes."""
        row = Row(section, what, value, unit, ratio, against, aim, details or {})
        self.rows.append(row)
        print(line(row), flush=True)

    def save(self) -> Path:
        """Write everything as JSON; returns the file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / "results.json"
        path.write_text(
            json.dumps({**facts(), "quick": self.quick, "rows": [asdict(row) for row in self.rows]}, indent=1)
        )
        return path


def facts() -> dict[str, Any]:
    """The machine, and how busy it was."""
    try:
        model = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        model = []
    return {
        "time": time.strftime("%F %T"),
        "machine": platform.machine(),
        "processor": model[0] if model else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def met(row: Row) -> bool | None:
    """Whether a row meets its aim; None for a row without one."""
    found = re.match(r"([<>]=) ([0-9.]+)", row.aim)
    if found is None:
        return None
    value = row.value if row.ratio is None else row.ratio
    return value <= float(found[2]) if found[1] == "<=" else value >= float(found[2])


def line(row: Row) -> str:
    """One row as text."""
    ratio = f"{row.ratio:8.2f} x {row.against}" if row.ratio is not None else ""
    verdict = {True: ", met", False: ", MISSED", None: ""}[met(row)]
    aim = f"  (aim {row.aim}{verdict})" if row.aim else ""
    details = "  " + ", ".join(f"{name} {value:,.3g}" for name, value in row.details.items()) if row.details else ""
    return f"{row.section:10} {row.what:52} {row.value:11,.2f} {row.unit:6}{ratio}{details}{aim}"


def markdown(rows: list[Row]) -> str:
    """The rows as a table for the documentation."""
    lines = ["| what | value | ratio | more | aim |", "|---|---|---|---|---|"]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines.append(f"| **{section}** | | | | |")
        ratio = f"{row.ratio:.2f} × {row.against}" if row.ratio is not None else ""
        more = ", ".join(f"{name} {value:,.3g}" for name, value in row.details.items())
        verdict = {True: " ✓", False: " **missed**", None: ""}[met(row)]
        value = f"{row.value:,.0f}" if abs(row.value) >= 1000 else f"{row.value:,.3g}"
        lines.append(f"| {row.what} | {value} {row.unit} | {ratio} | {more} | {row.aim}{verdict} |")
    return "\n".join(lines)
