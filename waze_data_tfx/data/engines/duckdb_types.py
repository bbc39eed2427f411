"""DuckDB's types and BigQuery's, and texts as DuckDB's SQL has them.

Called by the engine `duckdb`. Imports duckdb where a value is made; runs nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from waze_data_tfx.config.data import QueryParameter

PARSERS: Mapping[str, Any] = {
    "DATE": date.fromisoformat,
    "DATETIME": datetime.fromisoformat,
    "TIMESTAMP": datetime.fromisoformat,
    "NUMERIC": Decimal,
}
TYPES = {
    "BOOL": "BOOLEAN",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "NUMERIC": "DECIMAL(38, 9)",
    "BIGNUMERIC": "DECIMAL(38, 18)",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMPTZ",
}
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"}
TEXTS = {"ENUM", "UUID", "JSON", "INTERVAL", "BIT"}


def in_bigquery_types(relation: Any, but: Sequence[str] = ()) -> str:
    """Return the relation's columns for SELECT, in BigQuery's types but for some kinds of DuckDB's.

    BigQuery has one INT64, one FLOAT64 and microseconds: a file's narrower numbers would overflow, or be rounded, here only.
    """
    columns = zip(relation.columns, relation.types, strict=True)
    cast = ((quoted(name), quoted(name) if kind.id in but else _cast(quoted(name), kind)) for name, kind in columns)
    return ", ".join(f"{expression} AS {name}" for name, expression in cast)


def _cast(expression: str, kind: Any) -> str:
    """Return the expression in the type that BigQuery has in the place of DuckDB's."""
    wanted = _bigquery_type(kind)
    return expression if wanted == str(kind) else f"CAST({expression} AS {wanted})"


def _bigquery_type(kind: Any) -> str:
    name = str(kind)
    if kind.id == "list":
        return f"{_bigquery_type(kind.children[0][1])}[]"
    if kind.id == "struct":
        fields = ", ".join(f"{quoted(n)} {_bigquery_type(k)}" for n, k in kind.children)
        return f"STRUCT({fields})"
    if kind.id == "decimal":
        return "BIGINT" if name.endswith(",0)") else "DECIMAL(38,9)"
    if name in INTEGERS:
        return "BIGINT"
    if name in ("FLOAT", "REAL"):
        return "DOUBLE"
    if name.startswith("TIMESTAMP"):  # also of nanoseconds, which pandas writes
        return name if "ZONE" in name else "TIMESTAMPTZ" if "TZ" in name else "TIMESTAMP"
    return "VARCHAR" if kind.id in ("enum",) or name in TEXTS else name


def value(parameter: QueryParameter) -> Any:
    """Return the value in its declared type: DuckDB takes the narrowest of an int, and a time without a zone for DATETIME."""
    import duckdb

    parse = PARSERS.get(parameter.type)
    one_or_more = parameter.value if isinstance(parameter.value, tuple) else (parameter.value,)
    values = [str(parse(str(value))) if parse else value for value in one_or_more]
    kind = TYPES[parameter.type]
    return duckdb.Value(values, f"{kind}[]") if isinstance(parameter.value, tuple) else duckdb.Value(values[0], kind)


def pairs(types: Mapping[str, str]) -> str:
    """Return names and types as DuckDB's struct of texts."""
    return "{" + ", ".join(f"{text(column)}: {text(kind)}" for column, kind in types.items()) + "}"


def quoted(name: str) -> str:
    """Return a name as DuckDB reads it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a literal text."""
    return "'" + value.replace("'", "''") + "'"
