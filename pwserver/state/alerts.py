"""Judge the alerts: name, severity, meaning in a sentence, since when."""

from __future__ import annotations

from dataclasses import dataclass

from pwserver.reading import Reading


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert. ``severity`` is "serious", "notice", "note" or "unknown"."""

    name: str
    severity: str = "unknown"
    meaning: str | None = None
    since: float | None = None  # epoch seconds at which this server first saw it


def judge_alerts(reading: Reading) -> tuple[Alert, ...] | None:
    """Return the active alerts sorted by name; None when the gateway did not tell."""
    if reading.alerts is None:
        return None
    return tuple(Alert(name) for name in sorted(set(map(str, reading.alerts))))
