"""Transformed rows against others: where they differ, and how a person is told. Pure Python.

Called by the parity check, by golden files and by the leak check.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""Float32 sums over batches of other sizes differ by less than this."""
SHOWN = 10
Transformed = Sequence[Mapping[str, Any]]


def differences(expected: Transformed, received: Transformed, *, names: tuple[str, str]) -> list[dict[str, Any]]:
    """Return every difference between rows in the same order: {"feature", "row", "values": {name: value, name: value}}.

    Args:
        expected: rows.
        received: as many rows.
        names: what the two are called.
    """
    found = []
    for i, (one, other) in enumerate(zip(expected, received, strict=True)):
        for feature in sorted({*one, *other}):
            values = [row.get(feature, "(no such feature)") for row in (one, other)]
            if not same(*values):
                found.append({"feature": feature, "row": i, "values": dict(zip(names, values, strict=True))})
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, floats within tolerance; NaN equals NaN."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or one == other or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(one) is type(other) and one == other


def told(what: str, found: Sequence[Mapping[str, Any]], hint: str) -> str:
    """Return the message for differences: the first ones, and how many there are in which features."""
    lines = [f"{what}:"]
    for difference in found[:SHOWN]:
        where = f"feature '{difference['feature']}', row {difference['row']}"
        lines.append(f"  {where}{_place(difference)}: " + ", ".join(f"{k} {v}" for k, v in _shown(difference).items()))
    if len(found) > SHOWN:
        features = sorted({difference["feature"] for difference in found})
        lines.append(f"  ... {len(found)} differences in {', '.join(features)}")
    return "\n".join([*lines, f"next: {hint}"])


def _first_place(values: Sequence[Any]) -> int | None:
    """Return where two vectors of one length first differ."""
    one, other = values
    if not (isinstance(one, list) and isinstance(other, list) and len(one) == len(other)):
        return None
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if not same(a, b)), None)


def _place(difference: Mapping[str, Any]) -> str:
    place = _first_place(list(difference["values"].values()))
    return "" if place is None else f"[{place}]"


def _shown(difference: Mapping[str, Any]) -> dict[str, str]:
    place = _first_place(list(difference["values"].values()))
    values = difference["values"].items()
    return {name: repr(value if place is None else value[place]) for name, value in values}
