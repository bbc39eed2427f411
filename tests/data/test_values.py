"""What a stored value becomes by its declared type: docs/data.md's table, row by row; expected values by hand."""

from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

from waze_data_tfx.data import values

NOON = datetime(2025, 1, 31, 12, 0, 0, 500000)
BEFORE = datetime(1969, 12, 31, 23, 59, 59, 250000)
NUMERIC, BIGNUMERIC = pa.decimal128(38, 9), pa.decimal256(76, 38)
SECONDS = 1738324800  # 20,119 days and 12 hours after 1970-01-01
CASES = [
    (pa.array([True, None]), [1.0, None], [1, None], ["true", None]),
    (pa.array([2**53 + 1, None]), [2.0**53, None], [2**53 + 1, None], ["9007199254740993", None]),
    (pa.array([3.0, float("nan"), float("inf")]), [3.0, None, None], [3, None, None], ["3", None, None]),
    (pa.array([Decimal("-12"), Decimal("0"), None], NUMERIC), [-12.0, 0.0, None], [-12, 0, None], ["-12", "0", None]),
    (pa.array([Decimal("0.000000001")], NUMERIC), [1e-9], "misfit", ["0.000000001"]),
    (pa.array([Decimal("-0.05"), Decimal("7")], BIGNUMERIC).slice(1), [7.0], [7], ["7"]),
    (pa.array([Decimal("-0.05")], BIGNUMERIC), [-0.05], "misfit", ["-0.05"]),
    (pa.array([" 7 ", "7.0", "+7", "7e0"]), [7.0] * 4, [7] * 4, [" 7 ", "7.0", "+7", "7e0"]),
    (pa.array(["9007199254740993", "nan"]), [2.0**53, None], [2**53 + 1, None], ["9007199254740993", "nan"]),
    (pa.array([b"\xff"]), "refused", "refused", [b"\xff"]),
    (pa.array([date(2025, 1, 31), date(1969, 12, 31)]), [20119.0, -1.0], [20119, -1], ["2025-01-31", "1969-12-31"]),
    (pa.array([NOON], pa.timestamp("us")), [SECONDS + 0.5], [SECONDS], ["2025-01-31T12:00:00.5"]),
    (pa.array([BEFORE], pa.timestamp("us")), [-0.75], [-1], ["1969-12-31T23:59:59.25"]),
    (pa.array([NOON.replace(microsecond=0)], pa.timestamp("us", "UTC")), [float(SECONDS)], [SECONDS], ["2025-01-31T12:00:00Z"]),
    (pa.array([NOON], pa.timestamp("ns", "Europe/Zurich")), [SECONDS + 0.5], [SECONDS], ["2025-01-31T12:00:00.5Z"]),
    (pa.array([time(12, 0, 0, 500000)], pa.time64("us")), [43200.5], [43200], ["12:00:00.5"]),
    (pa.array([[1, 2], None, []]), [[1.0, 2.0], None, None], [[1, 2], None, None], [["1", "2"], None, None]),
    (pa.array([["a", ""]]), "misfit", "misfit", [["a", ""]]),
    (pa.array([[1.0, None], [float("nan")]]), "misfit", "misfit", "misfit"),
    (pa.array([[{"x": 1}]]), "refused", "refused", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "kind", "expected"), [
    (column, kind, want) for column, *wanted in CASES for kind, want in zip(("float", "int", "string"), wanted, strict=True)
])  # fmt: skip
def test_the_table(column, kind, expected):
    if expected == "refused":
        assert values.refusal(column.type, kind)
        return
    assert values.refusal(column.type, kind) is None
    if expected == "misfit":
        with pytest.raises(pa.ArrowInvalid):
            values.cast(column, kind)
        assert values.misfits(column, kind).all()
        return
    assert values.cast(column, kind).to_pylist() == expected


@pytest.mark.parametrize(
    ("texts", "kind", "bad"),
    [
        (["1", "x", None, "1.5", "x", "2"], "int", [1, 3, 4]),
        (["9223372036854775808", "9223372036854775807", "1e17", "-5"], "int", [0, 2]),
        (["1,5", "NA", ".5", "1e400"], "float", [0, 1]),
    ],
)
def test_what_does_not_fit_is_found(texts, kind, bad):
    assert values.misfits(pa.array(texts), kind).nonzero()[0].tolist() == bad


def test_what_does_not_fit_is_found_in_arrays():
    assert values.misfits(pa.array([["1"], ["1", "x"], None, ["2", None]]), "int").tolist() == [False, True, False, True]
