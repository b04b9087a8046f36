"""Judge what a child died of: the one judgement that restarts, the log and the rest of main go by.

A status from ``waitpid`` says little by itself. SIGKILL may have been sent by main (the child was hung), by the kernel
(memory ran out) or from outside; each calls for another pause before the next start and for other advice.
"""

from __future__ import annotations

import signal
from enum import Enum

from pwserver.records import record

# Raised by the processor, the C library or the kernel for a fault of the process itself. A bad sector below a mapped
# file is SIGBUS; seccomp is SIGSYS.
FAULTS = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)


class DeathKind(Enum):
    """Says why a child is not there. Every kind has pauses and a count of its own (``restarts.py``)."""

    KILLED = "killed from outside"
    CRASHED = "crashed"
    FAILED_AT_START = "ended before it worked"
    FAILED = "ended by itself"
    HUNG = "hung"
    OUT_OF_MEMORY = "out of memory"
    NOT_FORKED = "could not be started"


@record(frozen=True, slots=True)
class Death:
    """Describes one death of a child."""

    kind: DeathKind
    signal_number: int | None = None  # what ended it; None when it ended by itself
    status: int | None = None  # its exit status; None when a signal ended it
    lived_seconds: float = 0.0
    worked_seconds: float = 0.0  # from the start to the last heartbeat; 0 when there was none

    @property
    def out_of_memory(self) -> bool:
        """Tell whether the kernel ended it because memory ran out."""
        return self.kind is DeathKind.OUT_OF_MEMORY

    def __str__(self) -> str:
        """Tell what happened, to be read after the name of the child."""
        name = "" if self.signal_number is None else signal_name(self.signal_number)
        return {
            DeathKind.KILLED: f"was killed from outside by {name}" if name else "ended as if it had been asked to",
            DeathKind.CRASHED: f"crashed with {name}",
            DeathKind.FAILED_AT_START: f"ended with status {self.status} before it worked",
            DeathKind.FAILED: f"ended with status {self.status}",
            DeathKind.HUNG: "gave no sign of life and was killed",
            DeathKind.OUT_OF_MEMORY: "was killed by the kernel because memory ran out",
            DeathKind.NOT_FORKED: "could not be started",
        }[self.kind]


def death_of(
    exit_code: int, lived_seconds: float, worked_seconds: float, *, hung: bool = False, out_of_memory: bool = False
) -> Death:
    """Judge the death of a child that was not asked to end.

    ``exit_code``: as ``os.waitstatus_to_exitcode`` has it, negative for a signal. ``hung``: main killed it for its
    silence. ``out_of_memory``: the kernel counted a kill for want of memory that no other death accounts for.
    """
    lived = (max(0.0, lived_seconds), max(0.0, min(worked_seconds, lived_seconds)))
    if exit_code < 0:
        number = -exit_code
        if number in FAULTS:
            return Death(DeathKind.CRASHED, number, None, *lived)
        if number == signal.SIGKILL and out_of_memory:
            return Death(DeathKind.OUT_OF_MEMORY, number, None, *lived)
        if number == signal.SIGKILL and hung:
            return Death(DeathKind.HUNG, number, None, *lived)
        return Death(DeathKind.KILLED, number, None, *lived)
    if exit_code == 0:  # a child's life has no end of its own: it got a SIGTERM from outside, and ended in order
        return Death(DeathKind.KILLED, None, 0, *lived)
    kind = DeathKind.FAILED if worked_seconds > 0 else DeathKind.FAILED_AT_START
    return Death(kind, None, exit_code, *lived)


def signal_name(number: int) -> str:
    """Return the name of a signal; real-time signals between the first and the last have none but their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
