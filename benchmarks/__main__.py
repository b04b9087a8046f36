"""``make bench``: one command, one table, JSON beside it. All ratios come from one run on this machine."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.table import Table

SECTIONS = ("footprint",)


def main() -> int:
    """Measure the named sections, or all."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which to measure (default: all)")
    wanted = parser.parse_args().sections or SECTIONS
    table = Table()
    for section in wanted:
        importlib.import_module(f"benchmarks.{section}").run(table)
    print(f"\nas JSON: {table.save()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
