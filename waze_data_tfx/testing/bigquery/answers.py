"""How the fake answers SQL: by the project's own DuckDB, over its tables.

Called by the fake's state where a test gives no function of its own. Writes the tables to a temporary folder.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import Query
from waze_data_tfx.errors import WazeTfxError

from .state import Refused

if TYPE_CHECKING:
    import pyarrow as pa


def by_duckdb(text: str, parameters: Mapping[str, QueryParameter], tables: "Mapping[str, pa.Table]") -> "pa.Table":
    """Return the query's rows.

    Args:
        text: in BigQuery's dialect.
        parameters: by name.
        tables: by name, as the query writes them.

    Raises:
        Refused: it cannot be run.
    """
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


def tables_and_parameters(text: str) -> tuple[list[str], list[str]]:
    """Return the names of tables and @parameters in a query, as they are written.

    Raises:
        Refused: it cannot be parsed.
    """
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
