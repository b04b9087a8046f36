"""Give every signal its meaning for main and its children, by one table.

Most signals end a program that says nothing about them. A stray SIGUSR1 (a log rotation written for another server, a
mistyped ``kill``) must not end this one, so every signal without a meaning here is ignored, from before the
configuration is read until main has gone. Children inherit that.
"""

from __future__ import annotations

import signal
from enum import Enum
from types import FrameType

from pwserver.deaths import signal_name
from pwserver.records import record


class Meaning(Enum):
    """Names what a signal asks of main."""

    STOP = "stops everything in order"
    RELOAD = "reads the configuration anew; one that comes before the start is complete is obeyed after it"
    IGNORE = "nothing: ignored"


@record(frozen=True, slots=True)
class Rule:
    """Describes one row: what main and its children do on some signals."""

    numbers: tuple[int, ...]
    main: Meaning
    child: str  # for the documentation
    reason: str


def _existing(*names: str) -> tuple[int, ...]:
    """Return the numbers of those signals that this system has."""
    return tuple(int(getattr(signal, name)) for name in names if hasattr(signal, name))


def _real_time() -> tuple[int, ...]:
    """Return all real-time signals; none where the system has none."""
    if not hasattr(signal, "SIGRTMIN"):
        return ()
    return tuple(range(signal.SIGRTMIN, signal.SIGRTMAX + 1))


RULES = (
    Rule(
        _existing("SIGTERM"), Meaning.STOP, "ends in order; main starts another one", "service managers, `docker stop`"
    ),
    Rule(
        _existing("SIGINT"), Meaning.STOP, "ignored", "Ctrl-C, which reaches the whole group: main tells the children"
    ),
    Rule(_existing("SIGQUIT"), Meaning.STOP, "ignored", "Ctrl-\\ and images that name it as their stop signal"),
    Rule(_existing("SIGPWR"), Meaning.STOP, "ignored", "LXC stops a container with it"),
    Rule(_existing("SIGHUP"), Meaning.RELOAD, "ignored", "`kill -HUP`, `systemctl reload`"),
    Rule(
        _existing("SIGUSR1", "SIGUSR2"),
        Meaning.IGNORE,
        "ignored",
        "other servers reopen logs or replace themselves; here there is nothing to do",
    ),
    Rule(_existing("SIGPIPE"), Meaning.IGNORE, "ignored", "a client that has gone is an error of one write"),
    Rule(
        _existing("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGSTKFLT") + _real_time(),
        Meaning.IGNORE,
        "ignored",
        "timers and notices that nothing here asks for",
    ),
)
STOPPING = frozenset(number for rule in RULES if rule.main is Meaning.STOP for number in rule.numbers)
RELOADING = frozenset(number for rule in RULES if rule.main is Meaning.RELOAD for number in rule.numbers)
IGNORED = frozenset(number for rule in RULES if rule.main is Meaning.IGNORE for number in rule.numbers)
CHILD_IGNORES = (STOPPING | RELOADING) - {signal.SIGTERM}


def prepare() -> None:
    """Give signals their meaning as early as possible: until a supervisor takes them there is nothing to stop but main.

    A request to stop ends the program at once, also as process 1 of a container, whose default the kernel ignores. A
    reload is held back by the kernel until the supervisor lets it through: reading the configuration may be over.
    """
    ignore(IGNORED)
    for number in STOPPING:
        signal.signal(number, _leave)
    # Blocked, not ignored: the kernel keeps a blocked signal until it is let through, and drops an ignored one.
    signal.pthread_sigmask(signal.SIG_BLOCK, RELOADING)


def ignore(numbers: frozenset[int]) -> None:
    """Ignore these signals from now on, in programs started later as well."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def become_child() -> None:
    """Give a fresh child its own meaning of signals: main alone is asked to stop or to reload, and tells it."""
    ignore(CHILD_IGNORES)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def names(rule: Rule) -> str:
    """Return the names of a rule's signals, real-time ones as a range."""
    real_time = set(_real_time())
    told = [signal_name(number) for number in rule.numbers if number not in real_time]
    return ", ".join([*told, "real-time signals"] if real_time & set(rule.numbers) else told)
