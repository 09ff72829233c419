"""A dashboard's JSON and the answers to its queries as one SVG: what Grafana would show, in plain lines.

Knows the kinds of panel that our dashboards have: time series as lines and as stacked bars, stat, heat map, state
time line, and the row between them.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from grafana import canvas
from grafana.canvas import FAINT, NAMED, SERIES, TEXT, Box, line, polyline, rect, text
from grafana.scales import tick_labels, ticks, written

WIDTH, UNIT, GAP, HEAD = 1440, 30, 8, 84
"""Pixels: the picture, one row of Grafana's grid, the space between panels, and the head."""
COLUMNS = 24
STILL_NAMED = 2
"""How many series of a stack that stay at 0 are named; more are only counted."""
MANY_LINES = 8
"""Of more lines than these, those that stay at 0 are not drawn, as in a stack."""
FONTS = "system-ui, DejaVu Sans, Arial, sans-serif"


@dataclass(frozen=True)
class Curve:
    """One series of an answer: its labels, and (seconds since the left edge, value) where there is a value."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [(at, value) for at, value in self.points if math.isfinite(value)]


@dataclass(frozen=True)
class Span:
    """The time that is shown. ``step_s`` is between two points."""

    length_s: float
    step_s: float

    @property
    def window_s(self) -> float:
        """How far back each point of a rate looks."""
        return 6 * self.step_s


Answers = Mapping[str, Sequence[Curve]]
"""The answer to each expression, as it stands in the dashboard."""


@dataclass(frozen=True)
class _Named:
    says: str
    points: list[tuple[float, float]]


def draw(board: Mapping[str, Any], answers: Answers, span: Span, says: str) -> str:
    """The dashboard as SVG. ``says`` stands at its head: whose traffic this is."""
    panels = board["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = HEAD + rows * (UNIT + GAP) + GAP
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONTS}" role="img">',
        f"<title>{escape(board['title'])}: {escape(says)}</title>",
        rect(Box(0, 0, WIDTH, height), canvas.GROUND),
        text(GAP * 2, 36, board["title"], 24, weight=600),
        text(GAP * 2, 62, f"{says}. Time runs from the left in minutes and seconds.", 14, FAINT),
        *(_panel(panel, answers, span) for panel in panels),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _panel(panel: Mapping[str, Any], answers: Answers, span: Span) -> str:
    grid = panel["gridPos"]
    column = (WIDTH - 2 * GAP) / COLUMNS
    box = Box(
        GAP + grid["x"] * column + GAP / 2,
        HEAD + grid["y"] * (UNIT + GAP),
        grid["w"] * column - GAP,
        grid["h"] * (UNIT + GAP) - GAP,
    )
    if panel["type"] == "row":
        return text(box.x + 2, box.bottom - 6, panel["title"], 16, weight=600)
    inner = Box(box.x + 12, box.y + 34, box.w - 24, box.h - 44)
    named = _named(panel, answers)
    shows = _KINDS[panel["type"]](panel, named, inner, span) if named else _nothing(panel, inner)
    title = text(box.x + 12, box.y + 21, panel["title"], _fitting(panel["title"], inner.w), weight=600)
    about = f"<title>{escape(panel.get('description', ''))}</title>"
    return f"<g>{about}{rect(box, canvas.PAPER, stroke=canvas.EDGE, round_px=3)}{title}\n{shows}</g>"


def _named(panel: Mapping[str, Any], answers: Answers) -> list[_Named]:
    return [
        _Named(_legend(target.get("legendFormat", ""), curve.labels), curve.finite)
        for target in panel["targets"]
        for curve in answers.get(target["expr"], ())
        if curve.finite
    ]


def _legend(template: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), template)


def _fitting(title: str, width: float) -> int:
    """The size at which it stays in the panel: a bold character is about six tenths as wide as it is high."""
    return max(9, min(13, int(width / (0.6 * len(title)))))


def _nothing(panel: Mapping[str, Any], inner: Box) -> str:
    why = _defaults(panel).get("noValue", "")
    says = f"no data: {why}" if why else "no data"
    return text(inner.x + inner.w / 2, inner.y + inner.h / 2, says, 13, FAINT, "middle")


def _series(panel: Mapping[str, Any], named: Sequence[_Named], inner: Box, span: Span) -> str:
    custom = _defaults(panel).get("custom", {})
    bars = custom.get("drawStyle") == "bars"
    # What never moved in a stack has no bar, and of many lines at 0 only the last one would be seen.
    leave_out = bars or len(named) > MANY_LINES
    moved = [one for one in named if not leave_out or any(value for _, value in one.points)]
    still = [one for one in named if one not in moved]
    unit, decimals = _defaults(panel).get("unit", "short"), _defaults(panel).get("decimals")
    entries = [
        (SERIES[no % len(SERIES)], f"{one.says} {written(one.points[-1][1], unit, decimals)}".strip())
        for no, one in enumerate(moved)
    ]
    if len(still) > STILL_NAMED:
        entries.append((canvas.EDGE, f"{len(still)} more stay at 0" if moved else f"all {len(still)} stay at 0"))
    else:
        entries += [(canvas.EDGE, f"{one.says} {written(0, unit, decimals)}".strip()) for one in still]
    lines = canvas.legend_lines(entries, inner.w)
    limits = _limits(panel)
    tall = inner.h - 28 - 16 * len(lines)
    axis = ticks(_most(moved, limits, stacked=bars), unit, 4 if tall > 110 else 3)
    left = max(44, canvas.CHARACTER * max(map(len, tick_labels(axis, unit))) + 10)
    plot = Box(inner.x + left, inner.y + 4, inner.w - left - 8, tall)
    parts = [canvas.value_axis(plot, axis, unit), canvas.time_axis(plot, span.length_s)]
    parts += [_bars(moved, plot, axis[-1], span)] if bars else _lines(moved, plot, axis[-1], span)
    for value, colour in limits:
        y = plot.bottom - plot.h * value / axis[-1]
        if value <= axis[-1]:
            parts.append(line(plot.x, y, plot.x + plot.w, y, colour, dashed=True))
    parts.append(canvas.legend(Box(inner.x, plot.bottom + 36, inner.w, 0), lines))
    return "\n".join(parts)


def _most(named: Sequence[_Named], limits: Sequence[tuple[float, str]], *, stacked: bool) -> float:
    sums: dict[float, float] = {}
    for one in named:
        for at, value in one.points:
            sums[at] = sums.get(at, 0.0) + value if stacked else max(sums.get(at, 0.0), value)
    highest = max(sums.values(), default=0.0)
    # A limit that is far above what happened would flatten it.
    near = [value for value, _ in limits if value <= 2 * highest]
    return max([highest, *near])


def _limits(panel: Mapping[str, Any]) -> list[tuple[float, str]]:
    field = _defaults(panel)
    if field.get("custom", {}).get("thresholdsStyle", {}).get("mode", "off") == "off":
        return []
    return [(s["value"], _colour(s["color"])) for s in field["thresholds"]["steps"] if s["value"] is not None]


def _lines(named: Sequence[_Named], plot: Box, most: float, span: Span) -> list[str]:
    parts = []
    for no, one in enumerate(named):
        piece: list[tuple[float, float]] = []
        before = -math.inf
        for at, value in one.points:
            # A point that is missing is a gap, as in Grafana.
            if at - before > 1.5 * span.step_s and piece:
                parts.append(polyline(piece, SERIES[no % len(SERIES)]))
                piece = []
            piece.append((plot.x + plot.w * at / span.length_s, plot.bottom - plot.h * min(1.0, value / most)))
            before = at
        parts.append(polyline(piece, SERIES[no % len(SERIES)]))
    return parts


def _bars(named: Sequence[_Named], plot: Box, most: float, span: Span) -> str:
    stood: dict[float, float] = {}
    parts = []
    wide = plot.w * span.step_s / span.length_s * 0.8
    for no, one in enumerate(named):
        path = []
        for at, value in one.points:
            if value <= 0:
                continue
            low = stood.get(at, 0.0)
            stood[at] = low + value
            # A point tells of the time before it.
            x = max(plot.x, plot.x + plot.w * at / span.length_s - wide)
            top, tall = plot.bottom - plot.h * stood[at] / most, plot.h * value / most
            path.append(f"M{x:.1f},{top:.1f}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z")
        parts.append(f'<path d="{"".join(path)}" fill="{SERIES[no % len(SERIES)]}"/>')
    return "".join(parts)


def _stat(panel: Mapping[str, Any], named: Sequence[_Named], inner: Box, span: Span) -> str:
    unit, decimals = _defaults(panel).get("unit", "short"), _defaults(panel).get("decimals")
    with_names = panel.get("options", {}).get("textMode") == "value_and_name" and any(one.says for one in named)
    size = 34 if len(named) == 1 else max(13, 26 - 4 * len(named))
    tall = inner.h / len(named)
    parts = []
    for no, one in enumerate(named):
        value = one.points[-1][1]
        says, colour = _state(panel, value) or (written(value, unit, decimals), _step_colour(panel, value))
        shown = f"{one.says}: {says}" if with_names and len(named) > 1 else says
        middle = inner.y + tall * (no + 0.5)
        parts.append(text(inner.x + inner.w / 2, middle + size * 0.35, shown, size, colour, "middle", 600))
        if with_names and len(named) == 1:
            parts.append(text(inner.x + inner.w / 2, middle + size * 0.35 + 20, one.says, 12, FAINT, "middle"))
    return "".join(parts)


def _heatmap(panel: Mapping[str, Any], named: Sequence[_Named], inner: Box, span: Span) -> str:
    buckets = sorted((math.inf if one.says == "+Inf" else float(one.says), dict(one.points)) for one in named)
    cells: list[tuple[int, float, float]] = []
    under: dict[float, float] = {}
    for row, (_, points) in enumerate(buckets):
        cells += [(row, at, value - under.get(at, 0.0)) for at, value in points.items()]
        under = points
    # Increases are estimates: less than a hundredth of a request is none.
    cells = [cell for cell in cells if cell[2] > 0.01]
    if not cells:
        return _nothing(panel, inner)
    most = max(count for *_, count in cells)
    plot = Box(inner.x + 58, inner.y + 4, inner.w - 66, inner.h - 44)
    tall, wide = plot.h / len(buckets), plot.w * span.step_s / span.length_s
    unit = _defaults(panel).get("unit", "short")
    parts = [canvas.time_axis(plot, span.length_s)]
    for row, (upper, _) in enumerate(buckets):
        says = "more" if math.isinf(upper) else f"≤ {written(upper, unit)}"
        parts.append(text(plot.x - 6, plot.bottom - tall * (row + 0.5) + 4, says, 10, FAINT, "end"))
        parts.append(line(plot.x, plot.bottom - tall * row, plot.x + plot.w, plot.bottom - tall * row, canvas.GRID))
    for row, at, count in cells:
        x = max(plot.x, plot.x + plot.w * at / span.length_s - wide)
        cell = Box(x, plot.bottom - tall * (row + 1) + 0.5, max(1.0, wide - 1), tall - 1)
        parts.append(rect(cell, _shade(count / most)))
    within = f"in {span.window_s:g} s"
    scale = [(_shade(min(1.0, 1 / most)), f"1 {within}"), (_shade(1.0), f"{most:.0f} {within}")]
    parts.append(canvas.legend(Box(inner.x, plot.bottom + 36, inner.w, 0), [scale]))
    return "".join(parts)


def _shade(share: float) -> str:
    deep = max(0.0, min(1.0, share)) ** 0.5
    light, dark = (200, 220, 245), (15, 55, 130)
    return "#" + "".join(f"{round(a + (b - a) * deep):02x}" for a, b in zip(light, dark, strict=True))


def _states(panel: Mapping[str, Any], named: Sequence[_Named], inner: Box, span: Span) -> str:
    wide = min(inner.w * 0.35, max(len(one.says) for one in named) * canvas.CHARACTER + 12)
    plot = Box(inner.x + wide, inner.y + 4, inner.w - wide - 8, inner.h - 28)
    tall = plot.h / len(named)
    parts = [canvas.time_axis(plot, span.length_s)]
    for no, one in enumerate(named):
        y = plot.y + tall * no + tall * 0.1
        parts.append(text(plot.x - 8, y + tall * 0.4 + 4, one.says, 11, TEXT, "end"))
        for start, end, value in _stretches(one.points, span.step_s):
            says, colour = _state(panel, value) or (written(value, "short"), FAINT)
            x, end_x = (plot.x + plot.w * min(1.0, at / span.length_s) for at in (start, end))
            parts.append(rect(Box(x, y, max(1.0, end_x - x), tall * 0.8), colour))
            if end_x - x > len(says) * canvas.CHARACTER + 8:
                parts.append(text(x + 6, y + tall * 0.4 + 4, says, 11, canvas.PAPER))
    return "".join(parts)


def _stretches(points: Sequence[tuple[float, float]], step_s: float) -> list[tuple[float, float, float]]:
    """(from, until, value) for each stretch of one value."""
    found: list[tuple[float, float, float]] = []
    for at, value in points:
        if found and found[-1][2] == value and at - found[-1][1] <= step_s * 0.5:
            found[-1] = (found[-1][0], at + step_s, value)
        else:
            found.append((at, at + step_s, value))
    return found


def _state(panel: Mapping[str, Any], value: float) -> tuple[str, str] | None:
    """What a value is called and its colour, where the panel has words for it."""
    for mapping in _defaults(panel).get("mappings", ()):
        said = mapping["options"].get(f"{value:g}") if mapping["type"] == "value" else None
        if said:
            return said["text"], _colour(said["color"])
    return None


def _step_colour(panel: Mapping[str, Any], value: float) -> str:
    steps = _defaults(panel)["thresholds"]["steps"]
    return _colour([step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1])


def _colour(name: str) -> str:
    return NAMED.get(name, TEXT)


def _defaults(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = panel["fieldConfig"]["defaults"]
    return found


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Sequence[_Named], Box, Span], str]] = {
    "timeseries": _series,
    "stat": _stat,
    "heatmap": _heatmap,
    "state-timeline": _states,
}
