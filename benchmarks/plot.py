"""A small line chart as SVG, without any library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, GAP = 720, 200, 60, 46
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568")


@dataclass(frozen=True)
class Line:
    """One named line of (x, y) points."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(panels: Sequence[tuple[str, Sequence[Line]]], x_label: str) -> str:
    """Panels one below the other; y axes begin at 0, so that what is flat looks flat."""
    height = len(panels) * (HEIGHT + GAP) + 20
    style = 'font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {style}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, lines) in enumerate(panels):
        parts += _panel(title, lines, number * (HEIGHT + GAP) + 24, x_label)
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, lines: Sequence[Line], top: float, x_label: str) -> list[str]:
    right = max((x for line in lines for x, _ in line.points), default=1.0) or 1.0
    high = max((y for line in lines for _, y in line.points), default=1.0) * 1.1 or 1.0
    bottom, inner = top + HEIGHT, WIDTH - LEFT - 110

    def place(x: float, y: float) -> str:
        return f"{LEFT + x / right * inner:.1f},{bottom - y / high * HEIGHT:.1f}"

    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for step in range(5):
        y = bottom - step / 4 * HEIGHT
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + inner}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{high * step / 4:.0f}</text>')
    for step in range(5):
        x = LEFT + step / 4 * inner
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{right * step / 4:.1f}</text>')
    parts.append(f'<text x="{LEFT + inner + 8}" y="{bottom + 14}">{escape(x_label)}</text>')
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in line.points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        y = top + 12 + 15 * number
        parts.append(f'<text x="{LEFT + inner + 8}" y="{y}" fill="{colour}">{escape(line.name)}</text>')
    return parts
