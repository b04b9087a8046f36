"""A tiny supervised family, run in a process of its own by the supervisor's tests.

Children write what they are to a pipe-like file; main prints one JSON line a request. Arguments: path of the arena's
file-less heartbeats cannot cross an exec, so everything lives in this one process tree.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from pwserver.supervisor import Child, Supervisor
from pwserver_ext.arena import Arena
from pwserver_ext.counters import Heartbeats

ROWS = 3
NOBODY = 65534


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

    def live_without_end() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        live(2)

    few_processes = "--few-processes" in sys.argv
    if few_processes and os.geteuid() == 0:
        os.setuid(NOBODY)  # the limit does not bind root
    supervisor = Supervisor(machine=Path(sys.argv[-1]) if "--machine" in sys.argv else Path("/"))
    supervisor.memory_advice = "Allow more."
    for row, name in enumerate(("poller", "worker-0")):
        supervisor.add(Child(name, beats, row, lambda row=row: live(row), hang_seconds=1.0))
    if "--crashing" in sys.argv:
        supervisor.add(Child("crashing", beats, 2, crash))
    if "--stubborn" in sys.argv:
        supervisor.add(Child("stubborn", beats, 2, live_without_end))
    if "--slow-to-work" in sys.argv:
        supervisor.add(Child("slow", beats, 2, live_slowly))
    supervisor.wait(lambda: supervisor.ready(supervisor.children[:2]), 10)
    refuse, allowed = few_processes, resource.getrlimit(resource.RLIMIT_NPROC)
    while True:
        if refuse:
            resource.setrlimit(resource.RLIMIT_NPROC, (1, allowed[1]))
            os.kill(supervisor.children[0].pid, signal.SIGKILL)
            refuse = False
        supervisor.look(0.05)
        if few_processes and len(supervisor.children[0].deaths) > 2:  # killed, refused, and refused once more
            resource.setrlimit(resource.RLIMIT_NPROC, allowed)
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
