"""Begin the poller process. Apart from this module, main and the workers import none of what only the poller runs."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import TYPE_CHECKING

from pwserver.runtime import Runtime
from pwserver_ext.process import use_one_heap

if TYPE_CHECKING:
    from pwserver.poller.process import InventedPast

NICENESS = 10  # readers first: where the cores are all busy, a poll takes longer and an answer does not
# A poll makes and drops tens of thousands of objects, hardly any of them in cycles: the collector looks less often.
COLLECTED = (10_000, 20, 20)


def run_poller(runtime: Runtime, past: InventedPast | None = None) -> None:
    """Poll until SIGTERM. Called in the fork; the only process that ever imports the gateway library."""
    # In the child only: a lowered priority cannot be raised again without privileges.
    os.nice(NICENESS)
    use_one_heap()  # its threads work in turn; a heap for each would be megabytes that are free, but not for the others
    gc.set_threshold(*COLLECTED)
    from pwserver.poller.process import Poller  # here: two megabytes that no other process needs

    if past is not None:
        past.begin(runtime)
    asyncio.run(Poller(runtime).run(past))
