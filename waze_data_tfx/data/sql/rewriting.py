"""Each syntax node that BigQuery and DuckDB read differently, as DuckDB reads it.

Called by `translation`, children before parents. Knows no function: those are in `calls`.
"""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from waze_data_tfx.data.sql import calls, times
from waze_data_tfx.data.sql.checking import is_part
from waze_data_tfx.data.sql.refusal import Refused, call, text
from waze_data_tfx.data.sql.supported import AGGREGATE, FUNCTIONS, TYPES

TAKES_INTERVAL = ("GENERATE_DATE_ARRAY", *(f"{k}_{v}" for k in times.SHIFTED for v in ("ADD", "SUB")))
"""Calls that rewrite their INTERVAL themselves."""


def rewritten(node: Any) -> exp.Expr:
    """Return the node as DuckDB's, or itself where both mean the same.

    Raises:
        Refused: where no form of DuckDB's is right.
    """
    rewrite = REWRITINGS.get(type(node).__name__)
    return node if rewrite is None or is_part(node) else rewrite(node)


def _call(node: exp.Anonymous) -> exp.Expr:
    name = node.name.upper()
    made = calls.rewritten(name, node.expressions) if name in FUNCTIONS else node
    over = isinstance(node.parent, exp.Window) and node.arg_key == "this"
    if over and made.name in ("list_slice", "array_to_string", "quantile_disc") and name in AGGREGATE:
        raise Refused(name, "LIMIT or quantiles with OVER are not on the tested list")
    return made


def _number(node: exp.Literal) -> exp.Expr:
    """Return FLOAT64 for 1.5, which to DuckDB is a decimal, and INT64 where literals alone are calculated with."""
    if node.is_string:
        return node
    if not node.this.isdigit():
        return calls.double(float(node.this))
    operands = [node.parent.this, node.parent.expression] if isinstance(node.parent, exp.Add | exp.Sub | exp.Mul) else []
    alone = operands and all(isinstance(o, exp.Literal) for o in operands) and node is operands[0]
    return exp.Cast(this=node.copy(), to=exp.DataType.build("BIGINT")) if alone else node


def _raw(node: exp.RawString) -> exp.Expr:
    return text(node.this)


def _divide(node: exp.Div) -> exp.Expr:
    return call("bq_divide", node.this, node.expression)


def _minus(node: exp.Sub) -> exp.Expr:
    return node if _plain(node) else call("bq_minus", node.this, node.expression)


def _times(node: exp.Mul) -> exp.Expr:
    return node if _plain(node) else call("bq_times", node.this, node.expression)


def _plain(node: exp.Binary) -> bool:
    return any(isinstance(side, exp.Literal | exp.Cast) for side in (node.this, node.expression))


def _join_texts(node: exp.DPipe) -> exp.Expr:
    texts = any(isinstance(side, exp.Literal) for side in (node.this, node.expression))
    return exp.DPipe(this=node.this, expression=node.expression) if texts else call("bq_join", node.this, node.expression)


def _cast(node: exp.Cast) -> exp.Expr:
    name = _type_name(node.to)
    return node if name == "ARRAY" else call(f"bq_{TYPES.get(name, name)}", node.this)


def _safe_cast(node: exp.TryCast) -> exp.Expr:
    name = _type_name(node.to)
    return call(f"bq_safe_{TYPES.get(name, name)}", node.this)


def _type_name(to: exp.DataType) -> str:
    return to.this.name if hasattr(to.this, "name") else str(to.this)


def _interval(node: exp.Interval) -> exp.Expr:
    parent = node.parent
    taken = isinstance(parent, exp.Anonymous) and parent.name.upper() in TAKES_INTERVAL
    return node if taken else times.interval(node)


def _bracket(node: exp.Bracket) -> exp.Expr:
    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        raise Refused("[]", "expected one index", received=node.sql("bigquery"))
    index = node.expressions[0]
    if node.args.get("offset") == 1:
        index = exp.Sub(this=exp.Paren(this=index), expression=exp.Literal.number(1))
    return call("bq_safe_offset" if node.args.get("safe") else "bq_offset", node.this, index)


def _like(node: exp.Like) -> exp.Expr:
    escaped = exp.Escape(this=exp.Like(this=node.this, expression=node.expression), expression=text("\\"))
    return exp.Paren(this=exp.Not(this=exp.Paren(this=escaped))) if node.args.get("negate") else escaped


def _in(node: exp.In) -> exp.Expr:
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    inner = exp.select(call("unnest", unnest.expressions[0]))
    return exp.In(this=node.this, query=exp.Subquery(this=inner))


def _unnest(node: exp.Unnest) -> exp.Expr:
    """Return the rows of an array in FROM; DuckDB counts WITH ORDINALITY from 1, so the offset is unnested beside the value."""
    if not isinstance(node.parent, exp.From | exp.Join):
        return node  # of IN UNNEST(...)
    alias = node.args.get("alias")
    if alias is None or len(alias.columns) + bool(alias.this) != 1 or len(node.expressions) != 1:
        raise Refused("UNNEST", "expected one array and a name: UNNEST(array) AS name", received=node.sql("bigquery"))
    value = alias.columns[0] if alias.columns else alias.this
    table = exp.to_identifier(f"_unnested_{value.name}", quoted=True)
    offset = node.args.get("offset")
    if not offset:
        return exp.Unnest(expressions=node.expressions, alias=exp.TableAlias(this=table, columns=[value.copy()]))
    array, place = node.expressions[0], offset if isinstance(offset, exp.Identifier) else exp.to_identifier("offset", quoted=True)
    places = call("unnest", call("range", call("len", array.copy())))
    both = exp.select(exp.alias_(call("unnest", array), value.copy()), exp.alias_(places, place.copy()))
    return exp.Subquery(this=both, alias=exp.TableAlias(this=table))


def _join(node: exp.Join) -> exp.Expr:
    """Say ON TRUE where BigQuery lets a join with UNNEST go without."""
    unnested = isinstance(node.this, exp.Unnest) or node.this.alias.startswith("_unnested_")
    if unnested and not node.args.get("on") and not node.args.get("using") and node.kind != "CROSS":
        node.set("on", exp.true())
    return node


def _select(node: exp.Select) -> exp.Expr:
    if node.find(exp.Star):
        _check_star(node)
    _resolve_aliases(node)
    if node.args.get("kind"):
        node.set("kind", None)
        node.set("expressions", [calls.rewritten("STRUCT", [e.copy() for e in node.expressions])])
    return node


def _check_star(node: exp.Select) -> None:
    """Refuse * over UNNEST: of structs BigQuery makes a column per field, DuckDB one column."""
    sources = [node.args["from_"], *(node.args.get("joins") or [])] if node.args.get("from_") else []
    aliases = [s.this.alias for s in sources if isinstance(s.this, exp.Unnest) or s.this.alias.startswith("_unnested_")]
    unnested = {alias.removeprefix("_unnested_").lower() for alias in aliases}
    for star in node.expressions:
        qualified = isinstance(star, exp.Column) and isinstance(star.this, exp.Star)
        bare = isinstance(star, exp.Star) or (isinstance(star, exp.Dot) and isinstance(star.expression, exp.Star))
        if (bare and unnested) or (qualified and (star.table.lower() in unnested or star.args.get("db"))):
            raise Refused(
                "*", "over UNNEST or a STRUCT is not on the tested list; name the columns", received=star.sql("bigquery")
            )


def _resolve_aliases(node: exp.Select) -> None:
    """Put what an alias stands for into the clauses where BigQuery takes the alias first and DuckDB the column."""
    aliases = {e.alias.lower(): (i, e.this) for i, e in enumerate(node.expressions, 1) if isinstance(e, exp.Alias)}
    starred = any(e.find(exp.Star) for e in node.expressions if not isinstance(e, exp.Alias))
    group = node.args.get("group")
    items = [
        i for item in (group.expressions if group else []) for i in (item.expressions if isinstance(item, exp.Rollup) else [item])
    ]
    for item in items:
        if isinstance(item, exp.Column) and not item.table and item.name.lower() in aliases:
            position, stands_for = aliases[item.name.lower()]
            item.replace(stands_for.copy() if starred or not isinstance(item.parent, exp.Group) else exp.Literal.number(position))
    meant = {name: expression for name, (_, expression) in aliases.items()}
    for key in ("having", "qualify", "order"):
        for column in list(node.args[key].find_all(exp.Column)) if node.args.get(key) else []:
            whole = isinstance(column.parent, exp.Ordered)  # there DuckDB takes the alias too
            if not column.table and column.name.lower() in meant and not whole and not _inside(column, node):
                column.replace(exp.Paren(this=meant[column.name.lower()].copy()))


def _inside(column: exp.Column, node: exp.Select) -> bool:
    """Whether an aggregate, a window or an inner query of the clause holds the column."""
    native = {to for _, to in AGGREGATE.values()}
    here = column.parent
    while here is not None and here is not node:
        if isinstance(here, exp.Query | exp.Window) or (isinstance(here, exp.Anonymous) and here.name.lower() in native):
            return True
        here = here.parent
    return False


REWRITINGS: dict[str, Callable[[Any], exp.Expr]] = {
    "Anonymous": _call,
    "Bracket": _bracket,
    "Cast": _cast,
    "DPipe": _join_texts,
    "Div": _divide,
    "Extract": times.extracted,
    "In": _in,
    "Interval": _interval,
    "Join": _join,
    "Like": _like,
    "Literal": _number,
    "Mul": _times,
    "RawString": _raw,
    "Select": _select,
    "Sub": _minus,
    "TryCast": _safe_cast,
    "Unnest": _unnest,
}
"""Which function rewrites which class of nodes."""
