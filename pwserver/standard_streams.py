"""Keep standard input, output and error open, also where the parent process has closed them.

Without this the first file or socket that the server opens gets their number, and what the interpreter or a library
prints in an emergency is written into a ring of the history or to a client.
"""

from __future__ import annotations

import os
import sys


def open_missing() -> None:
    """Open the null device in place of each standard stream that is closed."""
    # The kernel gives out the lowest free number, so the missing ones of 0, 1 and 2 are filled first (open(2)).
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - open as long as the program runs
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def forget_unwritten() -> None:
    """Drop what a full disk did not take: Python tries once more at the end, and reports a clean end as failure."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
