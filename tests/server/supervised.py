"""A tiny supervised family, run in a process of its own by the supervisor's tests.

Children write what they are to a pipe-like file; main prints one JSON line a request. Arguments: path of the arena's
file-less heartbeats cannot cross an exec, so everything lives in this one process tree.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from pwserver.supervisor import Child, Supervisor
from pwserver_ext.arena import Arena
from pwserver_ext.counters import Heartbeats

ROWS = 3


def main() -> int:
    beats = Heartbeats(Arena({"beats": Heartbeats.size(ROWS)}).region("beats"), ROWS)

    def live(row: int) -> None:
        while True:
            beats.beat(row)
            time.sleep(0.05)

    def crash() -> None:
        raise RuntimeError("born to fail")

    def live_slowly() -> None:
        time.sleep(0.5)  # in which a kill comes before the first heartbeat
        live(2)

    supervisor = Supervisor(machine=Path(sys.argv[-1]) if "--machine" in sys.argv else Path("/"))
    supervisor.memory_advice = "Allow more."
    for row, name in enumerate(("poller", "worker-0")):
        supervisor.add(Child(name, beats, row, lambda row=row: live(row), hang_seconds=1.0))
    if "--crashing" in sys.argv:
        supervisor.add(Child("crashing", beats, 2, crash))
    if "--slow-to-work" in sys.argv:
        supervisor.add(Child("slow", beats, 2, live_slowly))
    supervisor.wait(lambda: supervisor.ready(supervisor.children[:2]), 10)
    while True:
        supervisor.look(0.05)
        report = {
            child.name: {
                "pid": child.pid,
                "starts": child.starts,
                "beats": beats.beats(child.row),
                "deaths": [str(death) for death in child.deaths],
            }
            for child in supervisor.children
        }
        print(json.dumps(report), flush=True)
        asked = supervisor.request()
        if asked == signal.SIGTERM:
            supervisor.stop()
            print(json.dumps({"stopped": True}), flush=True)
            return 0


if __name__ == "__main__":
    sys.exit(main())
