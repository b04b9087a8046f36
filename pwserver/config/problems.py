"""The one exception a configuration can raise."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigError(Exception):
    """Everything that is wrong with a configuration. No problem text contains a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """All problems as one readable message."""
        count = len(self.problems)
        head = "The configuration has a problem:" if count == 1 else f"The configuration has {count} problems:"
        return "\n".join([head, *(f"  - {problem}" for problem in self.problems)])
