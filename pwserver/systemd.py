"""Give systemd what it asks of a service: readiness, a watchdog, inherited sockets. Without systemd nothing is done."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

FIRST_SOCKET = 3  # systemd passes sockets as descriptors from here on


def notify(*states: str) -> bool:
    """Send states such as ``notify("READY=1", "STATUS=2 workers")`` to the service manager; False without one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a manager that does not listen must not stop the supervisor
            # A leading @ stands for the zero byte of Linux's abstract sockets (sd_notify(3)).
            sender.sendto("\n".join(states).encode(), address.replace("@", "\0", 1))
    except OSError:
        return False
    return True


class Watchdog:
    """Keeps the unit's ``WatchdogSec=`` quiet, three times per period, as long as the caller says that all is well."""

    def __init__(self) -> None:
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.pause_seconds = int(microseconds) / 3e6 if ours and microseconds.isdecimal() else 0.0
        self._next = 0.0

    def due(self) -> bool:
        """Tell whether it is time for the next sign of life; never without a watchdog."""
        return self.pause_seconds > 0 and time.monotonic() >= self._next

    def feed(self) -> None:
        """Tell the manager that all is well: it waits another period."""
        self._next = time.monotonic() + self.pause_seconds
        notify("WATCHDOG=1")


def inherited_socket(environ: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """Return the listening TCP socket of a ``.socket`` unit; None without one. OSError when it is of another kind.

    The variables are removed, so that no program that is started from here takes them for its own.
    """
    meant, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if meant != str(os.getpid()) or not count.isdecimal() or int(count) < 1:
        return None
    if int(count) > 1:
        raise OSError(f"systemd passed {count} sockets, one is wanted")
    listener = socket.socket(fileno=FIRST_SOCKET)
    tcp = listener.family in (socket.AF_INET, socket.AF_INET6) and listener.type == socket.SOCK_STREAM
    if not tcp or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.detach()  # not closed: the descriptor may belong to something else in this process
        raise OSError("the socket systemd passed is not a listening TCP socket (ListenStream=PORT)")
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener
