"""One row of the settings table, and how a field of a dataclass becomes one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pwserver.config.kinds import Bool, Kind
from pwserver.config.number_kinds import Int
from pwserver.records import record

MASK = "**********"  # always this long, so that it says nothing about the length of a secret

# Sections, in the order of --help and the documentation.
GATEWAY, POLLING, DATA, SERVER = "Gateway", "Polling and robustness", "Data", "Server"
CONTROL, LIMITS, HISTORY, VALUE, MQTT, REPLICA = "Control", "Limits", "History", "Value", "MQTT", "Replicas"
NOTICES = "Notices"
SECTIONS = (GATEWAY, POLLING, DATA, SERVER, CONTROL, LIMITS, HISTORY, VALUE, NOTICES, MQTT, REPLICA)

DAY_SECONDS = 86400.0

_ROW = "setting"  # the key of the row in the metadata of a field

Parsed = TypeVar("Parsed")
Default = TypeVar("Default")


@record(frozen=True)
class Setting:
    """Describes a setting: where it may come from, what it may be, what it is for.

    ``secret`` values (passwords, tokens, keys) appear in no log line, message, listing or answer, however they are
    encoded. ``private`` ones (login names, folders, files) are masked in what clients can read, but are no secrets in
    the owner's own log and in ``check-config``.
    """

    name: str  # of the environment variable
    kind: Kind[Any]
    default: object
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
    above_is_maximum: bool = False  # the predecessors had no maximum: a larger number counts as ours, with a warning
    # From a number that is out of range to the one used instead; None, or no such function: an error.
    repair: Callable[[float], float | None] | None = None
    part: str = ""  # the member of Settings that holds the value
    field: str = ""  # the field of that part

    @property
    def flags(self) -> tuple[str, ...]:
        """Name the flags, such as ``--cache-expire``; a yes/no setting also has ``--no-cache-expire``."""
        if self.flag_names:
            return self.flag_names
        return ("--" + self.name.removeprefix("PW_").lower().replace("_", "-"),)

    @property
    def off_flags(self) -> tuple[str, ...]:
        """Name the flags that say no; empty where the setting is not a yes/no one."""
        return tuple("--no-" + flag[2:] for flag in self.flags) if self.is_switch else ()

    @property
    def is_switch(self) -> bool:
        """Tell whether the setting is a yes/no one."""
        return isinstance(self.kind, Bool)

    @property
    def file_key(self) -> str | None:
        """Name the key in the file's ``server:`` block; None when the setting may not stand there."""
        if not self.in_file:
            return None
        return self.file_name or self.name.removeprefix("PW_").lower()

    @property
    def file_keys(self) -> tuple[str, ...]:
        """Name all keys that mean this setting in the file: its own, its variables, and these without ``PW_``.

        What an owner writes there may decide who can reach the server, so no name of a setting is ignored.
        """
        if self.file_key is None:
            return ()
        variables = [name.lower() for name in (self.name, *self.aliases)]
        return tuple(dict.fromkeys([self.file_key, *(name.removeprefix("pw_") for name in variables), *variables]))

    @property
    def default_text(self) -> str:
        """Write the default for readers."""
        if self.default_note:
            return self.default_note
        return "not set" if self.default is None else self.kind.format(self.default)

    def repaired(self, number: float) -> object | None:
        """Return what is used instead of a number out of range; None where nothing is close to what was meant."""
        instead = self.repair(number) if self.repair else None
        if instead is None and self.above_is_maximum and isinstance(self.kind, Int) and number > self.kind.maximum:
            return self.kind.maximum
        return instead

    def text(self, value: object) -> str:
        """Write ``value`` for the person who runs the server; a secret is masked."""
        if value is None:
            return self.default_note or "not set"
        return MASK if self.secret else self.kind.format(value)


def setting(name: str, kind: Kind[Parsed], default: Default, section: str, help: str, **more: Any) -> Parsed | Default:
    """Declare a field of a dataclass as a row of the settings table. ``more``: further members of :class:`Setting`.

    The declared result is the type of the value, so that the type checker compares the field with its kind and its
    default, as it does for ``dataclasses.field``.
    """
    row = Setting(name, kind, default, section, help, **more)
    shown = not (row.secret or row.private)
    return cast("Parsed | Default", dataclasses.field(default=default, repr=shown, metadata={_ROW: row}))


def members_of(part: Any) -> dict[str, Any]:
    """Return the fields of a part by name, to make a dataclass that extends it."""
    return {each.name: getattr(part, each.name) for each in dataclasses.fields(part)}


def rows_of(part: str, holder: type) -> tuple[Setting, ...]:
    """Return the rows that the fields of ``holder`` declare; ``part`` is the member of Settings of that type."""
    found = ((each.name, each.metadata[_ROW]) for each in dataclasses.fields(holder) if _ROW in each.metadata)
    return tuple(dataclasses.replace(row, part=part, field=name) for name, row in found)
