"""Writes the generated part of docs/compatibility.md: ``python -m tests.compat.page docs/compatibility.md``."""

from __future__ import annotations

import sys

from pwserver.generated_page import rewrite
from tests.documents.exceptions import DEVIATIONS, SERVED, Deviation

START = "<!-- generated from tests/documents/exceptions.py by `python -m tests.compat.page`; do not edit below -->"
KINDS = {
    "missing": "member not sent",
    "extra": "member added",
    "type": "type",
    "value": "value",
    "status": "status",
    "media type": "media type",
}


def reference() -> str:
    """Every exception of the compatibility test, grouped by its reason."""
    by_reason: dict[str, list[Deviation]] = {}
    for row in (*DEVIATIONS, *SERVED):
        by_reason.setdefault(row.reason, []).append(row)
    lines = ["| Path | Member | What differs | From | Why |", "|---|---|---|---|---|"]
    for reason, rows in by_reason.items():
        for row in rows:
            kinds = ", ".join(KINDS[kind] for kind in row.kinds)
            member = f"`{row.member}`" if row.member else "all of it"
            lines.append(f"| `{row.path}` | {member} | {kinds} | {recorded(row.recordings)} | {reason} |")
    return "\n".join(lines) + "\n"


def recorded(pattern: str) -> str:
    """In words whose answers a pattern of recordings means, and in what state."""
    who = "the proxy" if "proxy" in pattern else "pypowerwall-server" if "server" in pattern else "both"
    for sign, state in (("outage", "in an outage"), ("local-mode", "local mode"), ("multi", "several gateways")):
        if sign in pattern:
            return f"{who}, {state}"
    return "both, no gateway" if "no-gateways" in pattern else who


if __name__ == "__main__":
    rewrite(sys.argv[1], START, reference())
