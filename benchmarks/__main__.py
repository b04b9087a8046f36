"""``make bench``: one command, one table, JSON beside it. All ratios come from one run on this machine.

    python -m benchmarks [--quick] [SECTION ...]

Compares with nginx where it and wrk are installed, and with pypowerwall-server from PyPI, which is put into .bench/pws
or taken from the environment that PWSERVER_PEER names.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from benchmarks.table import Table, facts, markdown

SECTIONS = ("rendering", "footprint", "micros", "attackers", "fastpath", "tls")
# Longer, and of one part of the server each: only when named.
OTHERS = ("home", "many", "thousand", "engine", "history", "streams", "load", "pages", "paint", "received", "odd")


def main() -> int:
    """Measure the named sections, or all; 1 when a section failed."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; or {', '.join(OTHERS)}")
    parser.add_argument("--quick", action="store_true", help="short rounds: a look, not a result")
    parser.add_argument("--markdown", metavar="FILE", help="write the table for the documentation as well")
    chosen = parser.parse_args()
    unknown = set(chosen.sections) - {*SECTIONS, *OTHERS}
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    table, begun, failed = Table(chosen.quick), time.monotonic(), 0
    before = facts()
    print(", ".join(f"{name} {value}" for name, value in before.items()), flush=True)
    for section in chosen.sections or SECTIONS:
        try:
            importlib.import_module(f"benchmarks.{section}").run(table)
        except Exception as problem:  # the other sections are still worth having
            print(f"{section} failed: {problem!r}", file=sys.stderr, flush=True)
            failed = 1
    print(f"\n{time.monotonic() - begun:.0f} s; as JSON: {table.save()}")
    if chosen.markdown:
        with open(chosen.markdown, "w", encoding="utf-8") as out:
            out.write(markdown(table.rows) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
