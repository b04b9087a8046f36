"""Hold the compiled hot path. Nothing here knows about Tesla policy, and nothing here imports from ``pwserver``."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

from pwserver_ext.modules import MODULES


def compiled() -> dict[str, bool]:
    """Say for each listed module whether an import takes the compiled one.

    A module that is not there at all is ``False`` too. Nothing is imported by asking.
    """
    answer = {}
    for name in MODULES:
        spec = find_spec(f"pwserver_ext.{name}")
        origin = spec.origin if spec is not None else None
        answer[name] = origin is not None and origin.endswith(tuple(EXTENSION_SUFFIXES))
    return answer
