"""What holds for transformed rows whatever went in: small assertions for property tests. Pure Python."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import UserError, unknown_name

Transformed = Sequence[Mapping[str, Any]]


def assert_finite(rows: Transformed, features: Sequence[str] | None = None) -> None:
    """Assert that every number is finite; in these features only, if given."""
    for name in features if features is not None else _names(rows):
        for i, value in _values(rows, name):
            assert not isinstance(value, float) or math.isfinite(value), f"feature '{name}', row {i}: {value} is not finite"


def assert_in_range(rows: Transformed, feature: str, low: float, high: float) -> None:
    """Assert that every number of the feature lies in low..high, both included."""
    for i, value in _values(rows, feature):
        assert low <= value <= high, f"feature '{feature}', row {i}: {value} is not in {low:g}..{high:g}"


def assert_ids_within(rows: Transformed, feature: str, cardinality: int) -> None:
    """Assert that the feature holds whole numbers in 0..cardinality-1."""
    for i, value in _values(rows, feature):
        assert isinstance(value, int) and 0 <= value < cardinality, (  # noqa: PT018  one statement about one value
            f"feature '{feature}', row {i}: {value!r} is not an id in 0..{cardinality - 1}"
        )


def _names(rows: Transformed) -> list[str]:
    return sorted(rows[0]) if rows else []


def _values(rows: Transformed, feature: str) -> Iterator[tuple[int, Any]]:
    """Yield (row, number or text) of every value, vectors one by one."""
    for i, row in enumerate(rows):
        if feature not in row:
            raise UserError(unknown_name("feature", feature, row))
        yield from ((i, value) for value in _flat(row[feature]))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value
