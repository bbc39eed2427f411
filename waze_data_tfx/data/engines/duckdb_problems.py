"""What DuckDB refuses, in the words and lines of the query that a person wrote.

Called by `duckdb`. DuckDB's own lines are those of the translation, which nobody has written; the name that it complains of is
looked up in the query instead.
"""

import re
from collections.abc import Collection

from waze_data_tfx.data.query import Query
from waze_data_tfx.errors import DataError, did_you_mean

UNKNOWN = re.compile(r'(?:does not have a column named|Referenced column) "(?P<name>[^"]+)"')
NAMED = re.compile(r'(?:column name|column|reference to) "(?P<name>[^"]+)"')
CAST = re.compile(r"Could not convert \w+ '(?P<value>.*?)' to \w+ when casting from source column (?P<name>\w+)", re.DOTALL)
CSV = re.compile(
    r'CSV Error on Line: (?P<line>\d+).*?converting column "(?P<name>[^"]+)"\.\s*Could not convert string "(?P<value>.*?)" to'
    r" '(?P<type>\w+)'.*?file = (?P<file>\S+)",
    re.DOTALL,
)
CSV_LINE = re.compile(
    r"CSV Error on Line: (?P<line>\d+)\s+Original Line: (?P<received>.*)\n(?P<said>.*)\n[\s\S]*?file = (?P<file>\S+)"
)
FAILED = "Python exception occurred while executing the UDF: ValueError: "
"""What DuckDB says before the message of a macro's error."""


def refused(message: str, query: Query, *, known: Collection[str] = (), csv: str | None = None) -> DataError:
    """Return what a person can do about DuckDB's message.

    Args:
        message: DuckDB's.
        query: that it was about.
        known: columns of the tables that the query reads.
        csv: a table of the query that is a CSV, where there is one.
    """
    file, text = (query.file, query.text) if query.override is None else (query.override_file, query.override)
    if found := CSV.search(message):
        return DataError(
            f"{found['file']}:{found['line']}: {found['name']}: expected {found['type']}; received {found['value']!r}",
            hint=f"mend the row, or read the column as text: types: {{{found['name']}: STRING}} beside the table's file",
        )
    if found := CSV_LINE.search(message):
        return DataError(
            f"{found['file']}:{found['line']}: {found['said']}; received '{found['received']}'",
            hint="mend the line, or the column's type in data.tables",
        )
    said = " ".join(re.split(r"\s*\n*LINE \d+:|\n\s*Possible solutions|\n\s*Candidate", message)[0].split()).replace(FAILED, "")
    if found := UNKNOWN.search(message):
        name = found["name"]
        columns = f"; known: {', '.join(known)}{did_you_mean(name, known)}" if known else ""
        return DataError(f"{_place(file, text, name)}: unknown column '{name}'{columns}", hint="mend the name in the query")
    if found := CAST.search(message):
        return DataError(
            f"{_place(file, text, found['name'])}: {found['name']}: expected a number; received {found['value']!r}",
            hint=f"mend the row, or SAFE_CAST({found['name']} AS FLOAT64), which makes it NULL",
        )
    named = NAMED.search(message)
    hint = (
        "a CSV's column is text where one of its values is no number; to be told the line, declare the column: "
        f"data.tables: {{{csv}: {{file: ..., types: {{COLUMN: INT64}}}}}}"
    )
    where = _place(file, text, named["name"]) if named else file
    return DataError(f"{where}: DuckDB cannot run the query; {said}", hint=hint if csv and "VARCHAR" in said else "")


def _place(file: object, text: str, name: str) -> str:
    """Return `file:line` of the name's first use, or the file alone."""
    lines = (i for i, line in enumerate(text.splitlines(), 1) if re.search(rf"(?i)\b{re.escape(name)}\b", line.split("--")[0]))
    line = next(lines, None)
    return f"{file}:{line}" if line else str(file)
