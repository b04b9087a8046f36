"""Store Tesla's logins for the library: write renewed ones safely, or keep them in memory while that fails.

Tesla issues a new refresh token with every renewal and soon invalidates the old one (RFC 6749 section 6 allows it). The
library empties the file before it writes, so a full disk would cost the owner the login. It also reads the file again
when it connects, so a login that could not be written would be lost with the connection.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
from typing import Final

from pwserver.config.login_files import LoginFileProblem, read_login, this_user
from pwserver.json_types import JsonObject

log = logging.getLogger("pwserver.gateways")

Signature = tuple[int, int, int, int] | None  # of a file: time of writing, time of any change, size, inode
_MOST_KEPT: Final = 256  # as many as there can be gateways

# These belong to the process and not to an object. The library is patched once per process, makes its sessions itself,
# and hands the patched methods nothing but the path of the file; and an unwritten login has to outlive the connection
# that renewed it, and be found by the next one and by other gateways that share the file.
_guard = threading.Lock()
_unwritten: dict[str, tuple[JsonObject, Signature]] = {}  # path -> newest login, and the file's signature then
_warned: set[str] = set()  # paths about which the log has a warning


def load(path: str) -> JsonObject:
    """Return the newest login: the one that could not be written, else the file's. Raises LoginFileProblem."""
    path = os.path.abspath(path)
    with _guard:
        kept, before = _unwritten.get(path, (None, None))
        if kept is not None and before != signature(path):  # the owner has logged in again since
            del _unwritten[path]
            kept = None
    if kept is None:
        return read_login(path)
    save(path, kept)  # the fault of the disk may be mended by now
    return dict(kept)


def signature(path: str) -> Signature:
    """Return a value that changes when a file is written or its permissions change; None while it is not visible."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def save(path: str, content: JsonObject) -> bool:
    """Write a login so that the file is complete at every moment; keep it in memory and return False if that fails."""
    path = os.path.abspath(path)
    text = json.dumps(content, indent=4)
    try:
        _replace(path, text)
    except OSError as error:
        with _guard:
            if path in _unwritten or len(_unwritten) < _MOST_KEPT:
                # A copy through JSON: the library goes on changing the object that it handed over.
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
    """Warn once, before it matters, that a renewed login could not be stored."""
    # Access is checked for the effective user where the system can, as that user opens files.
    path = os.path.abspath(path)
    here = os.access in os.supports_effective_ids
    folder, file = (os.access(place, os.W_OK, effective_ids=here) for place in (os.path.dirname(path) or ".", path))
    if not folder and not file:
        _warn(path, "no permission")


def _warn(path: str, reason: str) -> None:
    with _guard:
        if path in _warned or len(_warned) >= _MOST_KEPT:
            return
        _warned.add(path)
    log.warning(
        "%s cannot be written by %s (%s): a login that Tesla renews is lost when pwserver ends, and then "
        "pwserver --setup is needed; make the file and its folder writable for that user",
        path,
        this_user(),
        reason,
    )


def _replace(path: str, text: str) -> None:
    """Replace a file's content in one step; if the folder allows no new file, overwrite the old one."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode & 0o777
    except FileNotFoundError:
        mode = 0o600  # a login is for its owner only
    try:
        # In the same folder, as ``os.replace`` is atomic only within one file system.
        number, name = tempfile.mkstemp(prefix=".pypowerwall.", suffix=".new", dir=os.path.dirname(target))
    except PermissionError:
        _overwrite(target, text)
        return
    try:
        with open(number, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())  # before the renaming, or a power cut could leave an empty file under the name
        os.chmod(name, mode & 0o660)  # keep the owner's mode, but never leave a login readable for everyone
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _overwrite(target: str, text: str) -> None:
    """Overwrite an existing file without ever shortening it first, so that a full disk cannot empty it."""
    data = text.encode()
    with open(target, "r+b") as stream:
        before = stream.read()
        stream.seek(0)
        try:
            stream.write(data.ljust(len(before), b" "))  # blanks after JSON are harmless and need no room
            stream.flush()
        except OSError:
            stream.seek(0)
            stream.write(before)
            raise
        stream.truncate(len(data))


__all__ = ["LoginFileProblem", "load", "save", "signature", "warn_if_read_only"]
