"""Which columns cannot be read as the config declares them, by the types that they are stored in.

Called by `check` and by QueryExampleGen's plan for rows that say their types: a query's, and Parquet's. Reads nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.section import ColumnType

from .values import refusal

if TYPE_CHECKING:
    import pyarrow as pa


def unreadable(config: Config, types: Mapping[str, ColumnType], stored: "Mapping[str, pa.DataType]") -> dict[str, str]:
    """Return by column why it cannot be read as its declared type, with the next step.

    Args:
        config: names the columns that have one value per row.
        types: declared type by column.
        stored: Arrow type by column, fields of structs as columns; columns that it does not know are not judged.
    """
    found = {}
    for name, kind in types.items():
        if name not in stored:
            continue
        said = refusal(stored[name], kind) or _one_value(config, name, stored[name]) or _several(config, name, stored[name])
        if said:
            found[name] = f"cannot be read as {kind}: {said}"
    return found


def _one_value(config: Config, name: str, stored: "pa.DataType") -> str | None:
    """Return why a column that has a role of its own cannot be an array, or bytes."""
    import pyarrow.types as pt

    role = {config.label: "label", config.weight: "weight", config.key: "key"}.get(name)
    if role is None:
        return None
    if pt.is_list(stored) or pt.is_large_list(stored) or pt.is_fixed_size_list(stored):
        several = role == "label" and config.task == "multilabel_classification"
        step = f"join its texts: ARRAY_TO_STRING({name}, '{config.label_separator}')" if several else "select one of its values"
        return f"the {role} has one value per row; received an array; {step}"
    if pt.is_binary(stored) or pt.is_large_binary(stored) or pt.is_fixed_size_binary(stored):
        return f"the {role} is text or a number; received bytes; convert it in the query, such as by TO_HEX"
    return None


def _several(config: Config, name: str, stored: "pa.DataType") -> str | None:
    """Return why the column of a bandit's eligible actions cannot be one text."""
    import pyarrow.types as pt

    if config.bandit is None or name != config.bandit.columns.eligible:
        return None
    if pt.is_list(stored) or pt.is_large_list(stored) or pt.is_fixed_size_list(stored):
        return None
    return f"the eligible actions are an array of names; received one text; split it: SPLIT({name}, ',')"
