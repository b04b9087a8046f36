"""Ask the witnesses of the time: the machine's clock, the history on disk, the gateway, and NTP.

Small computers without a battery start with a clock that is minutes, months or decades wrong, and are put right while
they run. So a clock is one witness among others, and a row of the history is never taken away on its word alone.

What is known for certain is how much time passes: the *steady* clock (seconds since the machine was started, sleep
included) is never set. The question is only which *offset* between it and the calendar is the true one. ClockWitnesses:

1. The machine's clock. It is believed as long as it goes on as it did (its offset stays the same), and at a start as
   long as it is not behind the newest row: rows are in the past.
2. The rows of earlier runs. A clock that is behind them is wrong, or they are. Nothing is taken away for that: what is
   measured meanwhile *waits* (a ring of its own, in the order of the steady clock) until an offset is known.
3. The gateway. Most answers carry its own time (``last_communication_time`` of its meters). It says which of two
   offsets is right. It gives a row its time only when nothing better is left, because *that* clock may be wrong, too.
   A gateway whose time stands still is no witness.
4. The kernel, which knows whether something like NTP keeps its clock (``adjtimex``; that is what systemd-timesyncd and
   chrony report to, so no service manager is asked). It is heard only when its time is the one this process sees.

When the clock jumps within one run of the machine, restarts of the server included, recording goes on by the old
offset: a jump of a day for five seconds leaves no trace. The new offset is adopted as soon as a witness supports it. It
is refused as long as a gateway's clock supports the old one. Without a witness it is adopted when it has stayed for
``STABLE_SECONDS``, for a clock is set right more often than wrong. What would bring the rows of this run before those
of earlier ones is not adopted.

With a new offset, the rows recorded by the old one get their true time: those since the jump where a witness had stood
for the old offset, else all since it was adopted. (Rows that a witness stood for are moved as a whole only where they
began with a jump in this start of the machine: a gateway may follow the same wrong clock.) They are copied to the
waiting ring, withdrawn, and recorded again (``Timeline``). Nothing is shifted twice or lost when the process is killed
meanwhile: the record ``clock`` says how far that had come, and a row is known by its time. Device signals are shifted
with the polls; while rows wait, the signals are left out.

What cannot be shifted (more rows than fit, or the machine was started anew since) stays where it is while it is in the
past. Rows of the future are moved to a file of the gateway's folder, in the form of an export. That happens only to
rows that were all recorded after one jump ahead of the present, by a clock nothing supported or in the presence of a
witness, and not to more than ``MOST_FUTURE_DAYS`` days, unless the jump was far longer than what followed it. Up to
``STAND_STILL_SECONDS`` of future rows are left instead, and the history's time stands still until the clock has come
there. Energies follow the steady clock throughout, so a day's sums hold even when the clock is set.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pwserver.reading import Reading

STEP_SECONDS: Final = 5.0  # less is what NTP slews, or a slow poll
AGREE_SECONDS: Final = 120.0  # a gateway's time is that of its last look at a meter
SLACK_SECONDS: Final = 60.0  # so little behind the newest row is a clock that was put right meanwhile
STABLE_SECONDS: Final = 60.0
STABLE_POLLS: Final = 5
STAND_STILL_SECONDS: Final = 7200.0
MOST_FUTURE_DAYS: Final = 2  # more days than that are never taken for a mistake
_KERNEL_SECONDS: Final = 2.0  # between the kernel's time and ours, both read now
_SYNCHRONISED_FOR_SECONDS: Final = 10.0  # how long an answer of the kernel is remembered
_GATEWAY_SPEAKS_FOR_SECONDS: Final = 600.0
_ALIVE_SECONDS: Final = 4.0  # over so long a gateway's clock must have moved ...
_EVEN_SECONDS: Final = 5.0  # ... with the steady one
_STA_UNSYNC: Final = 0x0040
_STATUS_AT, _SECONDS_AT = 5, 9  # in longs, of struct timex


def steady_seconds() -> float:
    """Return the seconds since the machine was started; sleep counts where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def boot_identity(file: Path = Path("/proc/sys/kernel/random/boot_id")) -> float:
    """Return a whole number that names this start of the machine; 0 on systems that do not tell."""
    try:
        text = file.read_text().strip()
    except OSError:
        return 0.0
    # 6 bytes: it is stored as a double, which holds whole numbers up to 53 bits exactly.
    return float(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")) if text else 0.0


def kernel_synchronised(clock: Callable[[], float] = time.time) -> bool:
    """Return whether the kernel's clock is kept by NTP or the like, and is the clock that this process sees."""
    try:
        buffer = (ctypes.c_long * 64)()
        ask = ctypes.CDLL(None).adjtimex
        ask(ctypes.byref(buffer))
    except (OSError, AttributeError):
        return False
    # ``status`` is an int in the middle of struct timex, so it is read where the compiler aligns it (adjtimex(2)).
    status = ctypes.c_int.from_buffer(buffer, _STATUS_AT * ctypes.sizeof(ctypes.c_long)).value
    return not status & _STA_UNSYNC and abs(buffer[_SECONDS_AT] - clock()) <= _KERNEL_SECONDS


def gateway_seconds(reading: Reading) -> float | None:
    """Return the gateway's own time in a reading, epoch seconds; None when it says none that can be understood."""
    newest: float | None = None
    for meter in reading.aggregates.values():
        written = meter.get("last_communication_time") if isinstance(meter, Mapping) else None
        if not isinstance(written, str) or len(written) > 64:
            continue
        try:
            moment = datetime.fromisoformat(written)
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
        newest = seconds if newest is None else max(newest, seconds)
    return newest


class ClockWitnesses:
    """Remembers what the kernel and the gateways say about the clock. Shared by all gateways of a server and threads.

    All offsets are what one must add to the steady clock to get epoch seconds.
    """

    def __init__(
        self, steady: Callable[[], float] = steady_seconds, synchronised: Callable[[], bool] = kernel_synchronised
    ) -> None:
        self.steady = steady
        self._ask_kernel = synchronised
        self._lock = threading.Lock()
        self._asked: tuple[float, bool] | None = None
        self._first: dict[str, tuple[float, float]] = {}  # gateway -> (steady, offset) since when it goes evenly
        self._heard: dict[str, tuple[float, float, bool]] = {}  # gateway -> (steady, offset, alive) of its last

    def hear(self, gateway: str, seconds: float | None, steady: float) -> None:
        """Take what a gateway's clock said; ``steady``: when."""
        if seconds is None:
            return
        offset = seconds - steady
        with self._lock:
            since, at_first = self._first.get(gateway, (steady, offset))
            elapsed = steady - since
            # One that stands still falls behind by all of the time that passes.
            even = elapsed >= 0.0 and abs(offset - at_first) <= min(_EVEN_SECONDS, 1.0 + elapsed / 2.0)
            if not even:
                since, at_first = steady, offset
            self._first[gateway] = (since, at_first)
            self._heard[gateway] = (steady, offset, even and elapsed >= _ALIVE_SECONDS)

    def offset_of(self, gateway: str) -> float | None:
        """Return the living clock of one gateway; None when it has none."""
        with self._lock:
            heard = self._heard.get(gateway)
        return heard[1] if heard is not None and heard[2] else None

    def vouch(self, offset: float) -> bool:
        """Say whether the kernel or a gateway supports this offset, which is that of the machine's clock."""
        now = self.steady()
        # The answer is remembered for some seconds, because every gateway asks at every poll.
        if self._asked is None or abs(now - self._asked[0]) > _SYNCHRONISED_FOR_SECONDS:
            self._asked = (now, self._ask_kernel())
        return self._asked[1] or self._gateway_near(offset)

    def support(self, offset: float) -> bool:
        """Say whether a living gateway clock supports this offset, which is not that of the machine's clock."""
        return self._gateway_near(offset, True)

    def object(self, offset: float) -> bool:
        """Say whether every living gateway clock contradicts this offset."""
        return any(alive for _, _, alive in self._recent()) and not self._gateway_near(offset, True)

    def changed(self) -> None:
        """Ask the kernel anew: the clock has just been set."""
        self._asked = None

    def _recent(self) -> list[tuple[float, float, bool]]:
        now = self.steady()
        with self._lock:
            return [heard for heard in self._heard.values() if now - heard[0] <= _GATEWAY_SPEAKS_FOR_SECONDS]

    def _gateway_near(self, offset: float, alive: bool = False) -> bool:
        return any(
            abs(heard - offset) <= AGREE_SECONDS and (living or not alive) for _, heard, living in self._recent()
        )
