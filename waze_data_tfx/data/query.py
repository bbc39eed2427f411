"""The query of a config: its text, the literal values of its parameters, and where its tables are on this machine.

Called by the engines and by whoever describes what a run reads. Reads the query's file and nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from waze_data_tfx.config.data import QueryParameter, Table
from waze_data_tfx.config.load import Loaded
from waze_data_tfx.config.problems import shown
from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.window import PARAMETERS
from waze_data_tfx.errors import DataError

PARAMETER_SIGN = "PARAMETER"
"""sqlglot's name of @ in BigQuery's dialect and $ in DuckDB's."""


@dataclass(frozen=True)
class Query:
    """What an engine runs.

    Attributes:
        file: the query's file, for messages.
        text: one SELECT in BigQuery's dialect.
        parameters: values by name, without @, also those of the window that it uses; literal, so that the same query gives the
            same rows tomorrow.
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
    text, own = _text(file), _text(override) if override.is_file() else None
    return Query(
        file=file,
        text=text,
        parameters={**config.data.parameters, **_of_window(config, parameters_used(text, own))},
        tables=config.data.tables,
        override=own,
    )


def parameters_used(text: str, override: str | None = None) -> dict[str, int]:
    """Return the line of the first use of each @parameter of a query, and each $parameter of its override."""
    from sqlglot import tokenize
    from sqlglot.errors import TokenError

    used: dict[str, int] = {}
    for written, dialect in ((text, "bigquery"), (override or "", "duckdb")):
        try:
            tokens = tokenize(written, read=dialect)
        except TokenError:  # said with its line by whoever translates the query
            continue
        for before, sign, name in zip([None, *tokens], tokens, tokens[1:], strict=False):
            system = before is not None and before.token_type.name == PARAMETER_SIGN  # @@name is a variable of the system
            if sign.token_type.name == PARAMETER_SIGN and name.token_type.name != PARAMETER_SIGN and not system:
                used.setdefault(name.text, name.line)
    return used


def window_problems(loaded: Loaded) -> list[str]:
    """Return what does not fit between the query and the config's window, with file and line.

    A parameter of a window that there is not, and a window that no parameter reads.
    """
    data = loaded.config.data
    if data.query is None:
        return []
    query = read_query(loaded.config)
    used = {name: line for name, line in parameters_used(query.text, query.override).items() if name in PARAMETERS}
    if data.window is None:
        what = "is given by data.window; received none; add one, such as {length: 4w}"
        return [f"{shown(query.file)}:{line}: @{name}: {what}" for name, line in used.items()]
    if not set(used) - {"run_date"}:
        names = ", ".join(f"@{name}" for name in PARAMETERS if name != "run_date")
        return [f"{loaded.where('data', 'window')}: no parameter of {query.file.name} reads it; expected one of {names} there"]
    start = next((name for name in used if name.startswith("window_start")), None)
    if start and not any(name.startswith("window_end") for name in used):
        end = start.replace("start", "end")
        what = f"nothing says where the window ends, so that a run of a past day reads what came after; expected @{end}, too"
        return [f"{shown(query.file)}:{used[start]}: @{start}: {what}"]
    return []


def check_window(config: Config, n_rows: int) -> None:
    """Look whether the window holds as many rows as the config asks for.

    Raises:
        DataError: too few, or none.
    """
    window = config.data.window
    if window is None or n_rows >= window.min_rows:
        return
    start, end = window.days
    given = ", ".join(f"@{name}={p.value}" for name, p in read_query(config).parameters.items())
    raise DataError(
        f"{config.data.query}: {n_rows or 'no'} rows in the window {start} to {end} (the last day is not part of it; "
        f"{window.length} in {window.timezone}); expected at least {window.min_rows} (data.window.min_rows); the query was given "
        f"{given}",
        hint="look whether the tables reach so far, or try another day with --run-date",
    )


def _of_window(config: Config, used: Iterable[str]) -> dict[str, QueryParameter]:
    """Return the values that a window gives, of the parameters that the query uses."""
    window = config.data.window
    values = window.values() if window is not None and window.is_literal else {}
    return {name: QueryParameter(type=PARAMETERS[name], value=values[name]) for name in used if name in values}


def override_of(file: Path) -> Path:
    """Return the file that, where it exists, is run by DuckDB in place of `file`."""
    return file.with_suffix(".duckdb.sql")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read; {error}", hint="the query is a text file in UTF-8") from error
