"""The table of ``docs/operations.md`` with every cause a gateway can fail for, from the one the server uses.

``python -m tests.docs.causes_page docs/operations.md`` writes it.
"""

from __future__ import annotations

import sys

from pwserver.causes import CAUSE_BY_ID
from pwserver.generated_page import rewrite

MARKER = "<!-- causes: written by python -m tests.docs.causes_page docs/operations.md -->"


def table() -> str:
    """One row for each cause."""
    rows = ["| `cause` | what it is | what helps |", "|---|---|---|"]
    rows += [f"| `{cause.id}` | {cause.sentence} | {cause.advice} |" for cause in CAUSE_BY_ID.values()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    rewrite(sys.argv[1], MARKER, table())
