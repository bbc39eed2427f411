"""The query of a config: its text, the literal values of its parameters, and where its tables are on this machine.

Called by the engines and by whoever describes what a run reads. Reads the query's file and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError


@dataclass(frozen=True)
class Query:
    """What an engine runs.

    Attributes:
        file: the query's file, for messages.
        text: one SELECT in BigQuery's dialect.
        parameters: values by name, without @; literal, so that the same query gives the same rows tomorrow.
        tables: where a table, as the query names it, is on this machine.
        override: text in DuckDB's dialect, from the file with the ending .duckdb.sql beside `file`; None if there is none.
    """

    file: Path
    text: str
    parameters: Mapping[str, QueryParameter]
    tables: Mapping[str, Table]
    override: str | None = None

    @property
    def override_file(self) -> Path:
        """Return where the query's text in DuckDB's dialect is looked for."""
        return override_of(self.file)


def read_query(config: Config) -> Query:
    """Return the config's query.

    Raises:
        DataError: its file cannot be read, or is not UTF-8.
    """
    file = config.data.query
    assert file is not None
    override = override_of(file)
    return Query(
        file=file,
        text=_text(file),
        parameters=config.data.parameters,
        tables=config.data.tables,
        override=_text(override) if override.is_file() else None,
    )


def override_of(file: Path) -> Path:
    """Return the file that, where it exists, is run by DuckDB in place of `file`."""
    return file.with_suffix(".duckdb.sql")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read; {error}", hint="the query is a text file in UTF-8") from error
