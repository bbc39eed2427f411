"""One column's values read as its declared type, float, int or string, whatever type they are stored in (docs/data.md's table).

Called by `rows.parse` for every batch and by `problems` for the pairings that make no sense. Vectorised: Arrow and NumPy,
imported inside the functions. A null stays null; NaN, infinities and empty arrays become null. Never guesses.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.section import ColumnType

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

EXACT_FLOATS = float(2**53)
"""From here on a double does not hold every whole number, so that `1e17` as an int would be a guess."""
NOT_FINITE = r"^(?i)[-+]?(nan|inf|infinity)$"
STRUCTS_HINT = "select the fields one by one, each as an array of its own: ARRAY(SELECT e.x FROM UNNEST(column) AS e)"


def cast(column: "pa.Array", kind: ColumnType) -> "pa.Array":
    """Return the column as double, int64 or large_string (bytes: large_binary), or as large lists of one of them.

    Raises:
        ArrowInvalid: a value does not fit.
        ArrowNotImplementedError: no value of this type does.
    """
    import pyarrow.types as pt

    stored = column.type
    if pt.is_list(stored) or pt.is_large_list(stored) or pt.is_fixed_size_list(stored):
        return _cast_lists(column, kind)
    if kind == "string":
        return _texts(column)
    return _floats(column) if kind == "float" else _ints(column)


def misfits(column: "pa.Array", kind: ColumnType) -> "np.ndarray":
    """Return which rows hold a value that does not fit: `[n] bool`. Looks at each distinct value once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        encoded = pc.dictionary_encode(column)
    except pa.ArrowNotImplementedError:  # lists
        found = np.zeros(len(column), bool)
        found[list(_halved(column, kind, 0))] = True
        return found
    bad = list(_halved(encoded.dictionary, kind, 0))
    return np.isin(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), bad)


def refusal(stored: "pa.DataType", kind: ColumnType) -> str | None:
    """Return why no column stored like this can be read as `kind`, with the next step; None if it can."""
    import pyarrow.types as pt

    if pt.is_list(stored) or pt.is_large_list(stored) or pt.is_fixed_size_list(stored):
        inner = stored.value_type
        if pt.is_struct(inner):
            return f"an array of structs; {STRUCTS_HINT}"
        return refusal(inner, kind)
    if pt.is_struct(stored) or pt.is_map(stored) or pt.is_nested(stored):
        return f"received {stored}; name one of its fields"
    if (pt.is_binary(stored) or pt.is_large_binary(stored) or pt.is_fixed_size_binary(stored)) and kind != "string":
        return f"bytes as {kind}; read it as string (features.vocabulary), or convert it in the query"
    return None


def _cast_lists(column: "pa.Array", kind: ColumnType) -> "pa.Array":
    """Return large lists; an empty one is null, as in BigQuery, which knows no null array."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = cast(column.flatten(), kind)
    if values.null_count:
        raise pa.ArrowInvalid("an element of an array is missing")
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return pa.LargeListArray.from_arrays(pa.array(ends, mask=np.append(lengths == 0, False)), values)


def _texts(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    stored = column.type
    if pt.is_binary(stored) or pt.is_large_binary(stored) or pt.is_fixed_size_binary(stored):
        return pc.cast(column, pa.large_binary())
    if pt.is_decimal(stored):
        return _decimal_texts(column)
    if pt.is_timestamp(stored):
        text = pc.replace_substring(pc.cast(_microseconds(column), pa.large_string()), " ", "T", max_replacements=1)
        return _short_fraction(text)
    if pt.is_time(stored):
        return _short_fraction(pc.cast(pc.cast(column, pa.time64("us"), safe=False), pa.large_string()))
    return pc.cast(_finite(column) if pt.is_floating(stored) else column, pa.large_string())


def _short_fraction(text: "pa.Array") -> "pa.Array":
    """Return `12:00:00.500000Z` as `12:00:00.5Z`, and without a fraction where it is 0."""
    import pyarrow.compute as pc

    shorter = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+(Z?)$", r"\1\2")
    return pc.replace_substring_regex(shorter, r"\.(Z?)$", r"\1")


def _decimal_texts(column: "pa.Array") -> "pa.Array":
    """Return every digit, without an exponent and without zeros at the end, as BigQuery writes a NUMERIC."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    scale = column.type.scale
    if scale <= 0:
        return pc.cast(pc.cast(column, pa.decimal256(76, 0)), pa.large_string())
    whole = pa.decimal256(column.type.precision, 0) if pt.is_decimal256(column.type) else pa.decimal128(column.type.precision, 0)
    unscaled = pa.Array.from_buffers(whole, len(column), column.buffers(), column.null_count, column.offset)
    text = pc.cast(unscaled, pa.large_string())
    minus = pc.if_else(pc.starts_with(text, "-"), "-", "").cast(pa.large_string())
    digits = pc.utf8_lpad(pc.utf8_ltrim(text, "-"), scale + 1, "0")
    fraction = pc.utf8_rtrim(pc.utf8_slice_codeunits(digits, -scale), "0")
    point = pc.if_else(pc.equal(fraction, ""), "", ".").cast(pa.large_string())
    return pc.binary_join_element_wise(minus, pc.utf8_slice_codeunits(digits, 0, -scale), point, fraction, _empty())


def _empty() -> Any:
    import pyarrow as pa

    return pa.scalar("", pa.large_string())


def _floats(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    stored = column.type
    if _is_text(stored):
        return _finite(pc.cast(pc.utf8_trim_whitespace(column), pa.float64()))
    if pt.is_decimal(stored):
        return pc.cast(pc.cast(column, pa.large_string()), pa.float64())  # Arrow's own cast is not the nearest
    if pt.is_date(stored):
        return pc.cast(_days(column), pa.float64())
    if pt.is_timestamp(stored) or pt.is_time(stored):
        return pc.divide(pc.cast(pc.cast(_microseconds(column), pa.int64()), pa.float64(), safe=False), 1e6)
    return _finite(pc.cast(column, pa.float64(), safe=not pt.is_integer(stored)))


def _ints(column: "pa.Array") -> "pa.Array":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    stored = column.type
    if _is_text(stored):
        return _ints_of_texts(pc.utf8_trim_whitespace(column))
    if pt.is_date(stored):
        return pc.cast(_days(column), pa.int64())
    if pt.is_timestamp(stored) or pt.is_time(stored):
        moments = pc.cast(_microseconds(column), pa.int64())
        seconds = np.floor_divide(moments.fill_null(0).to_numpy(zero_copy_only=False), 1_000_000)
        return pa.array(seconds, mask=moments.is_null().to_numpy(zero_copy_only=False))
    return pc.cast(_finite(column) if pt.is_floating(stored) else column, pa.int64())


def _ints_of_texts(column: "pa.Array") -> "pa.Array":
    """Return whole numbers, which may be written `1.0` or `1e3`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        known = pc.if_else(pc.match_substring_regex(column, NOT_FINITE), pa.scalar(None, column.type), column)
        plain = pc.replace_substring_regex(known, r"^\+|\.0*$", "")
    try:
        return pc.cast(plain, pa.int64())
    except pa.ArrowInvalid:
        written_whole = pc.match_substring_regex(plain, r"^-?[0-9]+$")
        whole = pc.cast(pc.if_else(written_whole, plain, pa.scalar(None, plain.type)), pa.int64())
        others = pc.cast(pc.if_else(written_whole, pa.scalar(None, plain.type), plain), pa.float64())
        if pc.any(pc.greater(pc.abs(others), EXACT_FLOATS)).as_py():
            raise
        return pc.coalesce(whole, pc.cast(others, pa.int64()))  # refuses 1.5


def _days(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.cast(column, pa.date32()), pa.int32())


def _microseconds(column: "pa.Array") -> "pa.Array":
    """Return moments in microseconds; of nanoseconds the fraction is lost, as it is in BigQuery."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_time(column.type):
        return pc.cast(column, pa.time64("us"), safe=False)
    zone = "UTC" if column.type.tz else None
    return pc.cast(column, pa.timestamp("us", zone), safe=column.type.unit != "ns")


def _is_text(stored: "pa.DataType") -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(stored) or pt.is_large_string(stored))


def _finite(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    finite = pc.is_finite(array)
    return array if pc.all(finite).as_py() is not False else pc.if_else(finite, array, pa.scalar(None, array.type))


def _halved(values: "pa.Array", kind: ColumnType, start: int) -> Iterator[int]:
    """Yield the positions of the values that do not fit, found by halving what does not fit as a whole."""
    import pyarrow as pa

    try:
        cast(values, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(values) == 1:
            yield start
            return
        middle = math.ceil(len(values) / 2)
        yield from _halved(values.slice(0, middle), kind, start)
        yield from _halved(values.slice(middle), kind, start + middle)
