"""One table of measurements: printed as text, kept as JSON beside it."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[1] / ".bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. ``ratio`` compares with what ``against`` names, measured in the same run."""

    section: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    aim: str = ""


class Table:
    """Rows in the order they were measured."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(
        self, section: str, what: str, value: float, unit: str,
        ratio: float | None = None, against: str = "", aim: str = "",
    ) -> None:
        """Add one row and show it at once: a run takes minutes."""
        row = Row(section, what, value, unit, ratio, against, aim)
        self.rows.append(row)
        print(line(row), flush=True)

    def save(self) -> Path:
        """Write everything as JSON; returns the file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / "results.json"
        facts = {"time": time.strftime("%F %T"), "machine": platform.machine(), "python": platform.python_version()}
        path.write_text(json.dumps(facts | {"rows": [asdict(row) for row in self.rows]}, indent=1))
        return path


def line(row: Row) -> str:
    """One row as text."""
    ratio = f"{row.ratio:8.2f} x {row.against}" if row.ratio is not None else ""
    aim = f"  (aim {row.aim})" if row.aim else ""
    return f"{row.section:12} {row.what:58} {row.value:12,.2f} {row.unit:8}{ratio}{aim}"
