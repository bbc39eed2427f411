"""How the fake answers SQL: what a query reads, and its rows, by the project's own DuckDB over the fake's tables.

Called by `jobs`. Writes the tables to a temporary folder. A test may give a function in place of DuckDB.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import Query
from waze_data_tfx.errors import WazeTfxError

from .state import Refused, State

if TYPE_CHECKING:
    import pyarrow as pa

_BEFORE = re.compile(r"^(\s|--.*|#.*|/\*(.|\n)*?\*/|\()*")


@dataclass(frozen=True)
class Analysis:
    """What a query is.

    Attributes:
        statement: its kind, such as SELECT.
        names: the tables and views that it names, as it writes them -> full name.
        read: the tables behind them, once each: BigQuery looks through views.
        undeclared: its parameters that have no value.
    """

    statement: str
    names: Mapping[str, str]
    read: tuple[str, ...]
    undeclared: tuple[str, ...]


def analyze(state: State, text: str, parameters: Mapping[str, Any], project: str, default: str | None) -> Analysis:
    """Return what a query is.

    Raises:
        Refused: it names a table that does not exist, or cannot be parsed.
    """
    first = _BEFORE.sub("", text)
    if not re.match(r"(select|with)\b", first, re.IGNORECASE):
        return Analysis("_".join(first.upper().split()[:2]), {}, (), ())
    tables, wanted = _tables_and_parameters(text)
    names = {name: state.full_name(name, project, default) for name in tables}
    read = dict.fromkeys(full for name in names.values() for full in _behind(state, name))
    return Analysis("SELECT", names, tuple(read), tuple(name for name in wanted if name not in parameters))


def rows_of(state: State, text: str, parameters: Mapping[str, QueryParameter], found: Analysis) -> "pa.Table":
    """Return a query's rows.

    Raises:
        Refused: it cannot be run.
    """
    if state.answer is not None:
        return state.answer(text, parameters)
    return _by_duckdb(text, parameters, {written: _content(state, full) for written, full in found.names.items()})


def _behind(state: State, name: str) -> list[str]:
    """Return the tables that a table or view is."""
    if name not in state.views:
        return [name]
    inner = _tables_and_parameters(state.views[name])[0]
    return [table for n in inner for table in _behind(state, state.full_name(n, name.split(".")[0], None))]


def _content(state: State, name: str) -> "pa.Table":
    if name not in state.views:
        return state.tables[name]
    text = state.views[name]
    return rows_of(state, text, {}, analyze(state, text, {}, name.split(".")[0], None))


def _by_duckdb(text: str, parameters: Mapping[str, QueryParameter], tables: "Mapping[str, pa.Table]") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    from waze_data_tfx.data.engines.duckdb import DuckDB

    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"table{i}.parquet" for i, name in enumerate(tables)}
        for name, file in files.items():
            pq.write_table(tables[name], file)
        mapped = {name: Table(file=str(file)) for name, file in files.items()}
        query = Query(file=Path("query"), text=text, parameters=parameters, tables=mapped)
        engine = DuckDB(query, Config.model_construct(**dict[str, Any](root=Path(folder))))
        try:
            schema = pa.schema(list(engine.columns().items()))
            shards = engine.stage(folder, 1).shards
            return pa.Table.from_batches([batch for shard in shards for batch in shard.batches()], schema)
        except WazeTfxError as error:
            raise Refused(400, "invalidQuery", re.sub(r"^query(:\d+)?: ", "", error.message)) from error


def _tables_and_parameters(text: str) -> tuple[list[str], list[str]]:
    """Return the names of tables and @parameters in a query, as they are written."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(text, dialect="bigquery")
    except sqlglot.errors.ParseError as error:
        first = error.errors[0]
        message = f"Syntax error: {first['description']} at [{first['line']}:{first['col']}]"
        raise Refused(400, "invalidQuery", message) from error
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [".".join(part.name for part in table.parts) for table in tree.find_all(exp.Table)]
    parameters = [parameter.name for parameter in tree.find_all(exp.Parameter)]
    return [name for name in dict.fromkeys(tables) if name and name not in own], list(dict.fromkeys(parameters))
