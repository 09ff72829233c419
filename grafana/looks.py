"""What each kind of panel looks like in Grafana: its type, options and drawing of series.

| kind | Grafana's type | for |
|---|---|---|
| lines | timeseries | values over time |
| stacked | timeseries | parts of a whole over time, as bars |
| stat | stat | one number over the time that is shown |
| heatmap | heatmap | a histogram's buckets over time |
| states | state-timeline | which of a few states something was in |
"""

from typing import Any, Literal

Kind = Literal["lines", "stacked", "stat", "heatmap", "states"]

_TYPES: dict[Kind, str] = {
    "lines": "timeseries",
    "stacked": "timeseries",
    "stat": "stat",
    "heatmap": "heatmap",
    "states": "state-timeline",
}


def panel_type(kind: Kind) -> str:
    """The name of Grafana's panel plug-in."""
    return _TYPES[kind]


def options(kind: Kind, unit: str, *, named: bool) -> dict[str, Any]:
    """The panel's options. ``named`` is whether its series have legends."""
    if kind == "stat":
        return _stat(named=named)
    if kind == "heatmap":
        return _heatmap(unit)
    tooltip = {"mode": "multi", "sort": "desc", "hideZeros": kind == "stacked"}
    legend = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": named}
    if kind == "states":
        states = {"alignValue": "left", "mergeValues": True, "rowHeight": 0.8, "showValue": "auto"}
        return {**states, "legend": legend, "tooltip": {"mode": "single", "sort": "none"}}
    return {"legend": {**legend, "calcs": ["lastNotNull"]}, "tooltip": tooltip}


def _stat(*, named: bool) -> dict[str, Any]:
    return {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value_and_name" if named else "value",
        "wideLayout": True,
    }


def _heatmap(unit: str) -> dict[str, Any]:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Blues",
            "fill": "dark-blue",
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }


def custom_field(kind: Kind, *, limits: bool) -> dict[str, Any]:
    """How the series are drawn. ``limits`` is whether thresholds are drawn as lines."""
    if kind == "states":
        return {"fillOpacity": 80, "lineWidth": 0}
    if kind in {"stat", "heatmap"}:
        return {}
    threshold_lines = {"mode": "dashed" if limits else "off"}
    common = {"axisPlacement": "auto", "showPoints": "never", "thresholdsStyle": threshold_lines}
    if kind == "stacked":
        bars = {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "barAlignment": 0}
        return {**common, **bars, "stacking": {"mode": "normal", "group": "A"}}
    lines = {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 2, "fillOpacity": 5}
    # A gap is a quiet minute: it is neither joined nor drawn as zero.
    return {**common, **lines, "spanNulls": False, "stacking": {"mode": "none", "group": "A"}}
