"""The short table of docs/benchmarks.md, out of its long ones: ``python -m tests.docs.figures docs/benchmarks.md``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pwserver.generated_page import rewrite

ROOT = Path(__file__).parents[2]
START = (
    "<!-- generated from the results below by `python -m tests.docs.figures docs/benchmarks.md`; do not edit here -->"
)
HEAD = ["| | pwserver | beside it |", "|---|---|---|"]
# What the short table calls it, the row of the results that has the value, and the row whose ratios go with it.
FIGURES = (
    (
        "requests a second, 32 connections",
        "keep-alive, 32 connections: pwserver",
        "throughput, keep-alive, 32 connections",
    ),
    (
        "… with a new connection for every request",
        "a connection per request, 32 at a time: pwserver",
        "throughput, a connection per request, 32 at a time",
    ),
    ("slowest of a hundred answers (p99), 32 connections", "p99, keep-alive, 32 connections", ""),
    (
        "one poll of three Powerwall 3 into all pages, packed and published",
        "one reading of a Powerwall 3 x 3, all documents",
        "",
    ),
    ("p99 of an honest reader beside 500 attackers", "honest client beside 500 attackers, p99", ""),
    ("processor at Telegraf's load, polling included", "CPU at Telegraf's load: with the poller", ""),
    ("memory of all processes", "PSS in all, two workers and the poller", ""),
)
UNITS = {"1/s": "", "% of 1": "% of a core"}
OTHERS = {"Sanic handler": "a plain Sanic handler"}
RATIO = re.compile(r"([\d.]+) × (.+)")


def rows(page: str) -> list[list[str]]:
    """The cells of all tables: what, value, ratio, more, aim."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]


def table(page: str) -> str:
    """The rows of the short table; KeyError when the results have no such measurement."""
    found: dict[str, list[list[str]]] = {}
    for row in rows(page):
        found.setdefault(row[0], []).append(row)
    lines = list(HEAD)
    for label, measured, compared in FIGURES:
        figure, _, unit = found[measured][0][1].partition(" ")
        value = f"{figure} {UNITS.get(unit, unit)}".strip()
        ratios = [match for row in found[compared or measured] if (match := RATIO.fullmatch(row[2]))]
        beside = ", ".join(f"{match[1]} × {OTHERS.get(match[2], match[2])}" for match in ratios)
        lines.append(f"| {label} | {value} | {beside} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rewrite(sys.argv[1], START, table((ROOT / "docs/benchmarks.md").read_text("utf-8")))
