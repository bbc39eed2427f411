"""Types and values between Arrow and the JSON of BigQuery's REST API.

Called by the fake's state. All is pure.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter

if TYPE_CHECKING:
    import pyarrow as pa


def fields_of(schema: "pa.Schema") -> list[dict[str, Any]]:
    """Return a schema as TableFieldSchemas."""
    return [_field(field.name, field.type) for field in schema]


def _field(name: str, kind: "pa.DataType") -> dict[str, Any]:
    import pyarrow.types as pt

    if pt.is_list(kind) or pt.is_large_list(kind):
        return {**_field(name, kind.value_type), "mode": "REPEATED"}
    if pt.is_struct(kind):
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": [_field(f.name, f.type) for f in kind]}
    return {"name": name, "type": _scalar(kind), "mode": "NULLABLE"}


def _scalar(kind: "pa.DataType") -> str:
    import pyarrow.types as pt

    tests = {
        "INTEGER": pt.is_int64,
        "FLOAT": pt.is_float64,
        "BOOLEAN": pt.is_boolean,
        "STRING": pt.is_string,
        "BYTES": pt.is_binary,
        "DATE": pt.is_date32,
        "TIME": pt.is_time64,
        "NUMERIC": pt.is_decimal128,
        "BIGNUMERIC": pt.is_decimal256,
    }
    if pt.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    for name, test in tests.items():
        if test(kind):
            return name
    raise TypeError(f"{kind} is no type in which BigQuery gives values; see engines.Engine")


def parameters_of(resources: list[Mapping[str, Any]]) -> dict[str, QueryParameter]:
    """Return QueryParameter resources as the config writes them.

    Raises:
        ValueError: a type or value that BigQuery does not know.
    """
    return {resource["name"]: _parameter(resource["parameterType"], resource["parameterValue"]) for resource in resources}


def _parameter(kind: Mapping[str, Any], value: Mapping[str, Any]) -> QueryParameter:
    if kind["type"] == "ARRAY":
        inner = kind["arrayType"]["type"]
        values = tuple(_value(inner, element["value"]) for element in value["arrayValues"])
        return QueryParameter(type=inner, value=values)
    return QueryParameter(type=kind["type"], value=_value(kind["type"], value["value"]))


def _value(kind: str, text: Any) -> Any:
    """Return a value that comes as text."""
    if kind == "BOOL" and text not in ("true", "false"):
        raise ValueError(f"Invalid BOOL value: '{text}'")
    convert: dict[str, Any] = {"INT64": int, "FLOAT64": float, "BOOL": lambda t: t == "true"}
    return convert.get(kind, str)(text)


def reference(name: str) -> dict[str, str]:
    """Return project.dataset.table as a TableReference."""
    project, dataset, table = name.split(".", 2)
    return {"projectId": project, "datasetId": dataset, "tableId": table}


def name_of(reference: Mapping[str, str]) -> str:
    """Return a TableReference as project.dataset.table."""
    return ".".join(reference[part] for part in ("projectId", "datasetId", "tableId"))


def dataset(reference: Mapping[str, str] | None) -> str | None:
    """Return a DatasetReference as project.dataset."""
    return f"{reference['projectId']}.{reference['datasetId']}" if reference else None


def millis(moment: float) -> str:
    """Return seconds since 1970 as BigQuery writes them."""
    return str(round(moment * 1000))
