"""A dashboard drawn without Grafana shows what was answered, and says so where nothing was."""

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import grafana
from grafana.canvas import NAMED, SERIES, legend_lines
from grafana.draw import SAYS, substituted
from grafana.drawing import Curve, Span, draw
from grafana.scales import elapsed, moments, ticks, written

HERE = Path(grafana.__file__).parent
BOARDS = sorted((HERE / "dashboards").glob("*.json"))
SPAN = Span(60.0, 5.0)
SVG = "{http://www.w3.org/2000/svg}"


def panel(kind: str, expr: str, legend: str = "", **field: Any) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 0.9}]
    return {
        "type": kind,
        "title": f"A {kind}",
        "description": "Good is <less>.",
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "targets": [{"expr": expr, "legendFormat": legend}],
        "fieldConfig": {"defaults": {"unit": "short", "thresholds": {"steps": steps}, **field}},
        "options": {},
    }


def drawn(one: dict[str, Any], *curves: Curve) -> str:
    """The SVG of a dashboard with this one panel; it must be XML without NaN."""
    board = {"title": "Tiny & small", "panels": [one]}
    svg = draw(board, {one["targets"][0]["expr"]: curves}, SPAN, SAYS)
    ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert not any(word in svg for word in ("nan", "NaN", "inf,", ",inf", '"inf'))
    return svg


def words(svg: str) -> list[str]:
    """Every text that is shown."""
    return [found.text or "" for found in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


def curve(labels: dict[str, str], *values: float, every_s: float = 5.0) -> Curve:
    return Curve(labels, [(no * every_s, value) for no, value in enumerate(values)])


@pytest.mark.parametrize("style", ["line", "bars"])
def test_each_series_has_its_legend_with_the_last_value(style: str) -> None:
    one = panel("timeseries", "x", "{{buyer}} wins", unit="cpm", custom={"drawStyle": style})
    svg = drawn(one, curve({"buyer": "a<b"}, 1, 2, 3.5), curve({"buyer": "c"}, 4, 0, 12))
    assert {"a<b wins 3.5/min", "c wins 12/min"} <= set(words(svg))
    assert svg.count(SERIES[0]) >= 2
    assert svg.count(SERIES[1]) >= 2


def test_a_gap_and_a_value_that_is_no_number_break_the_line() -> None:
    one = panel("timeseries", "x", "{{buyer}}", custom={"drawStyle": "line"})
    svg = drawn(one, curve({"buyer": "a"}, 1, 2, math.nan, 3, 4, math.inf, math.nan, 5))
    assert svg.count("<polyline") == 2
    assert svg.count("<circle") == 1


def test_of_many_lines_those_that_stay_at_zero_are_only_counted_and_of_few_all_are_drawn() -> None:
    one = panel("timeseries", "x", "{{r}}", custom={"drawStyle": "line"})
    moved, still = curve({"r": "low"}, 0, 30), [curve({"r": f"never {no}"}, 0, 0) for no in range(8)]
    many, few = drawn(one, moved, *still), drawn(one, moved, *still[:7])
    assert (many.count("<polyline"), "8 more stay at 0" in words(many)) == (1, True)
    assert few.count("<polyline") == 8


def test_many_series_of_a_stack_that_stay_at_zero_are_only_counted() -> None:
    one = panel("timeseries", "x", "{{r}}", custom={"drawStyle": "bars"})
    svg = drawn(one, curve({"r": "low"}, 30), *(curve({"r": f"never {no}"}, 0) for no in range(9)))
    assert "9 more stay at 0" in words(svg)
    assert "never" not in " ".join(words(svg))


def test_bars_stand_on_each_other_and_one_that_stays_at_zero_is_named() -> None:
    one = panel("timeseries", "x", "{{r}}", custom={"drawStyle": "bars"})
    svg = drawn(one, curve({"r": "low"}, 30, 30), curve({"r": "never"}, 0, 0), curve({"r": "high"}, 70, 70))
    assert "never 0" in words(svg)
    tops = [path.attrib["d"] for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]  # noqa: S314
    low, high = (float(path.split(",")[1].split("h")[0]) for path in tops)
    height_of_low, height_of_high = (float(path.split("v")[1].split("h")[0]) for path in tops)
    assert high + height_of_high == pytest.approx(low, abs=0.2)
    assert height_of_high / height_of_low == pytest.approx(7 / 3, rel=0.01)


@pytest.mark.parametrize("kind", ["timeseries", "stat", "heatmap", "state-timeline"])
@pytest.mark.parametrize("values", [(), (math.nan, math.inf)])
def test_a_panel_without_a_number_says_that_there_is_no_data(kind: str, values: tuple[float, ...]) -> None:
    one = panel(kind, "x", "{{le}}", noValue="no calls")
    svg = drawn(one, *([curve({"le": "1"}, *values)] if values else []))
    assert "no data: no calls" in words(svg)


def test_a_stat_is_written_in_its_unit_and_the_colour_of_its_limit() -> None:
    good, bad = (drawn(panel("stat", "x", unit="percentunit"), curve({}, value)) for value in (0.425, 0.95))
    assert "42.5 %" in words(good)
    assert NAMED["green"] in good
    assert "95 %" in words(bad)
    assert NAMED["red"] in bad


def test_a_heat_map_shows_each_bucket_by_itself() -> None:
    # Cumulative buckets: two up to 1 s, none between 1 and 2 s, three above.
    answers = (curve({"le": "1"}, 2), curve({"le": "2"}, 2), curve({"le": "+Inf"}, 5))
    svg = drawn(panel("heatmap", "x", "{{le}}", unit="s"), *answers)
    assert {"≤ 1 s", "≤ 2 s", "more"} <= set(words(svg))
    assert svg.count("<title>") == 2
    cells = [found for found in ElementTree.fromstring(svg).iter(f"{SVG}rect") if "rx" not in found.attrib]  # noqa: S314
    assert len(cells) == 1 + 2  # the ground, and the two buckets with requests in them


def test_states_are_stretches_with_their_words() -> None:
    mappings = [
        {"type": "value", "options": {"0": {"text": "up", "color": "green"}, "1": {"text": "out", "color": "red"}}}
    ]
    svg = drawn(panel("state-timeline", "x", "{{i}}", mappings=mappings), curve({"i": "r1"}, 0, 0, 0, 1, 1, 1, 0, 0, 0))
    assert [word for word in words(svg) if word in {"up", "out"}] == ["up", "out", "up"]
    assert "r1" in words(svg)


def test_a_long_legend_says_how_many_it_leaves_out() -> None:
    lines = legend_lines([("red", f"a buyer with a long name {no}") for no in range(20)], 400, most=2)
    assert len(lines) == 2
    shown = sum(len(entries) for entries in lines) - 1
    assert lines[-1][-1][1] == f"and {20 - shown} more"


def test_every_variable_of_a_query_is_replaced() -> None:
    query = substituted('x{b=~"$buyer", p=~"${plan:regex}"}[$__rate_interval] y[$__range] z[$__interval]', SPAN)
    assert query == 'x{b=~".*", p=~".*"}[30s] y[60s] z[5s]'


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        *((0.0123, "s", "12.3 ms"), (1.5, "s", "1.5 s"), (0, "s", "0 s"), (150, "s", "2.5 min"), (3e-5, "s", "30 µs")),
        *((0.5, "percentunit", "50 %"), (1234.5, "currencyUSD", "$1,234.50"), (3 * 2**20, "bytes", "3 MiB")),
        *((0, "bytes", "0 B"), (12.34, "cpm", "12.3/min"), (1234, "short", "1,234"), (7, "ops", "7/s")),
    ],
)
def test_numbers_are_written_as_a_person_reads_them(value: float, unit: str, says: str) -> None:
    assert written(value, unit) == says


@pytest.mark.parametrize("most", [0, 0.003, 0.9, 1, 7, 99, 12_345])
def test_an_axis_has_a_few_round_values_up_to_the_highest(most: float) -> None:
    found = ticks(most, "short")
    assert found[0] == 0
    assert found[-1] >= most * 0.999
    assert 3 <= len(found) <= 6


def test_moments_are_round_and_not_too_many() -> None:
    assert moments(170, 6) == [0, 30, 60, 90, 120, 150]
    assert [elapsed(at) for at in (0, 90, 3661)] == ["0:00", "1:30", "1:01:01"]


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_each_dashboard_has_a_picture_of_all_its_panels(file: Path) -> None:
    board = json.loads(file.read_text())
    picture = (HERE / "pictures" / f"{file.stem}.svg").read_text()
    assert len(picture) < 300_000
    assert not any(word in picture for word in ("NaN", "nan,", ",nan"))
    shown = set(words(picture))
    assert any(SAYS in word for word in shown)
    assert {one["title"] for one in board["panels"]} <= shown, "draw the pictures anew: python -m grafana.pictures"


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_every_kind_of_panel_can_be_drawn_without_data(file: Path) -> None:
    board = json.loads(file.read_text())
    svg = draw(board, {}, SPAN, SAYS)
    panels = [one for one in board["panels"] if one["type"] != "row"]
    assert sum(word.startswith("no data") for word in words(svg)) == len(panels)
