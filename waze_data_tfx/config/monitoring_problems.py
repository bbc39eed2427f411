"""Which settings under `monitoring`, each valid, do not fit the rest of the config.

Called by `consistency`. Never reads a file.
"""

from collections.abc import Iterator

from ..errors import unknown_name
from .monitoring import Watch
from .schema import Config


def monitoring_problems(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, what is wrong) of every column that cannot be watched as it is written."""
    for name, watch in (("drift", config.monitoring.drift), ("skew", config.monitoring.skew)):
        if watch is not None:
            yield from _watch_problems(config, watch, f"monitoring.{name}")


def _watch_problems(config: Config, watch: Watch, where: str) -> Iterator[tuple[str, str]]:
    types = config.column_types()
    for i, column in enumerate(watch.ignore):
        if column not in types:
            yield f"{where}.ignore.{i}", unknown_name("column", column, types)
        elif column in watch.columns:
            yield f"{where}.ignore.{i}", f"'{column}' has a threshold under {where}.columns; keep one of them"
    for column, own in watch.columns.items():
        kind = types.get(column)
        if kind is None:
            yield f"{where}.columns.{column}", unknown_name("column", column, types)
        elif kind == "string" and own.measure == "jensen_shannon":
            yield f"{where}.columns.{column}.measure", f"'{column}' is read as text; jensen_shannon needs numbers; use l_infinity"
        elif kind == "float" and own.measure == "l_infinity":
            yield (
                f"{where}.columns.{column}.measure",
                f"'{column}' is read as float, and nearly every value would be one of its own; use jensen_shannon",
            )
