"""Rewrite the generated part of a page: from its marker to its end mark, or to the end of the page."""

from __future__ import annotations

from pathlib import Path

END = "<!-- generated up to here -->"


def with_generated(page: str, marker: str, generated: str) -> str:
    """Return ``page`` with the part behind ``marker`` replaced by ``generated``. ValueError without the marker."""
    introduction, found, rest = page.partition(marker)
    if not found:
        raise ValueError("the page has no marker for the generated part")
    _, end, after = rest.partition(END)
    return f"{introduction}{marker}\n\n{generated}" + (f"\n{end}{after}" if end else "")


def rewrite(path: str, marker: str, generated: str) -> None:
    """Replace the generated part of the page at ``path``."""
    page = Path(path)
    page.write_text(with_generated(page.read_text("utf-8"), marker, generated), "utf-8")
