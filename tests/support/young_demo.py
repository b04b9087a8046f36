"""pwserver, but its demo has a past of two days: to make that of a year takes ten seconds of a processor."""

from __future__ import annotations

import runpy

from pwserver.demo import history

DAYS = 2

if __name__ == "__main__":
    vars(history).update(YEAR_DAYS=DAYS, MANY_DAYS=DAYS)
    runpy.run_module("pwserver", run_name="__main__", alter_sys=True)
