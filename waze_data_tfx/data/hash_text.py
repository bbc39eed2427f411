r"""The text of a row that a split by hash is made of: for every type what BigQuery's CAST(x AS STRING) gives.

Called by `splits`. So that `ABS(MOD(FARM_FINGERPRINT(...), n))` in SQL and a split made here put a row into the same bucket:
`sql_bucket` writes that SQL. Vectorised; pyarrow is imported inside the functions. Never decides what a bucket is for.

    STRING            as it is; empty text is a null, as in files
    BYTES             as they are
    INT64, BOOL       1, true
    DATE              2025-01-31
    DATETIME          2025-01-31 08:15:00, then .5 as .500: no, three or six digits of a second
    TIMESTAMP         the same in UTC, then +00
    TIME              08:15:00, digits as above
    NUMERIC           1.5: no zeros at the end, no exponent
    FLOAT64           has a text here (a file's column is hashed by it) but none to rely on: refused in a query's split.by
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waze_data_tfx.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATOR = "\x1f"
NULL = "\x1e"
WHOLE_SECOND, MILLISECONDS = r"\.000000$", r"(\.\d{3})000$"


def as_text(column: "pa.Array", name: str) -> "pa.Array":
    """Return the bytes that are hashed of each value, null for a null and for empty text: `[n_rows] large_binary`.

    Raises:
        DataError: lists, structs and the like have no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    array = column.dictionary_decode() if pt.is_dictionary(column.type) else column
    kind = array.type
    if pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind):
        return pc.cast(array, pa.large_binary())
    try:
        return pc.cast(_text(array), pa.large_binary())
    except pa.ArrowNotImplementedError as error:
        raise DataError(
            f"column '{name}' cannot be hashed to split the rows; received {kind}; expected text, numbers, dates or bytes",
            hint="set data.split.by to columns of plain values, such as a key",
        ) from error


def joined(texts: Sequence["pa.Array"]) -> "pa.Array":
    """Return one text per row: those of the columns with U+001F between them and U+001E for a null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    between = pa.scalar(SEPARATOR.encode(), pa.large_binary())
    return pc.binary_join_element_wise(*texts, between, null_handling="replace", null_replacement=NULL)


def sql_bucket(by: Sequence[str], n_buckets: int, types: "Mapping[str, pa.DataType]") -> str:
    """Return BigQuery's SQL for the number of a row's bucket, 0 to n_buckets - 1.

    Args:
        by: columns, in order.
        n_buckets: the sum of `data.split.buckets`.
        types: Arrow type by column, as an engine gives it; only bytes are told apart.
    """
    import pyarrow.types as pt

    names = {name: "`" + name.replace("`", "\\`") + "`" for name in by}
    bytes_ = {name for name in by if name in types and (pt.is_binary(types[name]) or pt.is_large_binary(types[name]))}
    texts = {name: f"NULLIF(CAST({quoted} AS STRING), '')" for name, quoted in names.items()}
    if bytes_:
        parts = [names[n] if n in bytes_ else f"CAST({texts[n]} AS BYTES)" for n in by]
        parts = [f"IFNULL({part}, b'\\x1e')" for part in parts]
        text = parts[0] if len(parts) == 1 else "CONCAT(" + ", b'\\x1f', ".join(parts) + ")"
    else:
        parts = [f"IFNULL({texts[n]}, '\\x1e')" for n in by]
        text = parts[0] if len(parts) == 1 else "CONCAT(" + ", '\\x1f', ".join(parts) + ")"
    return f"ABS(MOD(FARM_FINGERPRINT({text}), {n_buckets}))"


def _text(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    kind = array.type
    if pt.is_string(kind) or pt.is_large_string(kind):
        empty = pc.equal(pc.binary_length(array), 0)
        array = pc.if_else(empty, pa.scalar(None, kind), array) if pc.any(empty).as_py() else array
    elif pt.is_timestamp(kind):
        micros = pc.cast(array, pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        text = _seconds(pc.cast(micros.cast(pa.timestamp("us")), pa.large_string()))  # in UTC, if it has a time zone
        zone, nothing = (pa.scalar(t, pa.large_string()) for t in ("+00", ""))
        return pc.binary_join_element_wise(text, zone, nothing) if kind.tz else text
    elif pt.is_time(kind):
        return _seconds(pc.cast(pc.cast(array, pa.time64("us"), safe=False), pa.large_string()))
    elif pt.is_date64(kind):
        array = pc.cast(array, pa.date32())
    elif pt.is_decimal(kind):
        return _decimals(array)
    return pc.cast(array, pa.large_string())


def _seconds(text: "pa.Array") -> "pa.Array":
    """Return texts that end in six digits of a second with no, three or six of them."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(pc.replace_substring_regex(text, WHOLE_SECOND, ""), MILLISECONDS, r"\1")


def _decimals(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.cast(array, pa.large_string())
    tiny = pc.fill_null(pc.match_substring(text, "E"), False)
    if pc.any(tiny).as_py():  # Arrow writes 1E-9; so few that Python may write them
        places: Any = [f"{value:f}" for value in array.filter(tiny).to_pylist()]
        text = pc.replace_with_mask(text, tiny, pa.array(places, pa.large_string()))
    fractional = pc.match_substring(text, ".")
    return pc.if_else(fractional, pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), "."), text)
