"""What of a query is not on the tested list: every construct, function and table, each with its line.

Called by `translation` before anything is rewritten. Changes nothing.
"""

from collections.abc import Iterator

from sqlglot import exp

from waze_data_tfx.data.sql import tables
from waze_data_tfx.data.sql.grammar import line
from waze_data_tfx.data.sql.supported import AGGREGATE, FUNCTIONS, NAMES, REASONS, SYNTAX, TYPES, WINDOW
from waze_data_tfx.errors import did_you_mean

PSEUDO = ("_TABLE_", "_PARTITION", "_FILE_", "_CHANGE_")
"""How the names of BigQuery's own columns begin."""


def problems(tree: exp.Query) -> Iterator[tuple[int, str]]:
    """Yield (line, problem) of everything that is refused before its arguments are looked at."""
    if isinstance(tree, exp.Select) and not tree.args.get("from_"):
        yield line(tree), "SELECT: expected FROM; received none; a query reads rows"
    yield from tables.problems(tree)
    for node in tree.walk(bfs=False):
        problem = _problem(node)
        if problem:
            yield line(node), problem


def is_part(node: exp.Expr) -> bool:
    """Whether the node is a date part, such as WEEK(MONDAY), or inside one."""
    parent = node.parent
    if isinstance(parent, exp.Extract):
        return node is parent.this
    if not isinstance(parent, exp.Anonymous):
        return False
    name, position = parent.name.upper(), node.index or 0
    takes = (name.endswith("_TRUNC") and position == 1) or (name.endswith("_DIFF") and position == 2)
    return takes or (name == "LAST_DAY" and position == 1) or is_part(parent)


def _problem(node: exp.Expr) -> str:
    kind = type(node).__name__
    if is_part(node):
        return ""
    if kind not in SYNTAX:
        return _refused(NAMES.get(kind, kind.upper()), REASONS.get(kind, "not on the tested list"), _received(node))
    check = CHECKS.get(kind)
    return (check(node) if check else "") or _parts(node, kind)


def _parts(node: exp.Expr, kind: str) -> str:
    """Refuse what the node holds beyond the parts of the list; a part that is no construct of the list is refused by itself."""
    present = [name for name, part in node.args.items() if part and name not in SYNTAX[kind]]
    for name in present:
        parts = node.args[name] if isinstance(node.args[name], list) else [node.args[name]]
        if not any(isinstance(part, exp.Expr) and type(part).__name__ not in SYNTAX for part in parts):
            return _refused(
                NAMES.get(kind, kind.upper()), f"with {name.strip('_').upper()} is not on the tested list", _received(node)
            )
    return ""


def _call(node: exp.Expr) -> str:
    name = node.name.upper()
    if name not in FUNCTIONS:
        reason = REASONS.get(name, "function not on the tested list")
        return _refused(name, reason, _received(node) + ("" if name in REASONS else did_you_mean(name, FUNCTIONS)))
    if isinstance(node.this, exp.Identifier) or (isinstance(node.parent, exp.Dot) and node.arg_key == "expression"):
        return _refused(name, "a function of your own is not on the tested list", _received(node))
    least, most = FUNCTIONS[name]
    n = len(node.expressions)
    if n < least or (most is not None and n > most):
        expected = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        return _refused(name, f"expected {expected} arguments", str(n))
    over = isinstance(node.parent, exp.Window) and node.arg_key == "this"
    if name in WINDOW and not over:
        return _refused(name, "expected OVER (...)", _received(node))
    if over and name not in WINDOW and name not in AGGREGATE:
        return _refused(name, "is no window function", _received(node))
    return ""


def _type(node: exp.Expr) -> str:
    name = node.this.name if hasattr(node.this, "name") else str(node.this)
    array = isinstance(node.parent, exp.Cast) and name == "ARRAY" and isinstance(node.parent.this, exp.Array)
    if (name not in TYPES or node.expressions) and not array:
        return _refused("type", "not on the tested list; known: INT64, FLOAT64, STRING, BOOL, DATE, DATETIME, TIMESTAMP, NUMERIC",
                        node.sql("bigquery"))  # fmt: skip
    return ""


def _column(node: exp.Expr) -> str:
    hidden = node.name.upper().startswith(PSEUDO)
    reason = "a column of BigQuery's storage, not of the data"
    return _refused(node.name, reason, _received(node)) if hidden else ""


def _parameter(node: exp.Expr) -> str:
    system = isinstance(node.this, exp.Parameter)
    return _refused("@@", "a system variable is not on the tested list", _received(node)) if system else ""


def _join(node: exp.Expr) -> str:
    kind = str(node.args.get("kind") or "")
    return _refused("JOIN", "not on the tested list", kind) if kind not in ("", "INNER", "OUTER", "CROSS") else ""


def _select(node: exp.Expr) -> str:
    kind = node.args.get("kind")
    if kind and str(kind).upper() != "STRUCT":
        return _refused(f"SELECT AS {kind}", "not on the tested list", _received(node))
    return ""


def _zone(node: exp.Expr) -> str:
    inside = isinstance(node.parent, exp.Extract)
    return "" if inside else _refused("AT TIME ZONE", "only inside EXTRACT", _received(node))


CHECKS = {
    "Anonymous": _call,
    "AtTimeZone": _zone,
    "Column": _column,
    "DataType": _type,
    "Join": _join,
    "Parameter": _parameter,
    "Select": _select,
}
"""What else is asked of a node that is on the list, by the name of its class."""


def _refused(construct: str, reason: str, received: str) -> str:
    return f"{construct}: {reason}; received {received}"


def _received(node: exp.Expr) -> str:
    shown = " ".join(node.sql("bigquery").split())
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
