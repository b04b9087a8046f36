"""Read the files with Tesla logins that ``--setup`` and pypowerwall write, and say why one cannot be used.

Nothing of what they hold is kept or told here, except the name of an account.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.regular_file import read_regular

FLEETAPI_FILE: Final = ".pypowerwall.fleetapi"
CLOUD_FILE: Final = ".pypowerwall.auth"
LARGEST_LOGIN_FILE_BYTES: Final = 1_000_000  # real ones have a few kilobytes


class LoginFileProblem(Exception):
    """Says why a login file cannot be used. The text names file, user, mode and remedy; ``missing``: there is none."""

    def __init__(self, path: str, text: str, *, missing: bool = False) -> None:
        self.path = path
        self.missing = missing
        super().__init__(text)


def is_there(path: str) -> bool:
    """Tell whether there is such a file, or something in the way of looking for it."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        # A dangling link was put there on purpose: it is reported as a broken login, not as a missing one.
        return os.path.islink(path)
    except (OSError, ValueError):
        return True
    return True


def read_login(path: str) -> JsonObject:
    """Return the object in a login file. Raises LoginFileProblem."""
    name = os.path.basename(path)
    try:
        text = read_regular(path, LARGEST_LOGIN_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            raise LoginFileProblem(path, f"{name} is a link to a file that does not exist; {_ANEW}") from None
        text_missing = f"there is no {name} in the folder of logins (PW_AUTH_PATH); log in to Tesla: pwserver --setup"
        raise LoginFileProblem(path, text_missing, missing=True) from None
    except PermissionError:
        raise LoginFileProblem(path, f"{name} cannot be read by {this_user()}: {_who_may(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise LoginFileProblem(path, f"{name} cannot be read by {this_user()} ({reason}); {_ANEW}") from None
    return _content(path, name, text)


_ANEW: Final = "write it anew: pwserver --setup"


def _content(path: str, name: str, text: bytes) -> JsonObject:
    if not text.strip():
        raise LoginFileProblem(path, f"{name} is empty ({_mode_and_owner(path)}); {_ANEW}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        text_damaged = f"{name} is damaged: it holds no JSON ({_mode_and_owner(path)}); {_ANEW}"
        raise LoginFileProblem(path, text_damaged) from None
    if not isinstance(found, dict) or not found:
        raise LoginFileProblem(path, f"{name} holds no login ({_mode_and_owner(path)}); {_ANEW}")
    return found


def first_account(content: JsonObject) -> str | None:
    """Return the first account of a cloud login file, None when it names none."""
    return next((name for name in content if "@" in name), None)


def this_user() -> str:
    """Name the user this process runs as."""
    number = os.geteuid()
    return f"user {_user_name(number)} (uid {number})"


def _who_may(path: str) -> str:
    """Say who may read ``path`` and how to change that; of a folder on the way if that is what stops us."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.access(folder, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        above = os.path.dirname(folder)
        if above == folder or os.access(above, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return f"its folder {_mode_and_owner(folder)} lets no other user in; {_CHOWN.format(what='the folder')}"
        folder = above
    return f"it {_mode_and_owner(path)}; {_CHOWN.format(what='the file')}"


_CHOWN: Final = "give {what} to that user (chown), or run pwserver as its owner"


def _mode_and_owner(path: str) -> str:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return "cannot be looked at"
    return f"belongs to {_user_name(found.st_uid)} with mode {stat.S_IMODE(found.st_mode):04o}"


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
