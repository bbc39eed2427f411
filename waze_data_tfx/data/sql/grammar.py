"""How a query's text becomes one tree, and where in the text a piece of the tree stands.

Called by `translation`. The grammar is sqlglot's for BigQuery with one change: every call `NAME(...)` stays a call by that
name, so that no function is understood before `supported` has let it through.
"""

from pathlib import Path
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.bigquery import BigQueryParser

from waze_data_tfx.errors import ConfigError

KEPT = ("CAST", "EXTRACT", "SAFE_CAST")
"""Calls with a syntax of their own."""


class _Parser(BigQueryParser):
    FUNCTIONS: ClassVar[Any] = {}
    FUNCTION_PARSERS: ClassVar[Any] = {name: parse for name, parse in BigQueryParser.FUNCTION_PARSERS.items() if name in KEPT}

    def expression(self, *args: Any, **kwargs: Any) -> Any:
        """Note the line of what sqlglot gives no position, such as a parameter."""
        made = super().expression(*args, **kwargs)
        made.meta.setdefault("read_on", self._prev.line)
        return made


class PlainBigQuery(BigQuery):
    """BigQuery's grammar in which every function call is only a name and arguments."""

    Parser = _Parser


def parse(text: str, *, file: Path, dialect: Any) -> exp.Query:
    """Parse one SELECT or WITH ... SELECT.

    Raises:
        ConfigError: where it is something else, several statements, or none.
    """
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=dialect) if tree is not None]
    except ParseError as error:
        raise ConfigError([_syntax(detail, file) for detail in error.errors]) from error
    except TokenError as error:
        raise ConfigError([f"{file}: syntax: {_one_line(str(error))}"]) from error
    if len(trees) != 1:
        where = f"{file}:{line(trees[1])}" if trees else f"{file}"
        raise ConfigError([f"{where}: statements: expected one SELECT; received {len(trees) or 'none'}"])
    tree: Any = trees[0]
    while isinstance(tree, exp.Subquery) and not tree.alias:
        tree = tree.this
    if not isinstance(tree, exp.Query):
        name = tree.this if isinstance(tree, exp.Command) else tree.key.upper()
        raise ConfigError([f"{file}:{line(tree)}: {name}: expected one SELECT or WITH ... SELECT; received another statement"])
    return tree


def line(node: exp.Expr) -> int:
    """Return the line on which the construct begins: its own, its first part's, or that of what holds it."""
    here: exp.Expr | None = node
    while here is not None:
        own = here.meta.get("line")
        lines = [own] if own else [n.meta["line"] for n in here.walk() if n.meta.get("line")]
        lines = lines or [n.meta["read_on"] for n in here.walk() if n.meta.get("read_on")]
        if lines:
            return int(min(lines))
        here = here.parent
    return 1


def _syntax(detail: dict[str, Any], file: Path) -> str:
    what = _one_line(str(detail["description"]).split("<Token")[0]).removesuffix(" but got")
    near = _one_line(f"{detail['start_context'][-40:]}{detail['highlight']}{detail['end_context'][:20]}")
    return f"{file}:{detail['line']}:{detail['col']}: syntax: {what}; received '{near}'"


def _one_line(text: str) -> str:
    return " ".join(text.split())
