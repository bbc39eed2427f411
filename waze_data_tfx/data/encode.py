"""Typed Arrow batches as serialized tf.train.Examples, by tfx_bsl's C++ encoder.

Called by QueryExampleGen. A null becomes an absent feature. Imports pyarrow and tfx_bsl inside its functions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def encode(batch: "pa.RecordBatch", names: Sequence[str]) -> "np.ndarray":
    """Return one serialized tf.train.Example per row, with the named columns: `[n_rows] object`.

    double becomes float_list (float32), int64 int64_list, text bytes_list (UTF-8), a large list its values; a null is an absent
    feature.
    """
    import numpy as np
    import pyarrow as pa
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    lists = [_as_lists(batch.column(name)) for name in names]
    encoded = RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(lists, names=list(names)))
    out = np.empty(len(encoded), dtype=object)
    out[:] = encoded
    return out


def _as_lists(column: "pa.Array") -> "pa.Array":
    """Return `[n] list` with one value each, or null where the value is null; lists as they are."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_large_list(column.type):
        return column
    target = pa.float32() if pt.is_float64(column.type) else pa.int64() if pt.is_int64(column.type) else pa.large_binary()
    valid = pc.is_valid(column)
    values = pc.cast(column, target, safe=False).drop_null()
    mask = valid.to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)
    offsets = pa.array(ends, mask=np.append(~mask, False))
    return pa.LargeListArray.from_arrays(offsets, values)
