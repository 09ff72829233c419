"""Shapes of a panel as SVG text: what `draw` puts together. Lengths are pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from grafana.scales import elapsed, moments, tick_labels

TEXT, FAINT, GRID, EDGE, PAPER, GROUND = "#1c2430", "#566070", "#e3e7ec", "#ccd3db", "#ffffff", "#f3f5f8"
SERIES = (
    *("#1f60c4", "#c2570c", "#2b7a3d", "#b3261e", "#6d3fb0", "#00737d", "#8a6d00", "#ad1a72"),
    *("#4a5560", "#7a4a2b", "#3d8bd4", "#5b8c00"),
)
"""Each at least 3:1 on white."""
NAMED = {"green": "#2b7a3d", "orange": "#b8520a", "red": "#b3261e", "blue": "#1f60c4", "yellow": "#8a6d00"}
CHARACTER = 6.1
"""About how wide one of 11 px is."""


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    w: float
    h: float

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h


def text(
    x: float, y: float, says: str, size: int = 11, colour: str = TEXT, anchor: str = "start", weight: int = 400
) -> str:
    """One line of text; ``y`` is its base line."""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    at = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{at}{bold}>{escape(says)}</text>'


def rect(box: Box, fill: str, *, stroke: str | None = None, round_px: float = 0) -> str:
    """A filled rectangle."""
    edge = f' stroke="{stroke}"' if stroke else ""
    corner = f' rx="{round_px:g}"' if round_px else ""
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}" fill="{fill}"{edge}{corner}/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    """A thin straight line."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'


def polyline(points: Sequence[tuple[float, float]], colour: str) -> str:
    """A curve; a lonely point is a dot."""
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2" fill="{colour}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>'


def value_axis(plot: Box, values: Sequence[float], unit: str) -> str:
    """Grid lines and labels at these values; the last one is the plot's upper edge."""
    parts = []
    for value, says in zip(values, tick_labels(values, unit), strict=True):
        y = plot.bottom - plot.h * value / values[-1]
        parts += [line(plot.x, y, plot.x + plot.w, y, GRID), text(plot.x - 6, y + 4, says, 11, FAINT, "end")]
    return "".join(parts)


def time_axis(plot: Box, span_s: float) -> str:
    """Moments under the plot."""
    parts = []
    for moment in moments(span_s, max(2, int(plot.w / 70))):
        x = plot.x + plot.w * moment / span_s
        parts.append(line(x, plot.bottom, x, plot.bottom + 4, EDGE))
        parts.append(text(x, plot.bottom + 16, elapsed(moment), 11, FAINT, "middle"))
    return "".join(parts)


def legend_lines(entries: Sequence[tuple[str, str]], width: float, most: int = 3) -> list[list[tuple[str, str]]]:
    """(colour, words) in lines of at most ``width``. What does not fit into ``most`` lines is counted in the last."""
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0.0
    for no, (colour, says) in enumerate(entries):
        takes = entry_width(says)
        if lines[-1] and used + takes > width:
            if len(lines) == most:
                lines[-1][-1] = (FAINT, f"and {len(entries) - no + 1} more")
                break
            lines.append([])
            used = 0.0
        lines[-1].append((colour, says))
        used += takes
    return lines if entries else []


def legend(box: Box, lines: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Swatches with words."""
    parts = []
    for no, entries in enumerate(lines):
        x, y = box.x, box.y + 16 * no
        for colour, says in entries:
            parts.append(rect(Box(x, y - 8, 12, 8), colour, round_px=2))
            parts.append(text(x + 17, y, says, 11))
            x += entry_width(says)
    return "".join(parts)


def entry_width(says: str) -> float:
    """How wide an entry of a legend is, with the space behind it."""
    return 17 + CHARACTER * len(says) + 14
