"""What holds for every engine."""

import duckdb
import pyarrow as pa
import pytest

from waze_data_tfx.data.engines import sql_type


@pytest.mark.parametrize(
    "kind",
    [
        pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.binary(), pa.date32(), pa.time64("us"),
        pa.timestamp("us"), pa.timestamp("us", "UTC"),
        pa.decimal128(38, 9), pa.list_(pa.int64()), pa.struct({"a b": pa.string(), "c": pa.list_(pa.float64())}),
    ],
)  # fmt: skip
def test_the_sql_type_of_an_arrow_column_is_duckdbs_own(kind: pa.DataType) -> None:
    with duckdb.connect() as database:
        database.register("t", pa.schema({"x": kind}.items()).empty_table())
        own = database.execute("DESCRIBE t").fetchone()[1]
        declared = database.execute(f"CREATE TABLE d (x {sql_type(kind)})").execute("DESCRIBE d").fetchone()[1]
    assert declared == own
