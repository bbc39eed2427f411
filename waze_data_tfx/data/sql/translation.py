"""The road from BigQuery's text to DuckDB's: parse, check all, rewrite from the leaves up, write. Called by the package only."""

from collections.abc import Iterator
from pathlib import Path

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from waze_data_tfx.data.sql import checking, rewriting, tables
from waze_data_tfx.data.sql.grammar import PlainBigQuery, line, parse
from waze_data_tfx.data.sql.refusal import Refused
from waze_data_tfx.data.sql.repeatable import refuse_unrepeatable
from waze_data_tfx.data.sql.translated import Translated
from waze_data_tfx.errors import ConfigError


def translate(text: str, *, file: Path) -> Translated:
    """See the package's `translate`."""
    tree = parse(text, file=file, dialect=PlainBigQuery)
    found = sorted(set(checking.problems(tree)))
    names = tables.names(tables.tables(tree)) if not found else ()
    tree, refused = _rewritten(tree)
    problems = sorted({*found, *refused})
    has_order = _has_order(tree)
    if problems:
        raise ConfigError([_message(file, where, what) for where, what in problems])
    try:
        sql = tree.sql("duckdb", identify=True, normalize_functions=False, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise ConfigError([_message(file, line(tree), f"query: {error}")]) from error
    return Translated(sql=sql, tables=names, parameters=tables.parameters(text, dialect=PlainBigQuery), has_order=has_order)


def read_override(text: str, *, file: Path) -> Translated:
    """See the package's `read_override`."""
    tree = parse(text, file=file, dialect="duckdb")
    refuse_unrepeatable(text, file=file, dialect="duckdb")
    found = tables.tables(tree)
    split = [t for t in found if t.db]
    if split:
        raise ConfigError(
            [f'{file}:{line(t)}: table: expected one quoted name, "{tables.name(t)}"; received {t.sql("duckdb")}' for t in split]
        )
    named = [t for t in found if isinstance(t.this, exp.Identifier)]
    return Translated(
        sql=text.strip().rstrip(";").rstrip(),
        tables=tables.names(named),
        parameters=tables.parameters(text, dialect="duckdb"),
        has_order=_has_order(tree),
    )


def references(text: str, *, file: Path) -> Translated:
    """See the package's `references`."""
    tree = parse(text, file=file, dialect=PlainBigQuery)
    return Translated(
        sql=text, tables=tables.names(tables.tables(tree)), parameters=tables.parameters(text, dialect=PlainBigQuery)
    )


def _rewritten(tree: exp.Query) -> tuple[exp.Query, list[tuple[int, str]]]:
    """Return the tree in DuckDB's form and what was refused on the way."""
    problems: list[tuple[int, str]] = []
    holder = exp.Subquery(this=tree)
    _name_columns(tree)
    _name_tables(tree)
    for node in reversed(list(tree.walk(bfs=False))):
        where = line(node)
        try:
            made = rewriting.rewritten(node)
        except Refused as refused:
            problems.append((where, str(refused)))
            continue
        if made is not node:
            node.replace(made)
            made.meta["line"] = where
    return holder.this, problems


def _has_order(tree: exp.Query) -> bool:
    """Whether the rows come in an order that is said, or in that of the one table that is read row by row."""
    if tree.args.get("order"):
        return True
    several = (exp.Join, exp.Group, exp.Distinct, exp.SetOperation, exp.Window, exp.AggFunc, exp.Unnest)
    return len(list(tree.find_all(exp.Select))) == 1 and not tree.find(*several)


def _name_tables(tree: exp.Query) -> None:
    """Make each table one quoted identifier, known by its last part as in BigQuery."""
    for table in tables.tables(tree):
        full = exp.to_identifier(tables.name(table), quoted=True)
        alias = table.alias or table.parts[-1].name
        table.replace(exp.Table(this=full, alias=exp.TableAlias(this=exp.to_identifier(alias))))


def _name_columns(tree: exp.Query) -> None:
    """Name what has no name as BigQuery does: f0_, f1_, ...; of a field of a struct, the field."""
    for query in tree.find_all(exp.Select):
        outermost = query is _first(tree)
        unnamed = iter(range(len(query.expressions)))
        for projection in query.expressions:
            name = "".join(_name(projection, unnamed, outermost=outermost))
            if name:
                projection.replace(exp.alias_(projection.copy(), name, quoted=True))


def _name(projection: exp.Expr, unnamed: Iterator[int], *, outermost: bool) -> Iterator[str]:
    if isinstance(projection, exp.Dot) or (isinstance(projection, exp.Column) and projection.args.get("db")):
        yield "" if projection.find(exp.Star) else projection.name
    elif outermost and not isinstance(projection, exp.Alias | exp.Column | exp.Star):
        yield f"f{next(unnamed)}_"


def _first(tree: exp.Query) -> exp.Expr:
    here: exp.Expr = tree
    while not isinstance(here, exp.Select) and isinstance(here.this, exp.Expr):
        here = here.this
    return here


def _message(file: Path, where: int, what: str) -> str:
    override = file.with_name(f"{file.stem}.duckdb.sql").name
    return f"{file}:{where}: {what}; or write {override} beside it, in DuckDB's dialect"
