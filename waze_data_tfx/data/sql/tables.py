"""Which tables and parameters a query names.

Called by `translation` for BigQuery's text and for a person's text in DuckDB's dialect. Changes nothing.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from waze_data_tfx.data.sql.grammar import line
from waze_data_tfx.errors import did_you_mean


def tables(tree: exp.Query) -> list[exp.Table]:
    """Return the tables of the query as they stand in the text; names of WITH are none."""
    known = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = [t for t in tree.find_all(exp.Table) if t.db or t.name.lower() not in known]
    return sorted(found, key=_place)


def names(found: list[exp.Table]) -> tuple[str, ...]:
    """Return `project.dataset.table` of each, once."""
    return tuple(dict.fromkeys(name(table) for table in found))


def name(table: exp.Table) -> str:
    """Return the parts with dots between them, without backquotes."""
    return ".".join(part.name for part in table.parts)


def problems(tree: exp.Query) -> Iterator[tuple[int, str]]:
    """Yield (line, problem) of each table that cannot be read locally."""
    known = sorted({cte.alias for cte in tree.find_all(exp.CTE)})
    for table in tables(tree):
        full = name(table)
        if not isinstance(table.this, exp.Identifier | exp.Dot) or not full:
            yield line(table), f"table function: not on the tested list; received {table.this.sql('bigquery')}"
        elif "*" in full:
            yield (
                line(table),
                f"wildcard table: a run must be repeatable, and tables come and go; received {full}; name one table",
            )
        elif "INFORMATION_SCHEMA" in full.upper():
            yield line(table), f"INFORMATION_SCHEMA: describes BigQuery, not data; received {full}"
        elif "$" in full or "@" in full:
            yield line(table), f"table decorator: not on the tested list; received {full}; filter by a column"
        elif len(table.parts) == 1:
            guess = did_you_mean(full, known)
            yield line(table), f"table: expected project.dataset.table or dataset.table; received {full}{guess}"


def parameters(text: str, *, dialect: Any) -> tuple[str, ...]:
    """Return the names after @ or $, in order of first use."""
    tokens = Dialect.get_or_raise(dialect).tokenize(text)
    pairs = pairwise(tokens)
    return tuple(dict.fromkeys(after.text for before, after in pairs if before.token_type == TokenType.PARAMETER))


def _place(table: exp.Table) -> tuple[int, int]:
    starts = [n.meta["start"] for n in table.walk() if n.meta.get("start") is not None]
    return line(table), min(starts, default=0)
