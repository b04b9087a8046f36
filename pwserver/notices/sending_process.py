"""Send messages through Apprise, in a process of its own: the poller neither waits for a service nor imports Apprise.

Every attempt is a fork, so that a service that hangs stops nobody else and ends with its time. The fork itself writes
into the journal, on the disk, that it begins, and that the message has gone. So a poller that is killed, and even this
process, leave the attempt whole: it ends, it is written down, and whoever is started next waits for the lock on the
journal before it reads there what has gone.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import signal
import sys
import time
from typing import Any, Final, NoReturn

from pwserver.notices.delivery import FAILED, LOGIN, REFUSED, SENT, TIMED_OUT, UNKNOWN, UNREACHABLE

LAST_SECONDS: Final = 10.0  # that attempts under way are given once nobody listens any more
OWN_SLACK_SECONDS: Final = 1.0  # after its time, an attempt ends itself
MOST_JOURNAL_LINES: Final = 200
MOST_LINE_BYTES: Final = 65_536

Attempt = tuple[int, str]  # number of the message, target


class Journal:
    """Writes down which messages have gone; its lock is held until the last process that may write has ended."""

    def __init__(self, path: str | None) -> None:
        self.sent: set[Attempt] = set()
        self.begun: set[Attempt] = set()
        self._descriptor: int | None = None
        if path is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self.read()

    def read(self) -> None:
        """Read what all attempts have written down so far."""
        for line in self._lines():
            match line.split(" "):
                case ["begun", number, target] if number.isdigit():
                    self.begun.add((int(number), target))
                case ["sent" | "failed" as word, number, target] if number.isdigit():
                    self.begun.discard((int(number), target))
                    if word == "sent":
                        self.sent.add((int(number), target))

    def _lines(self) -> list[str]:
        if self._descriptor is None:
            return []
        size = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, size, 0).decode(errors="replace").split("\n")[:-1]

    def write(self, word: str, number: int, target: str) -> None:
        """Bring one line to the disk. Tests, which have no number, leave none."""
        if self._descriptor is not None and number > 0:
            os.write(self._descriptor, f"{word} {number} {target}\n".encode())
            os.fdatasync(self._descriptor)

    def settle(self, below: int, busy: bool) -> None:
        """Empty the journal once it is long and every message in it is done with."""
        lines = self._lines()
        if self._descriptor is None or busy or len(lines) < MOST_JOURNAL_LINES:
            return
        numbers = [int(words[1]) for line in lines if len(words := line.split(" ")) == 3 and words[1].isdigit()]
        if max(numbers, default=0) < below:
            os.ftruncate(self._descriptor, 0)
            self.sent.clear()


class _Remarks(logging.Handler):
    """Collects what Apprise logs of one attempt; it may hold the address, so it leaves this process as a cause only."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = (self.text + " " + record.getMessage())[-20_000:].lower()

    @property
    def cause(self) -> str:
        text = self.text
        if "timed out" in text or "timeout" in text.replace("timeout=", ""):
            return TIMED_OUT
        if any(word in text for word in ("error=401", "error=403", "unauthorized", "authentication", "forbidden")):
            return LOGIN
        if any(word in text for word in ("refused", "resolve", "unreachable", "no route", "name or service")):
            return UNREACHABLE
        return REFUSED

    @property
    def doubtful(self) -> bool:
        """Say whether the service may have taken the message although no answer came."""
        words = ("read timed out", "timed out", "aborted", "reset by peer", "without response", "unexpectedly closed")
        return any(word in self.text for word in words) and "connecttimeout" not in self.text


class Sender:
    """Sends what the standard input says, and writes to the standard output what has become of it."""

    def __init__(self) -> None:
        start = json.loads(sys.stdin.buffer.readline(MOST_LINE_BYTES))
        self._seconds = float(start["seconds"])
        self._attempts: dict[int, tuple[int, str, float]] = {}  # pid -> number, target, when it is over
        import apprise

        asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, app_id="pwserver", app_desc="pwserver")
        logging.getLogger("apprise").propagate = False
        self._targets: dict[str, apprise.Apprise] = {}
        refused = []
        for target, address in start["addresses"].items():
            service = apprise.Apprise(asset=asset)
            if service.add(address):
                self._targets[target] = service
            else:
                refused.append(target)
        if start.get("check"):
            say({"refused": refused})
            sys.exit(0)
        self._journal = Journal(start["journal"])
        sent, begun = sorted(self._journal.sent), sorted(self._journal.begun - self._journal.sent)
        say({"ready": {"sent": sent, "doubtful": begun, "refused": refused}})

    def run(self) -> NoReturn:
        """Send until the poller closes the pipe or is gone; then give what is under way a little time."""
        wake, far = os.pipe()
        for end in (wake, far):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(far)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the service manager's; the poller says when it is time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.set_blocking(0, False)
        waiting = b""
        last: float | None = None
        while last is None or (self._attempts and time.monotonic() < last):
            self._reap()
            ends = [at for _, _, at in self._attempts.values()] + ([last] if last is not None else [])
            pause = max(0.0, min(ends) - time.monotonic()) if ends else None
            ready, _, _ = select.select([wake] if last is not None else [0, wake], [], [], pause)
            if wake in ready:
                os.read(wake, 4096)
            if 0 in ready:
                piece = os.read(0, MOST_LINE_BYTES)
                if not piece:
                    last = time.monotonic() + LAST_SECONDS
                *lines, waiting = (waiting + piece).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
            self._reap()
        for pid in self._attempts:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def _take(self, order: dict[str, Any]) -> None:
        if "settled" in order:
            self._journal.settle(order["settled"], bool(self._attempts))
            return
        number, target = order["number"], order["target"]
        self._journal.write("begun", number, target)
        pid = os.fork()
        if not pid:
            self._attempt(number, target, order["title"], order["body"])
        self._attempts[pid] = (number, target, time.monotonic() + self._seconds)

    def _attempt(self, number: int, target: str, title: str, body: str) -> NoReturn:
        """Send one message and write down whether it has gone. Runs in the fork."""
        outcome, cause = FAILED, REFUSED
        remarks = _Remarks()
        try:
            signal.set_wakeup_fd(-1)
            # Should the parent be killed, nobody else would end an attempt that hangs, and it holds the lock.
            signal.setitimer(signal.ITIMER_REAL, self._seconds + OWN_SLACK_SECONDS)
            logging.getLogger("apprise").addHandler(remarks)
            logging.getLogger("apprise").setLevel(logging.DEBUG)
            if self._targets[target].notify(title=title, body=body):
                outcome, cause = SENT, ""
            else:
                outcome, cause = UNKNOWN if remarks.doubtful else FAILED, remarks.cause
            if outcome != UNKNOWN:
                self._journal.write(outcome, number, target)
            say({"number": number, "target": target, "outcome": outcome, "cause": cause})
        finally:
            os._exit(0 if outcome == SENT else 1)

    def _reap(self) -> None:
        """Collect the attempts that have ended, and end those whose time is over."""
        now = time.monotonic()
        for pid, (number, target, end) in list(self._attempts.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found and now >= end:
                os.kill(pid, signal.SIGKILL)
                found, status = os.waitpid(pid, 0)
            if found:
                del self._attempts[pid]
                if os.WIFSIGNALED(status):
                    self._journal.read()  # it may have been ended just after it had written down its success
                    if (number, target) in self._journal.sent:
                        say({"number": number, "target": target, "outcome": SENT, "cause": ""})
                        continue
                    say({"number": number, "target": target, "outcome": UNKNOWN, "cause": TIMED_OUT})


def say(line: dict[str, Any]) -> None:
    """Write one line; where nobody reads any more, that is not this process's concern."""
    try:
        os.write(1, json.dumps(line, separators=(",", ":")).encode() + b"\n")
    except OSError:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    Sender().run()
