"""The table of ``docs/provenance.md``: the origin of every member that is not measured, from the one the server uses.

``python -m tests.docs.provenance_page docs/provenance.md`` writes it.
"""

from __future__ import annotations

import sys

from pwserver.generated_page import rewrite
from pwserver.state.provenance import CLOUD, CONSTANTS, OTHERS, TEDAPI, Row

MARKER = "<!-- provenance: written by python -m tests.docs.provenance_page docs/provenance.md -->"
_OVER = {TEDAPI: "TEDAPI", CLOUD: "Tesla's servers", "": "all"}


def table() -> str:
    """One row for each row of the code; a constant that both templates have is one."""
    rows = ["| Document | Member | Over | Origin | Why |", "|---|---|---|---|---|"]
    told: dict[tuple[object, ...], list[str]] = {}
    for row in (*CONSTANTS, *OTHERS):
        told.setdefault((row.document, row.members, row.origin, _why(row)), []).append(_OVER[row.template])
    for (document, members, origin, why), over in told.items():
        names = ", ".join(f"`{member}`" for member in members)  # type: ignore[attr-defined]
        rows.append(f"| `{document}` | {names} | {', '.join(over)} | {origin} | {why} |")
    return "\n".join(rows) + "\n"


def _why(row: Row) -> str:
    values = ", ".join(f"`{value}`" for value in row.invented)
    return f"{row.why}: {values}" if values else row.why


if __name__ == "__main__":
    rewrite(sys.argv[1], MARKER, table())
