"""Store Tesla's logins for the library: renewed ones are written safely, or kept while they cannot be.

Tesla gives a new refresh token with every renewal and soon forgets the old one. The library empties the file before it
writes, so a full disk would cost the owner the login; and it reads the file again when it connects, so a login that
could not be written would be lost with the connection.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
from typing import Any, Final

from pwserver.config.login_files import LoginFileProblem, read_login, this_user

log = logging.getLogger("pwserver.gateways")

Signature = tuple[int, int, int, int] | None  # of a file: when written, when changed in any way, size, inode
_MOST_KEPT: Final = 256  # as many as there can be gateways
_guard = threading.Lock()
# path -> (the newest login, which is not in the file; what the file looked like then)
_unwritten: dict[str, tuple[dict[str, Any], Signature]] = {}
_warned: set[str] = set()


def load(path: str) -> dict[str, Any]:
    """Return the newest login: the one that could not be written, else the file's. Raises LoginFileProblem."""
    path = os.path.abspath(path)
    with _guard:
        kept, before = _unwritten.get(path, (None, None))
        if kept is not None and before != signature(path):  # the owner has logged in anew
            del _unwritten[path]
            kept = None
    if kept is None:
        return read_login(path)
    save(path, kept)  # perhaps it can be by now
    return dict(kept)


def signature(path: str) -> Signature:
    """Return what changes when a file is written anew; None while it cannot be seen."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def save(path: str, content: dict[str, Any]) -> bool:
    """Write a login so that the file is always whole, and keep it in memory while that fails."""
    path = os.path.abspath(path)
    text = json.dumps(content, indent=4)
    try:
        _replace(path, text)
    except OSError as error:
        with _guard:
            if path in _unwritten or len(_unwritten) < _MOST_KEPT:
                _unwritten[path] = json.loads(text), signature(path)
        _warn(path, error.strerror or type(error).__name__)
        return False
    with _guard:
        _unwritten.pop(path, None)
        told = path in _warned
        _warned.discard(path)
    if told:
        log.info("%s can be written again; the renewed Tesla login is in it", path)
    return True


def warn_if_read_only(path: str) -> None:
    """Tell once, before it matters, that a renewed login could not be stored."""
    path = os.path.abspath(path)
    here = os.access in os.supports_effective_ids
    folder, file = (os.access(place, os.W_OK, effective_ids=here) for place in (os.path.dirname(path) or ".", path))
    if not folder and not file:
        _warn(path, "it may not be written")


def _warn(path: str, reason: str) -> None:
    with _guard:
        if path in _warned or len(_warned) >= _MOST_KEPT:
            return
        _warned.add(path)
    log.warning(
        "%s cannot be written by %s (%s): when Tesla renews the login, it lasts until pwserver ends, and then "
        "pwserver --setup is needed; make the file and its folder writable for that user",
        path,
        this_user(),
        reason,
    )


def _replace(path: str, text: str) -> None:
    """Put the new text in place in one step; where the folder allows no new file, write into the old one."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode & 0o777
    except FileNotFoundError:
        mode = 0o600
    try:
        number, name = tempfile.mkstemp(prefix=".pypowerwall.", suffix=".new", dir=os.path.dirname(target))
    except PermissionError:
        _overwrite(target, text)
        return
    try:
        with open(number, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode & 0o660)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _overwrite(target: str, text: str) -> None:
    """Write over an existing file, longer or shorter; a part of it can fail only when the disk is full."""
    data = text.encode()
    with open(target, "r+b") as stream:
        before = stream.read()
        stream.seek(0)
        try:
            stream.write(data.ljust(len(before), b" "))  # blanks behind JSON do no harm, and need no room
            stream.flush()
        except OSError:
            stream.seek(0)
            stream.write(before)
            raise
        stream.truncate(len(data))


__all__ = ["LoginFileProblem", "load", "save", "signature", "warn_if_read_only"]
