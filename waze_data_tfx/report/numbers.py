"""How numbers are written for a person. Called by the charts and the page."""

import math
from typing import Any


def number(value: Any) -> str:
    """Return at most four significant digits, whole numbers and thousands whole; an en dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def signed(value: float | None) -> str:
    """Return the number with its sign."""
    return ("+" if value is not None and value > 0 else "") + number(value)


def share(value: float | None) -> str:
    """Return a share in percent; what is not nothing never reads as nothing."""
    if value is None:
        return "–"
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{100 * value:.1f} %" if value and value != 1 else f"{100 * value:.0f} %"


def duration(seconds: float | None) -> str:
    """Return seconds, or minutes and hours where they read better."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
