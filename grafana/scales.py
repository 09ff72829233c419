"""Numbers on a picture: how a value is written in its unit, and which round values stand at an axis."""

import math
from collections.abc import Sequence

_SCALED: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((86_400, " d"), (3600, " h"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs")),
    "bytes": ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")),
}
_PLAIN = {"percentunit": " %", "cpm": "/min", "ops": "/s", "short": ""}
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """``value`` as a person reads it: three digits are enough, unless ``decimals`` says otherwise."""
    if unit == "currencyUSD":
        return f"${value:,.{2 if decimals is None else decimals}f}"
    if unit in _SCALED:
        size, name = next(((s, n) for s, n in _SCALED[unit] if abs(value) >= s), _SCALED[unit][-1])
        if value == 0:
            size, name = 1.0, _SCALED[unit][-3 if unit == "s" else -1][1]
        return f"{_short(value / size, decimals)}{name}"
    shown = value * 100 if unit == "percentunit" else value
    return f"{_short(shown, decimals)}{_PLAIN.get(unit, f' {unit}')}"


def _short(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ticks(most: float, unit: str, wanted: int = 4) -> list[float]:
    """Round values from 0 to at least ``most``, about ``wanted`` of them above 0."""
    scale = next((size for size, _ in _SCALED.get(unit, ()) if most >= size), 1.0)
    top = most / scale if most > 0 else 1.0
    raw = top / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in _STEPS if power * factor >= raw * 0.999)
    count = math.ceil(top / step - 1e-9)
    return [step * scale * no for no in range(count + 1)]


def tick_labels(values: Sequence[float], unit: str) -> list[str]:
    """What stands at these ticks."""
    return [written(value, unit, 0 if unit == "currencyUSD" and values[-1] >= 5 else None) for value in values]


def elapsed(seconds: float) -> str:
    """A moment of the picture: minutes and seconds since its left edge."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def moments(span_s: float, wanted: int) -> list[float]:
    """Round moments between 0 and ``span_s`` for a time axis."""
    steps = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)
    step = next((step for step in steps if span_s / step <= wanted), steps[-1])
    return [float(no * step) for no in range(int(span_s // step) + 1)]
