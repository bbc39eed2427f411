"""BigQuery's SQL, translated to DuckDB rightly or not at all.

Called by the query engine, by `waze-tfx check` and by `plan`. Knows no file but the text it is given and no rows. sqlglot and
duckdb are imported when a function is called.
"""

from pathlib import Path
from typing import Any

from waze_data_tfx.data.sql.translated import Translated

__all__ = ["Translated", "check_repeatable", "prepare", "read_override", "references", "translate"]


def check_repeatable(text: str, *, file: Path) -> None:
    """Check BigQuery's own text, which need not be on the tested list, for what would give other rows tomorrow.

    Raises:
        ConfigError: with every such function and its line.
    """
    from waze_data_tfx.data.sql.repeatable import refuse_unrepeatable

    refuse_unrepeatable(text, file=file, dialect="bigquery")


def translate(text: str, *, file: Path) -> Translated:
    """Translate one BigQuery query into DuckDB's dialect.

    Raises:
        ConfigError: with every problem, each `file:line: construct: what; received; the next step`.
    """
    from waze_data_tfx.data.sql import translation

    return translation.translate(text, file=file)


def read_override(text: str, *, file: Path) -> Translated:
    """Read a query that a person wrote in DuckDB's dialect: its tables, as `"project.dataset.table"`, and its `$parameters`.

    Raises:
        ConfigError: where it is not one SELECT, or names a table otherwise.
    """
    from waze_data_tfx.data.sql import translation

    return translation.read_override(text, file=file)


def references(text: str, *, file: Path) -> Translated:
    """Return the tables and parameters of BigQuery's own text, untranslated: `sql` is that text, for BigQuery to run.

    Raises:
        ConfigError: where it is not one SELECT.
    """
    from waze_data_tfx.data.sql import translation

    return translation.references(text, file=file)


def prepare(connection: Any, sql: str | None = None) -> None:
    """Give a DuckDB connection BigQuery's time zone (UTC) and the functions that translated queries call, or this one does."""
    from waze_data_tfx.data.sql import functions

    functions.register(connection, sql)
