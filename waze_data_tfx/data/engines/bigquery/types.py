"""What BigQuery's types are in Arrow, and what the config's parameters are in BigQuery.

Called by the engine. The types are those in which the Storage Read API gives values; all is pure. Imports pyarrow and
google.cloud inside its functions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter
from waze_data_tfx.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

STRUCTS = ("RECORD", "STRUCT")


def arrow_schema(fields: Sequence[Any]) -> "pa.Schema":
    """Return the Arrow schema of a table's `SchemaField`s; every column and element may be null.

    Raises:
        DataError: a column has a type that has no place in Arrow.
    """
    import pyarrow as pa

    return pa.schema([(field.name, arrow_type(field)) for field in fields])


def arrow_type(field: Any, path: str = "") -> "pa.DataType":
    """Return the Arrow type of a `SchemaField`, nested ones included.

    Raises:
        DataError: its type has no place in Arrow.
    """
    import pyarrow as pa

    path = f"{path}.{field.name}" if path else field.name
    kind = _element_type(field, path)
    return pa.list_(kind) if (field.mode or "").upper() == "REPEATED" else kind


def _element_type(field: Any, path: str) -> "pa.DataType":
    import pyarrow as pa

    name = field.field_type.upper()
    if name in STRUCTS:
        return pa.struct([(inner.name, arrow_type(inner, path)) for inner in field.fields])
    if name == "RANGE":
        kind = _scalars()[field.range_element_type.element_type.upper()]
        return pa.struct([("start", kind), ("end", kind)])
    if name not in _scalars():
        raise DataError(
            f"column '{path}': has BigQuery's type {name}, which this project cannot read",
            hint=f"CAST({path} AS STRING) in the query",
        )
    return _scalars()[name]


def _scalars() -> "Mapping[str, pa.DataType]":
    import pyarrow as pa

    return {
        "INTEGER": pa.int64(),
        "INT64": pa.int64(),
        "FLOAT": pa.float64(),
        "FLOAT64": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "BOOL": pa.bool_(),
        "STRING": pa.string(),
        "BYTES": pa.binary(),
        "DATE": pa.date32(),
        "DATETIME": pa.timestamp("us"),
        "TIMESTAMP": pa.timestamp("us", tz="UTC"),
        "TIME": pa.time64("us"),
        "NUMERIC": pa.decimal128(38, 9),
        "BIGNUMERIC": pa.decimal256(76, 38),
        "GEOGRAPHY": pa.string(),
        "JSON": pa.string(),
        "INTERVAL": pa.string(),
    }


def conform(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """Return the batch in the schema's types: names of list elements and notes on fields differ, values never."""
    import pyarrow as pa

    if batch.schema.equals(schema, check_metadata=True):
        return batch
    columns = [batch.column(field.name) for field in schema]
    fitting = [c if c.type.equals(field.type) else c.cast(field.type) for c, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(fitting, schema=schema)


def parameters_of(parameters: Mapping[str, QueryParameter]) -> list[Any]:
    """Return the config's parameters as BigQuery's client takes them, typed: `ScalarQueryParameter`, `ArrayQueryParameter`."""
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    made: list[Any] = []
    for name, parameter in parameters.items():
        if isinstance(parameter.value, tuple):
            values = [_value(parameter.type, value) for value in parameter.value]
            made.append(ArrayQueryParameter(name, parameter.type, values))
        else:
            made.append(ScalarQueryParameter(name, parameter.type, _value(parameter.type, parameter.value)))
    return made


def _value(kind: str, value: Any) -> Any:
    """Return the value as Python has it; a TIMESTAMP without a zone is UTC."""
    if kind == "DATE":
        return date.fromisoformat(str(value))
    if kind == "DATETIME":
        return datetime.fromisoformat(str(value))
    if kind == "TIMESTAMP":
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Decimal(str(value)) if kind == "NUMERIC" else value
