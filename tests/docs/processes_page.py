"""The tables of ``docs/operations.md`` that follow from how main looks after its children.

``python -m tests.docs.processes_page docs/operations.md`` writes them.
"""

from __future__ import annotations

import sys

from pwserver.deaths import DeathKind
from pwserver.generated_page import rewrite
from pwserver.process_signals import RULES, names
from pwserver.restarts import PAUSES

PAUSES_MARKER = "<!-- pauses: written by python -m tests.docs.processes_page docs/operations.md -->"
SIGNALS_MARKER = "<!-- signals: written by python -m tests.docs.processes_page docs/operations.md -->"
KINDS = {
    DeathKind.KILLED: "a signal from outside (`kill`), or SIGTERM obeyed",
    DeathKind.CRASHED: "a fault: SIGSEGV, SIGBUS, SIGABRT and their like",
    DeathKind.FAILED_AT_START: "an error before the first heartbeat",
    DeathKind.FAILED: "an error after it had worked",
    DeathKind.HUNG: "silence: main killed it",
    DeathKind.OUT_OF_MEMORY: "the kernel killed it because memory ran out",
    DeathKind.NOT_FORKED: "the kernel refused a new process",
}


def pauses_table() -> str:
    """One row for each kind of death."""
    rows = ["| it died of | pauses before the next start, in seconds |", "|---|---|"]
    for kind, told in KINDS.items():
        rows.append(f"| {told} | {', '.join(f'{pause:g}' for pause in PAUSES[kind])} … |")
    return "\n".join(rows) + "\n"


def signals_table() -> str:
    """One row for each rule about signals."""
    rows = ["| signal | main | a child | where it comes from |", "|---|---|---|---|"]
    rows += [f"| {names(rule)} | {rule.main.value} | {rule.child} | {rule.reason} |" for rule in RULES]
    return "\n".join(rows) + "\n"


TABLES = {PAUSES_MARKER: pauses_table, SIGNALS_MARKER: signals_table}

if __name__ == "__main__":
    for marker, table in TABLES.items():
        rewrite(sys.argv[1], marker, table())
