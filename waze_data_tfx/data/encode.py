"""Typed Arrow batches as serialized tf.train.Examples, by tfx_bsl's C++ encoder.

Called by QueryExampleGen. A null becomes an absent feature. Imports pyarrow and tfx_bsl inside its functions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def encode(batch: "pa.RecordBatch", names: Sequence[str]) -> list[bytes]:
    """Return one serialized tf.train.Example per row, with the named columns; see `as_features`."""
    return serialize(as_features(batch, names))


def as_features(batch: "pa.RecordBatch", names: Sequence[str]) -> "pa.RecordBatch":
    """Return the named columns of a parsed batch as tfx_bsl decodes them from examples: `[n_rows] large_list` each.

    double becomes float32, int64 stays, text is UTF-8 bytes, a large list its values; a null is an absent feature.
    """
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([_as_lists(batch.column(name)) for name in names], names=list(names))


def serialize(features: "pa.RecordBatch") -> list[bytes]:
    """Return one serialized tf.train.Example per row of `as_features`."""
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    encoded: list[bytes] = RecordBatchToExamplesEncoder().encode(features)
    return encoded


def _as_lists(column: "pa.Array") -> "pa.Array":
    """Return `[n] large_list` with one value each, or null where the value is null; lists with all of theirs."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_large_list(column.type):
        return pc.cast(column, pa.large_list(_value_type(column.type.value_type)), safe=False)
    valid = pc.is_valid(column)
    values = pc.cast(column, _value_type(column.type), safe=False).drop_null()
    mask = valid.to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)
    offsets = pa.array(ends, mask=np.append(~mask, False))
    return pa.LargeListArray.from_arrays(offsets, values)


def _value_type(parsed: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa
    import pyarrow.types as pt

    return pa.float32() if pt.is_float64(parsed) else pa.int64() if pt.is_int64(parsed) else pa.large_binary()
