"""Open regular files without waiting, and refuse everything else.

Opening a FIFO waits for its other end, perhaps for ever, and opening a device can do something. So what lies under a
configured name is looked at first, opened without waiting, and looked at again.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a regular file and return its descriptor. OSError, whose ``strerror`` says what is there instead."""
    try:
        _check(os.stat(path).st_mode, path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, mode)
    try:
        _check(os.fstat(descriptor).st_mode, path)  # it may have been exchanged meanwhile
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError when ``path`` is no regular file, or one that cannot be read."""
    os.close(open_regular(path))


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the whole content of a regular file. OSError when it is longer than ``most_bytes``."""
    with open(open_regular(path), "rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"is longer than {most_bytes} bytes", str(path))
    return content


def _check(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(Path(path)))
