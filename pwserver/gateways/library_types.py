"""Name the objects of pypowerwall. The library has no types, so that a type checker lets everything be done with them.

Only ``library_internals.py`` may use what is private of these classes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Powerwall: TypeAlias = Any  # pypowerwall.Powerwall, of every mode
TEDAPI: TypeAlias = Any  # pypowerwall.tedapi.TEDAPI
