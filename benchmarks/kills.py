"""``python -m benchmarks.kills --rounds 100 --bursts 10``: processes killed or stopped, again and again, under load.

Each act is done at a random moment while clients read. What counts as a failure: a request without a right answer, or
a kept connection broken, that did not belong to the process that was hit. A burst kills random children every 0.05 to
0.6 s for 15 s; what counts is how long after the last kill everything answers, and with fresh data. Linux only.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.table import Table
from tests.support.kills import ACTS, Burst, Outcome, bursts, children_hit, main_hit

SECTION = "kills"


def report_bursts(table: Table, done: list[Burst]) -> None:
    """The bursts as rows."""
    name = f"burst of kills, {len(done)} times"
    answering = sorted(one.answering_seconds for one in done)
    fresh = sorted(one.fresh_seconds for one in done)
    table.add(SECTION, f"{name}: kills", sum(one.kills for one in done), "")
    table.add(SECTION, f"{name}: all answer after, median", answering[len(answering) // 2], "s")
    table.add(SECTION, f"{name}: all answer after, worst", answering[-1], "s", aim="<= 5")
    table.add(SECTION, f"{name}: data fresh after, worst", fresh[-1], "s")


def report(table: Table, outcome: Outcome) -> None:
    """The outcome as rows."""
    ordered = sorted(outcome.seconds)
    name = f"{outcome.act}, {outcome.rounds} times"
    if outcome.act == "kill main":
        table.add(SECTION, f"{name}: orphans after 2 s", outcome.orphans, "", aim="<= 0")
    else:
        table.add(SECTION, f"{name}: failures of others", len(outcome.others), "", aim="<= 0")
    table.add(SECTION, f"{name}: repaired after, median", ordered[len(ordered) // 2], "s")
    table.add(SECTION, f"{name}: repaired after, worst", ordered[-1], "s", aim="<= 2" if "kill" in outcome.act else "")
    if outcome.polls:
        table.add(SECTION, f"{name}: polls until fresh, worst", max(outcome.polls), "", aim="<= 2")
    table.add(SECTION, f"{name}: answers meanwhile", outcome.answers, "")
    for event in outcome.others[:5]:
        print(f"    {event}")


def run(table: Table, rounds: int = 20) -> None:
    """All acts."""
    for act in ACTS:
        report(table, children_hit(act, rounds))
    report(table, main_hit(rounds))
    report_bursts(table, bursts(2))


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of each act (default %(default)s)")
    parser.add_argument("--act", choices=[*ACTS, "kill main", "burst"], help="only this one")
    parser.add_argument("--bursts", type=int, default=2, help="bursts of kills (default %(default)s)")
    given = parser.parse_args()
    table = Table()
    for act in ACTS:
        if given.act in (None, act):
            report(table, children_hit(act, given.rounds))
    if given.act in (None, "kill main"):
        report(table, main_hit(given.rounds))
    if given.act in (None, "burst") and given.bursts > 0:
        report_bursts(table, bursts(given.bursts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
