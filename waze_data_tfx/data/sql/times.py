"""Date parts, intervals and formats: calls such as DATE_TRUNC(d, WEEK(MONDAY)) become calls of the macros of `functions`.

Called by `calls`. A part or format that is not known to mean the same in DuckDB raises `Refused`.
"""

import re

from sqlglot import exp

from waze_data_tfx.data.sql.refusal import Refused, call, text
from waze_data_tfx.errors import did_you_mean

DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
CLOCK = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
DATE_PARTS = ("DAY", "WEEK", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR")
SHIFTED = {
    "DATE": ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"),
    "DATETIME": (*CLOCK, "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"),
    "TIMESTAMP": (*CLOCK, "DAY"),
}
"""Parts of *_ADD and *_SUB."""
DIFFERED = {"DATE": DATE_PARTS, "DATETIME": (*CLOCK, *DATE_PARTS), "TIMESTAMP": (*CLOCK, "DAY")}
"""Parts of *_DIFF: DATE and DATETIME count the borders between the two, TIMESTAMP the whole parts."""
TRUNCATED = {"DATE": DATE_PARTS, "DATETIME": (*CLOCK, *DATE_PARTS), "TIMESTAMP": (*CLOCK, *DATE_PARTS)}
"""Parts of *_TRUNC."""
EXTRACTED = (
    "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND",
    "DAYOFWEEK", "DAYOFYEAR", "WEEK", "ISOWEEK", "ISOYEAR", "DATE",
)  # fmt: skip
FORMATTED = "YmdHMSyjaAbBIpuwUWVG%"
"""Elements of FORMAT_*, of the same meaning in DuckDB's strftime."""
PARSED = "YmdHMSybBjIp%"
"""Elements of PARSE_*, of the same meaning in DuckDB's strptime."""
SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}


def shifted(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite DATE_ADD(x, INTERVAL n PART) and its kin."""
    kind, verb = name.split("_")
    interval = args[1]
    if not isinstance(interval, exp.Interval):
        raise Refused(name, "expected INTERVAL n PART", received=interval.sql("bigquery"))
    part, n = _interval(name, interval, SHIFTED[kind])
    signed = exp.Neg(this=exp.Paren(this=n)) if verb == "SUB" else n
    return call(f"bq_{kind.lower()}_add_{part.lower()}", _value(kind, args[0]), signed)


def differed(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite DATE_DIFF(later, earlier, PART) and its kin."""
    kind = name.split("_")[0]
    part, first = _part(name, args[2], DIFFERED[kind])
    return call(f"bq_{kind.lower()}_diff_{part}", _value(kind, args[0]), _value(kind, args[1]), *first)


def truncated(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite DATE_TRUNC(x, PART) and its kin."""
    kind = name.split("_")[0]
    part, first = _part(name, args[1], TRUNCATED[kind])
    zone = [args[2] if len(args) > 2 else text("UTC")] if kind == "TIMESTAMP" else []
    if len(args) > 2 and part.upper() in CLOCK:
        raise Refused(
            name, f"{part.upper()} with a time zone is not on the tested list; truncate to DAY or longer, or leave the zone out"
        )
    return call(f"bq_{kind.lower()}_trunc_{part}", _value(kind, args[0]), *first, *zone)


def extracted(node: exp.Extract) -> exp.Expr:
    """Rewrite EXTRACT(PART FROM x [AT TIME ZONE z])."""
    part, first = _part("EXTRACT", node.this, EXTRACTED)
    value = node.expression
    if isinstance(value, exp.AtTimeZone):
        value = call("timezone", value.args["zone"], call("bq_a_timestamp", value.this))
    return call(f"bq_extract_{part}", value, *first)


def formatted(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite FORMAT_DATE(format, x) and its kin."""
    kind = name.split("_")[1]
    value = call(f"bq_a_{kind.lower()}", _value(kind, args[1]))
    if kind == "TIMESTAMP":
        value = call("timezone", args[2] if len(args) > 2 else text("UTC"), value)
    return call("strftime", value, _format(name, args[0], FORMATTED))


def parsed(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite PARSE_DATE(format, text) and its kin."""
    kind = name.split("_")[1]
    pattern = _format(name, args[0], PARSED)
    if "%Y" not in pattern.this and "%y" not in pattern.this:
        raise Refused(name, "expected a format with a year", received=f"'{args[0].name}'")
    made = call("strptime", args[1], pattern)
    if kind == "DATE":
        return exp.Cast(this=made, to=exp.DataType.build("DATE"))
    return made if kind == "DATETIME" else call("timezone", args[2] if len(args) > 2 else text("UTC"), made)


def constructed(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite DATE(...), DATETIME(...) and TIMESTAMP(...)."""
    if len(args) == 1:
        return call(f"bq_{name.lower()}", args[0])
    if name == "TIMESTAMP":
        return call("bq_timestamp_in", *args)
    if len(args) == 2:
        moved = call("timezone", args[1], call("bq_a_timestamp", _value("TIMESTAMP", args[0])))
        return exp.Cast(this=moved, to=exp.DataType.build("DATE")) if name == "DATE" else moved
    if name == "DATE":
        return call("make_date", *args)
    if len(args) != 6:
        raise Refused(name, "expected 1, 2 or 6 arguments", received=str(len(args)))
    return call("make_timestamp", *args[:5], exp.Cast(this=args[5], to=exp.DataType.build("DOUBLE")))


def last_day(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite LAST_DAY(d[, MONTH])."""
    if len(args) > 1:
        _part(name, args[1], ("MONTH",))
    return call("last_day", call("bq_a_date", _value("DATE", args[0])))


def date_array(name: str, args: list[exp.Expr]) -> exp.Expr:
    """Rewrite GENERATE_DATE_ARRAY(first, last[, INTERVAL n PART])."""
    step = args[2] if len(args) > 2 else exp.Interval(this=text("1"), unit=exp.Var(this="DAY"))
    if not isinstance(step, exp.Interval):
        raise Refused(name, "expected INTERVAL n PART", received=step.sql("bigquery"))
    part, n = _interval(name, step, SHIFTED["DATE"])
    return call(f"bq_date_array_{part.lower()}", _value("DATE", args[0]), _value("DATE", args[1]), n)


def interval(node: exp.Interval) -> exp.Expr:
    """Rewrite INTERVAL n PART outside of *_ADD and *_SUB."""
    part, n = _interval("INTERVAL", node, SHIFTED["DATETIME"])
    count: exp.Expr = exp.Mul(this=exp.Paren(this=n), expression=exp.Literal.number(3)) if part == "QUARTER" else n
    unit = "month" if part == "QUARTER" else part.lower()
    whole = "BIGINT" if part in CLOCK else "INTEGER"
    return call(f"to_{unit}s", exp.Cast(this=count, to=exp.DataType.build(whole)))


def _value(kind: str, value: exp.Expr) -> exp.Expr:
    """Return the value; BigQuery takes a literal text for a date."""
    return call(f"bq_{kind.lower()}", value) if isinstance(value, exp.Literal) and value.is_string else value


def _interval(name: str, node: exp.Interval, known: tuple[str, ...]) -> tuple[str, exp.Expr]:
    unit = node.args.get("unit")
    part = unit.name.upper() if isinstance(unit, exp.Var) else ""
    if part not in known:
        received = unit.sql("bigquery") if unit else "none"
        raise Refused(name, f"expected a part of {', '.join(known)}", received=f"{received}{did_you_mean(part, known)}")
    n = node.this
    if isinstance(n, exp.Literal):
        if not re.fullmatch(r"-?\d+", n.this):
            raise Refused(name, "expected a whole number of parts", received=n.sql("bigquery"))
        n = exp.Literal.number(n.this)
    return part, n


def _part(name: str, node: exp.Expr, known: tuple[str, ...]) -> tuple[str, list[exp.Expr]]:
    """Return the part as the macros name it, and the first day of the week where it is a week of any kind."""
    inner = node.expressions if isinstance(node, exp.Anonymous) else [node.this] if isinstance(node, exp.WeekStart) else []
    part = "WEEK" if isinstance(node, exp.WeekStart) else node.name.upper()
    day = inner[0].name.upper() if inner else "SUNDAY"
    if part not in known or (inner and (part != "WEEK" or day not in DAYS)):
        raise Refused(
            name, f"expected a part of {', '.join(known)}", received=f"{node.sql('bigquery')}{did_you_mean(part, known)}"
        )
    if part == "ISOWEEK" and name != "EXTRACT":
        return "week", [exp.Literal.number(1)]
    return part.lower(), [exp.Literal.number(DAYS.index(day))] if part == "WEEK" else []


def _format(name: str, node: exp.Expr, known: str) -> exp.Literal:
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise Refused(name, "expected a literal format", received=node.sql("bigquery"))
    pattern = re.sub("|".join(SHORT), lambda found: SHORT[found[0]], node.this)
    for element in re.findall(r"%[-EO]?\d*.?", pattern):
        if element[1:] not in tuple(known):
            listed = ", ".join([*SHORT, *(f"%{letter}" for letter in known)])
            raise Refused(name, f"format element not on the tested list ({listed})", received=element)
    return text(pattern)
