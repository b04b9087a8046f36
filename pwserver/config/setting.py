"""One row of the settings table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pwserver.config.kinds import Bool, Kind

MASK = "**********"  # always this long: the length of a secret is nobody's business


@dataclass(frozen=True)
class Setting:
    """A setting: where it may come from, what it may be, what it is for.

    ``secret`` values (passwords, tokens, keys) appear in no log line, message, listing or answer, however they are
    encoded. ``private`` ones (login names, folders, files) are masked in what clients can read, but are no secrets in
    the owner's own log and in ``check-config``.
    """

    name: str  # of the environment variable
    kind: Kind
    default: Any
    section: str
    help: str
    aliases: tuple[str, ...] = ()  # other environment variables of the same meaning; the name itself wins
    unit: str = ""
    secret: bool = False
    private: bool = False
    default_note: str = ""  # where the default is worked out, not a constant
    in_file: bool = True  # may stand in the file's "server:" block
    file_name: str = ""  # its key there, when not the derived one
    flag_names: tuple[str, ...] = ()  # command line flags, when not the derived one
    flag_constant: str = ""  # what the flag means without a value
    bad_value_is_default: bool = False  # the predecessors started with a warning; so do we
    repair: Callable[[float], Any] | None = None  # an out-of-range number to the one used instead, or None: an error

    @property
    def flags(self) -> tuple[str, ...]:
        """``--cache-expire``; a yes/no setting also has ``--no-cache-expire``."""
        if self.flag_names:
            return self.flag_names
        return ("--" + self.name.removeprefix("PW_").lower().replace("_", "-"),)

    @property
    def off_flags(self) -> tuple[str, ...]:
        return tuple("--no-" + flag[2:] for flag in self.flags) if self.is_switch else ()

    @property
    def is_switch(self) -> bool:
        return isinstance(self.kind, Bool)

    @property
    def file_key(self) -> str | None:
        """The key in the file's ``server:`` block; None when it may not stand there."""
        if not self.in_file:
            return None
        return self.file_name or self.name.removeprefix("PW_").lower()

    @property
    def default_text(self) -> str:
        """The default for readers."""
        if self.default_note:
            return self.default_note
        return "not set" if self.default is None else self.kind.format(self.default)

    def text(self, value: Any) -> str:
        """``value`` for the eyes of whoever runs the server; a secret is masked."""
        if value is None:
            return self.default_note or "not set"
        return MASK if self.secret else self.kind.format(value)
