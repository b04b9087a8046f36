"""Write the generated part of docs/configuration.md: ``python -m pwserver.config.settings_page FILE``."""

from __future__ import annotations

import sys

from pwserver.config.setting import SECTIONS, Setting
from pwserver.config.settings import SETTINGS
from pwserver.generated_page import rewrite

START = (
    "<!-- generated from pwserver/config/settings.py by `python -m pwserver.config.settings_page`; edit above only -->"
)


def reference() -> str:
    """Write all settings as Markdown, one table a section."""
    lines: list[str] = []
    for section in SECTIONS:
        lines += [f"### {section}", "", "| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
        lines += [_row(setting) for setting in SETTINGS if setting.section == section]
        lines.append("")
    return "\n".join(lines)


def _row(setting: Setting) -> str:
    names = "<br>".join(f"`{name}`" for name in (setting.name, *setting.aliases))
    default = setting.default_text
    if not setting.default_note and setting.default is not None:
        default = f"`{default}`" + (f" {setting.unit}" if setting.unit else "")
    meaning = setting.help
    if setting.kind.allowed:
        meaning += f" Allowed: {setting.kind.allowed}."
    if setting.above_is_maximum:
        meaning += " A larger number counts as the largest one."
    if setting.bad_value_is_default:
        meaning += " *Lenient.*"
    if setting.secret:
        meaning += " *Secret.*"
    names += f"<br>`{setting.flags[0]}`"
    return "| " + " | ".join(_cell(text) for text in (names, setting.kind.word, default, meaning)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*.", "\\*.")


if __name__ == "__main__":
    rewrite(sys.argv[1], START, reference())
