"""The picture of ``docs/architecture.md`` that shows who may lean on whom, from the contract that ``make lint`` checks.

``python -m tests.docs.layers_page docs/architecture.md`` writes it.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from pwserver.generated_page import rewrite

MARKER = "<!-- layers: written by python -m tests.docs.layers_page docs/architecture.md -->"
CONTRACT = "Nothing points back up"


def layers() -> list[list[str]]:
    """Return the modules of each layer, the highest first."""
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (contract,) = [one for one in settings["tool"]["importlinter"]["contracts"] if one["name"] == CONTRACT]
    return [[module.strip(" ()") for module in layer.split("|")] for layer in contract["layers"]]


def picture() -> str:
    """Return a Mermaid flow chart with a box for each layer; a layer leans on those below it only."""
    shown = [layer for layer in layers() if layer != ["__main__"]]
    lines = ["```mermaid", "flowchart TB"]
    lines += [f'    L{number}["{" · ".join(layer)}"]' for number, layer in enumerate(shown)]
    lines.append("    " + " --> ".join(f"L{number}" for number in range(len(shown))))
    return "\n".join([*lines, "```"]) + "\n"


if __name__ == "__main__":
    rewrite(sys.argv[1], MARKER, picture())
