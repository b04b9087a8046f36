"""Write families of metrics in the text formats of Prometheus: 0.0.4 and OpenMetrics 1.0.0.

prometheus_client writes the same bytes (a test compares them), but takes fifteen times as long, and for each format
anew. The formats differ in the lines above a family and in the end only, so the lines of the samples are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from pwserver.records import record

UNITS = ("watts", "joules", "volts", "amperes", "hertz", "celsius", "ratio", "seconds", "bytes")
_LARGEST_PLAIN = 6  # digits before the point; Go, whose form of numbers this is, writes more with an exponent

# The lines of each family's samples, in the order in which the families stand on the page.
Written = Sequence[tuple["FamilyText", str]]


@record(frozen=True, slots=True)
class FamilyText:
    """Holds what is always the same in the text of one family."""

    text_head: str
    openmetrics_head: str
    series: str  # the name and the labels of one sample, with a place for each value
    in_order: Callable[[Sequence[str]], Any]  # the values of the labels, in the alphabetical order of their names

    def lines(self, values: Mapping[tuple[str, ...], float]) -> str:
        """Return the lines of the samples, given as number by label values."""
        series, in_order = self.series, self.in_order
        return "".join(
            [
                f"{series % in_order([_escaped(label) for label in labels]) if labels else series} {_number(value)}\n"
                for labels, value in values.items()
            ]
        )


def family_text(name: str, kind: str, labels: Sequence[str], help_text: str) -> FamilyText:
    """Prepare one family. ``name`` as exposed, with ``_total`` or ``_info``; ``kind``: gauge, counter or info."""
    described = help_text.replace("\\", r"\\").replace("\n", r"\n")
    quoted = described.replace('"', r"\"")
    base = name.removesuffix("_info" if kind == "info" else "_total")
    unit = base.rpartition("_")[2]
    unit_line = f"# UNIT {base} {unit}\n" if kind != "info" and unit in UNITS else ""
    pairs = ",".join(f'{label}="%s"' for label in sorted(labels))
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return FamilyText(
        f"# HELP {name} {described}\n# TYPE {name} {'gauge' if kind == 'info' else kind}\n",
        f"# HELP {base} {quoted}\n# TYPE {base} {kind}\n{unit_line}",
        f"{name}{{{pairs}}}" if labels else name,
        itemgetter(*order) if len(order) > 1 else tuple,
    )


def text_of(written: Written) -> str:
    """Return the page in format 0.0.4."""
    return "".join([part for family, lines in written for part in (family.text_head, lines)])


def openmetrics_of(written: Written) -> str:
    """Return the page as OpenMetrics 1.0.0."""
    parts: Iterable[str] = (part for family, lines in written for part in (family.openmetrics_head, lines))
    return "".join([*parts, "# EOF\n"])


def _escaped(value: str) -> str:
    if '"' in value or "\\" in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _number(value: float) -> str:
    text = repr(value)
    point = text.find(".")
    if value > 0 and point > _LARGEST_PLAIN:
        digits = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0.")
        return f"{digits}e+{point - 1:02d}"
    return _UNUSUAL.get(text, text)


_UNUSUAL = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
