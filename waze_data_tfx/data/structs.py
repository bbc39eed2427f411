"""The fields of structs as columns of their own, named `struct.field`; a field of a field `struct.field.inner`.

Called wherever rows of a query or of a Parquet file, or their types, come in. A struct that is null has fields that are null.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def flat_types(types: "Mapping[str, pa.DataType]") -> "dict[str, pa.DataType]":
    """Return the columns' types with each struct's fields in its place."""
    return dict(_types(types))


def flat(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Return the batch with each struct's fields in its place."""
    import pyarrow as pa
    import pyarrow.types as pt

    if not any(pt.is_struct(field.type) for field in batch.schema):
        return batch
    columns = [c for name, column in zip(batch.schema.names, batch.columns, strict=True) for c in _columns(name, column)]
    return pa.RecordBatch.from_arrays([array for _, array in columns], names=[name for name, _ in columns])


def _types(types: "Mapping[str, pa.DataType]") -> "Iterator[tuple[str, pa.DataType]]":
    import pyarrow.types as pt

    for name, kind in types.items():
        if pt.is_struct(kind):
            yield from _types({f"{name}.{kind.field(i).name}": kind.field(i).type for i in range(kind.num_fields)})
        else:
            yield name, kind


def _columns(name: str, column: "pa.Array") -> "Iterator[tuple[str, pa.Array]]":
    import pyarrow.types as pt

    if not pt.is_struct(column.type):
        yield name, column
        return
    for i, inner in enumerate(column.flatten()):
        yield from _columns(f"{name}.{column.type.field(i).name}", inner)
