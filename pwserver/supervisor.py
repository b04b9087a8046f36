"""Keep the children alive: one that dies or stops beating is replaced, and the others never notice.

Main does nothing else and holds no data. Signals only wake its loop, so that nothing ever happens in the middle of
something else; children get ordinary signal handling back.
"""

from __future__ import annotations

import logging
import math
import os
import select
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from pwserver.deaths import Death, DeathKind, death_of
from pwserver.memory_limits import ROOT, MemoryLimit
from pwserver.out_of_memory import Handicaps, KernelKills
from pwserver.process_signals import RELOADING, STOPPING, become_child, ignore
from pwserver.records import record
from pwserver.restarts import RestartLadder
from pwserver.shared import MAIN_GONE_STATUS
from pwserver_ext.process import die_with_parent, set_name

log = logging.getLogger("pwserver.supervisor")

WATCHED = STOPPING | RELOADING | {signal.SIGCHLD}
LOOK_SECONDS = 2.0  # how often heartbeats are looked at, or more often where little silence is allowed
LOOKS_PER_SILENCE = 5
STOP_SECONDS = 1.5  # a child that has not ended this long after SIGTERM is killed
ABSENT_SECONDS = 1.5  # main itself was stopped for this long, so the children's heartbeats may be old without a fault
GRACE_SECONDS = 3.0  # then they may take this long to beat again
DEATHS_TOLD = 10  # deaths of one kind in a row that have a line each in the log
DEATHS_TOLD_EVERY_SECONDS = 300.0  # later ones are counted, and told this often
DEATHS_KEPT = 16  # a child's last deaths, for judgements such as the one about a broken history


class Beats(Protocol):
    """Declares what the supervisor needs of the heartbeat table in the arena: one row per child."""

    def start(self, row: int, pid: int, state: int = 0) -> None: ...
    def stop(self, row: int) -> None: ...
    def age(self, row: int) -> float | None: ...
    def beats(self, row: int) -> int: ...


@record(slots=True)
class Child:
    """Describes one process to keep alive. ``run`` is its whole life, called in the forked process."""

    name: str
    beats: Beats
    row: int  # its row of the heartbeat table
    run: Callable[[], None]
    hang_seconds: float = 5.0  # silent longer than this means hung
    start_seconds: float = 20.0  # time to the first beat
    pid: int = 0
    started: float = 0.0
    starts: int = 0
    ladder: RestartLadder = field(default_factory=RestartLadder)
    deaths: deque[Death] = field(default_factory=lambda: deque(maxlen=DEATHS_KEPT))  # the last one is the newest
    not_before: float = 0.0
    stopping: bool = field(default=False)
    condemned: bool = field(default=False)  # found hung and killed, not yet collected
    told: float = -math.inf  # when the log last had a line about a death of it


class Supervisor:
    """Starts children, replaces the dead and the hung, and ends them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, machine: Path = ROOT) -> None:
        """Take over the signals. ``machine``: the root below which the kernel's count of its kills is found."""
        self.clock = clock
        self.children: list[Child] = []
        self.main_pid = os.getpid()
        self.asked: signal.Signals | None = None
        self.memory_limit: MemoryLimit | None = None
        self.memory_advice = ""  # told after the kernel has killed a child because memory ran out
        self._kernel_kills = KernelKills(machine, clock)
        self._looked = self.clock()
        self._lenient_until = 0.0
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._wake_poll = select.poll()  # select() knows no descriptor from 1024 on, and histories have many more open
        self._wake_poll.register(self._wake_read, select.POLLIN)
        # The C handler writes the signal's number into this socket at once. A full one loses nothing that matters:
        # children are collected all together, and a request to stop is already in it.
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in WATCHED:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)  # what came too early comes now

    def add(self, child: Child) -> None:
        """Start ``child`` (perhaps one that was stopped before) and keep it alive from now on."""
        child.stopping = False
        self.children.append(child)
        self._start(child)

    @staticmethod
    def ready(children: Sequence[Child]) -> bool:
        """Tell whether every one of ``children`` has beaten since its start."""
        return all(child.pid and child.beats.beats(child.row) for child in children)

    def well(self) -> bool:
        """Tell whether every child runs and beats; false between a death and the new start."""
        for child in self.children:
            silent = child.beats.age(child.row) if child.beats.beats(child.row) else None
            beating = silent is not None and silent <= child.hang_seconds
            if not child.pid or not (beating or math.isinf(child.hang_seconds)):
                return False
        return True

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Look after all children until ``condition()`` holds; False when time is up or a stop was asked for."""
        deadline = self.clock() + seconds
        while not condition():
            if self.clock() > deadline or self.asked in STOPPING:
                return False
            self.look(0.02)
        return True

    def request(self) -> signal.Signals | None:
        """Return the signal that asked main for something since the last call, if any."""
        asked, self.asked = self.asked, None
        return asked

    @property
    def stop_asked(self) -> bool:
        """Tell whether a signal has asked main to end."""
        return self.asked in STOPPING

    def look(self, seconds: float | None = None) -> None:
        """Wait for the next event, or for a child's next start or look, and repair what is broken."""
        if seconds is None:
            seconds = min([LOOK_SECONDS, *(child.hang_seconds / LOOKS_PER_SILENCE for child in self.children)])
        due = [child.not_before for child in self.children if not child.pid and not child.stopping]
        self._wait(max(0.0, min([seconds, *(moment - self.clock() for moment in due)])))
        self._reap()
        self._kernel_kills.look()
        # A suspended machine or a stopped main: heartbeats did not age by the children's fault.
        if self.clock() - self._looked > seconds + ABSENT_SECONDS:
            self._lenient_until = self.clock() + GRACE_SECONDS
        self._looked = self.clock()
        if self.stop_asked:  # no child is replaced any more
            return
        self._kill_hung()
        for child in self.children:
            if not child.pid and not child.stopping and self.clock() >= child.not_before:
                self._start(child)

    def dismiss(self, children: Sequence[Child]) -> None:
        """Ask ``children`` to end (SIGTERM), without waiting; ``stop`` waits.

        Each child is asked once only: a second SIGTERM would cut short what the first one lets finish.
        """
        for child in children:
            if not child.stopping:
                child.stopping = True
                self._signal(child, signal.SIGTERM)
                self._signal(child, signal.SIGCONT)  # a stopped process cannot end

    def stop(self, children: Sequence[Child] | None = None, seconds: float = STOP_SECONDS) -> None:
        """End ``children`` (all of them by default): SIGTERM, then SIGKILL for those that have not ended in time.

        When only some are to go, a request to stop everything cuts their time short.
        """
        some = children is not None
        leaving = list(self.children if children is None else children)
        self.dismiss(leaving)
        deadline = self.clock() + seconds
        while any(child.pid for child in leaving) and self.clock() < deadline:
            self._wait(0.05)
            self._reap()
            if some and self.asked in STOPPING:
                break
        for child in leaving:
            self._signal(child, signal.SIGKILL)
        while any(child.pid for child in leaving):
            self._wait(0.05)
            self._reap()
        self.children = [child for child in self.children if child not in leaving]

    @staticmethod
    def leave() -> None:
        """Ignore signals from now on, because no child is left.

        Python gives signals their default effect back while it ends; one more SIGTERM in that moment would make a clean
        end look like a failure.
        """
        ignore(STOPPING | RELOADING)

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal comes or time is up, and remember a signal that asks for something."""
        self._wake_poll.poll(seconds * 1000.0)
        try:
            for number in self._wake_read.recv(4096):
                if number != signal.SIGCHLD and self.asked not in STOPPING:
                    self.asked = signal.Signals(number)
        except BlockingIOError:
            pass

    def _start(self, child: Child) -> None:
        child.started = self.clock()
        child.starts += 1
        # Until the child has its own handlers, a signal to it would wake main through the shared socket.
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        order = Handicaps(self.memory_limit)
        order.before_fork()
        try:
            pid = os.fork()
        except OSError as refused:  # no memory or no process numbers left: the others go on, this one is tried again
            order.in_main()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            self._died(child, Death(DeathKind.NOT_FORKED), refused.strerror or str(refused))
            return
        if pid == 0:
            self._live(child, order)
        order.in_main()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        child.pid = pid
        child.condemned = False

    def _live(self, child: Child, order: Handicaps) -> None:
        """Run the child's side of the fork; never returns.

        It ends by ``os._exit``: main's exit handlers and the frames below belong to main.
        """
        code = 1
        try:
            order.in_child()
            die_with_parent(signal.SIGKILL)
            if os.getppid() != self.main_pid:  # main died before the line above took effect
                os._exit(MAIN_GONE_STATUS)
            signal.set_wakeup_fd(-1)
            self._wake_read.close()
            self._wake_write.close()
            become_child()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            set_name(f"pw:{child.name}")
            child.beats.start(child.row, os.getpid())
            child.run()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            log.critical("%s failed\n%s", child.name, traceback.format_exc())
        finally:
            logging.shutdown()
            os._exit(code)

    def _reap(self) -> None:
        # Signals of one number do not queue: one SIGCHLD may stand for several dead children.
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid = 0
            if not pid:
                return
            for child in self.children:
                if child.pid == pid:
                    self._ended(child, status)

    def _ended(self, child: Child, status: int) -> None:
        """Collect a child that is gone, and decide when it starts again unless it was asked to end."""
        lived = self.clock() - child.started
        silent = child.beats.age(child.row) if child.beats.beats(child.row) else None
        child.pid = 0
        child.beats.stop(child.row)
        if child.stopping or self.stop_asked:  # Ctrl-C reaches the whole group
            return
        worked = 0.0 if silent is None else lived - silent
        code = os.waitstatus_to_exitcode(status)
        out_of_memory = code == -signal.SIGKILL and self._kernel_kills.claim()
        self._died(child, death_of(code, lived, worked, hung=child.condemned, out_of_memory=out_of_memory))

    def _died(self, child: Child, death: Death, detail: str = "") -> None:
        """Remember a death and tell it. In a burst only the first ones have a line each: a log must stay readable."""
        pause = child.ladder.pause_after(death)
        child.not_before = self.clock() + pause
        child.deaths.append(death)
        count = child.ladder.in_a_row(death.kind)
        if count > DEATHS_TOLD and self.clock() - child.told < DEATHS_TOLD_EVERY_SECONDS:
            return
        child.told = self.clock()
        log.error(
            "%s %s%s%s%s; starting it again%s%s",
            child.name,
            death,
            f": {detail}" if detail else "",
            "" if death.kind is DeathKind.NOT_FORKED else f" after {death.lived_seconds:.1f} s",
            f", the {count}th time in a row (told every {DEATHS_TOLD_EVERY_SECONDS / 60:.0f} minutes from now on)"
            if count >= DEATHS_TOLD
            else "",
            f" in {pause:.2g} s" if pause else "",
            f". {self.memory_advice}" if death.out_of_memory and self.memory_advice else "",
        )

    def _kill_hung(self) -> None:
        if self.clock() < self._lenient_until:
            return
        for child in self.children:
            if not child.pid or child.stopping or child.condemned:
                continue
            age = child.beats.age(child.row)
            limit = child.hang_seconds if child.beats.beats(child.row) else child.start_seconds
            silent = self.clock() - child.started if age is None else age
            if silent > limit:
                log.error("%s has given no sign of life for %.1f s; replacing it", child.name, silent)
                child.condemned = True
                self._signal(child, signal.SIGKILL)

    @staticmethod
    def _signal(child: Child, number: signal.Signals) -> None:
        if child.pid:
            try:
                os.kill(child.pid, number)
            except ProcessLookupError:
                pass
