"""Define the one exception that reading a configuration can raise."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigError(Exception):
    """Says everything that is wrong with a configuration. No text contains a secret.

    It has the warnings, too, because one may name the reason: a misspelt setting is ignored with a warning, and its
    absence is the problem.
    """

    def __init__(self, problems: Sequence[str], warnings: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """Write problems and warnings as one readable message."""
        count = len(self.problems)
        head = "The configuration has a problem:" if count == 1 else f"The configuration has {count} problems:"
        lines = [head, *(f"  - {problem}" for problem in self.problems)]
        if self.warnings:
            lines += ["Also:", *(f"  - {warning}" for warning in self.warnings)]
        return "\n".join(lines)
