"""The tables of ``docs/metrics.md`` with every metric of ``/metrics``, from the one the page is written by.

``python -m tests.docs.metrics_page docs/metrics.md`` writes them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pwserver.documents.prometheus import DATA_FAMILIES, SELF_FAMILIES, MetricFamily
from pwserver.generated_page import rewrite

GATEWAY = "<!-- metrics of a gateway: written by python -m tests.docs.metrics_page docs/metrics.md -->"
SERVER = "<!-- metrics of the server: written by python -m tests.docs.metrics_page docs/metrics.md -->"


def table(families: Iterable[MetricFamily]) -> str:
    """One row for each metric."""
    rows = ["| Metric | Kind | Labels | Meaning |", "|---|---|---|---|"]
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.help} |")
    return "\n".join(rows) + "\n"


TABLES = {GATEWAY: table(DATA_FAMILIES), SERVER: table(SELF_FAMILIES)}


if __name__ == "__main__":
    for marker, generated in TABLES.items():
        rewrite(sys.argv[1], marker, generated)
