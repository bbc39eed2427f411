"""BigQuery's dialect of SQL, translated to DuckDB's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waze_data_tfx.errors import ConfigError


@dataclass(frozen=True)
class Translated:
    """A query in DuckDB's dialect: one SELECT, its tables as quoted names, its parameters as $name."""

    sql: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]


def translate(text: str, *, file: Path) -> Translated:
    """Return the query in DuckDB's dialect.

    Raises:
        ConfigError: it cannot be translated.
    """
    return _read(text, file, "bigquery")


def read_override(text: str, *, file: Path) -> Translated:
    """Return a query that is in DuckDB's dialect already.

    Raises:
        ConfigError: it is no SELECT.
    """
    return _read(text, file, "duckdb")


def prepare(connection: Any) -> None:
    """Set the connection up for translated queries."""
    connection.execute("SET TimeZone = 'UTC'")


def _read(text: str, file: Path, dialect: str) -> Translated:
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(text, dialect=dialect)
    except sqlglot.errors.ParseError as error:
        raise ConfigError([f"{file}: {' '.join(str(error).split())}"]) from None
    local = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = []
    for table in list(tree.find_all(exp.Table)):
        name = ".".join(part.name for part in table.parts)
        if name in local:
            continue
        tables.append(name)
        alias = table.alias or table.name
        named = exp.Table(this=exp.to_identifier(name, quoted=True))
        table.replace(exp.alias_(named, alias, table=True))
    parameters = [parameter.name for parameter in tree.find_all(exp.Parameter)]
    sql = tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    return Translated(sql, tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(parameters)))
