"""The tables of ``docs/events.md``: every kind of event and every member, from the one table they are made by.

``python -m tests.docs.events_page docs/events.md`` writes them.
"""

from __future__ import annotations

import sys

from pwserver.events.kinds import KINDS, MEMBERS
from pwserver.generated_page import rewrite

KINDS_MARKER = "<!-- kinds: written by python -m tests.docs.events_page docs/events.md -->"
MEMBERS_MARKER = "<!-- members: written by python -m tests.docs.events_page docs/events.md -->"


def kinds() -> str:
    """One row for each kind."""
    rows = ["| Kind | When | Members of `details` |", "|---|---|---|"]
    for kind in KINDS.values():
        rows.append(f"| `{kind.name}` | {kind.rule} | {', '.join(f'`{name}`' for name in kind.members)} |")
    return "\n".join(rows) + "\n"


def members() -> str:
    """One row for each member."""
    rows = ["| Member | What | Unit or values |", "|---|---|---|"]
    for member in MEMBERS.values():
        values = ", ".join(f"`{word}`" for word in member.words) or member.unit or ""
        rows.append(f"| `{member.name}` | {member.sentence} | {values} |")
    return "\n".join(rows) + "\n"


TABLES = {KINDS_MARKER: kinds(), MEMBERS_MARKER: members()}


if __name__ == "__main__":
    for marker, generated in TABLES.items():
        rewrite(sys.argv[1], marker, generated)
