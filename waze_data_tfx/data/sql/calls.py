"""Each call of the tested list, by BigQuery's name, as DuckDB's call with the same meaning.

Called by `rewriting` for every call, arguments first. Dates are in `times`; what the macros do is in `functions`.
"""

import re
from collections.abc import Callable

from sqlglot import exp

from waze_data_tfx.data.sql import times
from waze_data_tfx.data.sql.refusal import Refused, call, text
from waze_data_tfx.data.sql.supported import AGGREGATE, SCALAR, WINDOW

AVERAGED = ("AVG", "STDDEV", "STDDEV_SAMP", "STDDEV_POP", "VARIANCE", "VAR_SAMP", "VAR_POP")


def rewritten(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Return the call as DuckDB's.

    Raises:
        Refused: where these arguments are not on the tested list.
    """
    if name in SHAPED:
        return SHAPED[name](name, args)
    if name in AGGREGATES:
        return AGGREGATES[name](args)
    if name in SCALAR:
        return call(SCALAR[name][1], *args)
    if name in AGGREGATE:
        return _aggregate(name, args)
    if name in ("PERCENTILE_CONT", "PERCENTILE_DISC"):
        value = call("bq_float" if name == "PERCENTILE_CONT" else "bq_plain", args[0])
        return call(WINDOW[name][1], value, _share(name, args[1]))
    if name in TYPED and isinstance(args[0], exp.IgnoreNulls):
        rest = {"offset": args[1]} if len(args) > 1 else {}
        return exp.IgnoreNulls(this=TYPED[name](this=args[0].this, **rest))
    return call(WINDOW[name][1], *args)


def _aggregate(name: str, args: list[exp.Expr]) -> exp.Expr:
    for arg in args:
        if isinstance(arg, exp.Order | exp.Limit | exp.IgnoreNulls):
            raise Refused(name, "modifiers inside this aggregate are not on the tested list", received=arg.sql("bigquery"))
        if isinstance(arg, exp.Distinct) and len(arg.expressions) > 1:
            raise Refused(name, "expected one expression after DISTINCT", received=str(len(arg.expressions)))
    if name in AVERAGED:
        inner = args[0].expressions[0] if isinstance(args[0], exp.Distinct) else args[0]
        guarded = call("bq_float", inner.copy())
        args = [exp.Distinct(expressions=[guarded]) if isinstance(args[0], exp.Distinct) else guarded]
    return call(AGGREGATE[name][1], *args)


def _countif(args: list[exp.Expr]) -> exp.Expr:
    if isinstance(args[0], exp.Distinct):
        raise Refused("COUNTIF", "DISTINCT is not on the tested list")
    return call("count", exp.Case(ifs=[exp.If(this=args[0], true=exp.Literal.number(1))]))


def _distinct_count(args: list[exp.Expr]) -> exp.Expr:
    if isinstance(args[0], exp.Distinct | exp.IgnoreNulls | exp.Order | exp.Limit):
        raise Refused("APPROX_COUNT_DISTINCT", "expected one plain expression", received=args[0].sql("bigquery"))
    return call("count", exp.Distinct(expressions=[args[0]]))


def _quantiles(args: list[exp.Expr]) -> exp.Expr:
    value, number = args
    if not (isinstance(number, exp.Literal) and not number.is_string and number.this.isdigit() and int(number.this) > 0):
        raise Refused("APPROX_QUANTILES", "expected a literal number of quantiles", received=number.sql("bigquery"))
    n = int(number.this)
    return call("quantile_disc", value, exp.Array(expressions=[double(k / n) for k in range(n + 1)]))


def _array_agg(args: list[exp.Expr]) -> exp.Expr:
    limited, plain, order = _unpacked(args[0])
    only = plain.this if isinstance(plain, exp.IgnoreNulls) else plain
    inside = exp.Order(this=only.copy(), expressions=order) if order else only.copy()
    made: exp.Expr = call("list", inside)
    if isinstance(plain, exp.IgnoreNulls):
        value = only.expressions[0] if isinstance(only, exp.Distinct) else only
        made = exp.Filter(this=made, expression=exp.Where(this=exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))))
    return made if limited is None else call("list_slice", made, exp.Literal.number(1), limited)


def _string_agg(args: list[exp.Expr]) -> exp.Expr:
    limited, last, order = _unpacked(args[-1])
    value, delimiter = (args[0], last) if len(args) > 1 else (last, text(","))
    if isinstance(last, exp.Distinct) and len(last.expressions) == 2:  # STRING_AGG(DISTINCT x, ',') parses as one argument
        value, delimiter = exp.Distinct(expressions=[last.expressions[0]]), last.expressions[1]
    if isinstance(value, exp.IgnoreNulls):
        raise Refused("STRING_AGG", "IGNORE NULLS is what STRING_AGG always does; leave it out")
    if limited is None:
        return call("string_agg", value, exp.Order(this=delimiter, expressions=order) if order else delimiter)
    return call("array_to_string", _array_agg([_packed(value, order, limited)]), delimiter)


def _packed(value: exp.Expr, order: list[exp.Expr], limit: exp.Expr) -> exp.Expr:
    kept = exp.IgnoreNulls(this=value)
    return exp.Limit(this=exp.Order(this=kept, expressions=order) if order else kept, expression=limit)


def _unpacked(arg: exp.Expr) -> tuple[exp.Expr | None, exp.Expr, list[exp.Expr]]:
    """Return LIMIT, what is aggregated and ORDER BY's keys of `x ORDER BY y LIMIT n`."""
    limit = None
    if isinstance(arg, exp.Limit):
        limit, arg = arg.expression, arg.this
    order: list[exp.Expr] = []
    if isinstance(arg, exp.Order):
        order, arg = arg.expressions, arg.this
    return limit, arg, order


def _if(_name: str, args: list[exp.Expr]) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=args[0], true=args[1])], default=args[2])


def _struct(_name: str, args: list[exp.Expr]) -> exp.Expr:
    fields = []
    for arg in args:
        name = arg.alias if isinstance(arg, exp.Alias) else arg.name if isinstance(arg, exp.Column | exp.Dot) else ""
        if not name or (isinstance(arg, exp.Column) and isinstance(arg.this, exp.Star)):
            raise Refused("STRUCT", "expected a name for every field: STRUCT(x AS name)", received=arg.sql("bigquery"))
        value = arg.this if isinstance(arg, exp.Alias) else arg
        fields.append(exp.PropertyEQ(this=text(name), expression=value.copy()))
    return exp.Struct(expressions=fields)


def _array(_name: str, args: list[exp.Expr]) -> exp.Expr:
    query = args[0].this if isinstance(args[0], exp.Subquery) else args[0]
    if not isinstance(query, exp.Query):
        raise Refused("ARRAY", "expected ARRAY(SELECT ...)", received=args[0].sql("bigquery"))
    if isinstance(query, exp.Select) and len(query.expressions) != 1:
        raise Refused("ARRAY", "expected one column, or SELECT AS STRUCT", received=f"{len(query.expressions)} columns")
    return call("array", query)


def _concat(_name: str, args: list[exp.Expr]) -> exp.Expr:
    texts: list[exp.Expr] = [a if isinstance(a, exp.Literal) and a.is_string else call("bq_string", a) for a in args]
    made = texts[0]
    for part in texts[1:]:
        made = exp.DPipe(this=made, expression=part)
    return exp.Paren(this=made)


def _extreme(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Return GREATEST or LEAST, which in BigQuery are NULL where one argument is."""
    absent: exp.Expr = exp.Is(this=args[0].copy(), expression=exp.Null())
    for arg in args[1:]:
        absent = exp.Or(this=absent, expression=exp.Is(this=arg.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=absent, true=exp.Null())], default=call(name.lower(), *args))


def _extract(name: str, args: list[exp.Expr]) -> exp.Expr:
    value, pattern = args
    group = exp.Literal.number(_groups(name, pattern))
    found = call("regexp_extract", value.copy(), pattern.copy(), group)
    return exp.Case(ifs=[exp.If(this=call("regexp_matches", value, pattern), true=found)])


def _extract_all(name: str, args: list[exp.Expr]) -> exp.Expr:
    return call("regexp_extract_all", *args, exp.Literal.number(_groups(name, args[1])))


def _replace(name: str, args: list[exp.Expr]) -> exp.Expr:
    return call("regexp_replace", *args, text("g"))


def _groups(name: str, pattern: exp.Expr) -> int:
    """Return 1 where the pattern captures; a group that may stay unmatched is NULL in BigQuery and '' in DuckDB, so refused."""
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Refused(name, "expected a literal pattern", received=pattern.sql("bigquery"))
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "_", pattern.this)
    n = len(re.findall(r"\((?!\?)|\(\?P?<", bare))
    if n > 1:
        raise Refused(name, "expected at most one capturing group", received=f"{n} groups")
    if n and (re.search(r"\)(\?|\*|\{0|\{,)", bare) or "|" in re.sub(r"\([^()]*\)", "", bare)):
        raise Refused(name, "a group that may stay unmatched is not on the tested list", received=f"'{pattern.this}'")
    return n


def _share(name: str, node: exp.Expr) -> exp.Expr:
    if not (isinstance(node, exp.Literal) and not node.is_string and 0 <= float(node.this) <= 1):
        raise Refused(name, "expected a literal share from 0 to 1", received=node.sql("bigquery"))
    return double(float(node.this))


def double(value: float) -> exp.Expr:
    """Return a number as DuckDB reads a DOUBLE: with an exponent, without which it is a decimal."""
    return exp.Literal.number(repr(value) if "e" in repr(value) else f"{value!r}e0")


TYPED = {"FIRST_VALUE": exp.FirstValue, "LAST_VALUE": exp.LastValue, "NTH_VALUE": exp.NthValue}
"""Calls that sqlglot writes with IGNORE NULLS only as nodes of their own."""
Rewriting = Callable[[str, list[exp.Expr]], exp.Expr]
_ADDED = {f"{kind}_{verb}": times.shifted for kind in times.SHIFTED for verb in ("ADD", "SUB")}
SHAPED: dict[str, Rewriting] = {
    "IF": _if,
    "STRUCT": _struct,
    "ARRAY": _array,
    "CONCAT": _concat,
    "GREATEST": _extreme,
    "LEAST": _extreme,
    "REGEXP_EXTRACT": _extract,
    "REGEXP_EXTRACT_ALL": _extract_all,
    "REGEXP_REPLACE": _replace,
    "GENERATE_DATE_ARRAY": times.date_array,
    "LAST_DAY": times.last_day,
    **_ADDED,
    **{f"{kind}_DIFF": times.differed for kind in times.DIFFERED},
    **{f"{kind}_TRUNC": times.truncated for kind in times.TRUNCATED},
    **{f"FORMAT_{kind}": times.formatted for kind in times.SHIFTED},
    **{f"PARSE_{kind}": times.parsed for kind in times.SHIFTED},
    **dict.fromkeys(times.SHIFTED, times.constructed),
}
"""The functions of `supported.SHAPED`; a test holds the two against each other."""
AGGREGATES: dict[str, Callable[[list[exp.Expr]], exp.Expr]] = {
    "COUNTIF": _countif,
    "APPROX_COUNT_DISTINCT": _distinct_count,
    "APPROX_QUANTILES": _quantiles,
    "ARRAY_AGG": _array_agg,
    "STRING_AGG": _string_agg,
}
