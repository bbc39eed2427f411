"""Which rows to leave out: DuckDB SQL conditions over Arrow batches.

Called by QueryExampleGen for every batch and by `waze-tfx check` on an empty table. Runs in memory with no access to
files. Imports duckdb inside its functions; never alters a value.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.data import Rule
from waze_data_tfx.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Rules:
    """Rules in their order, and the connection that evaluates them; not shared between threads."""

    def __init__(self, rules: Sequence[Rule], *, known: Sequence[str] = ()) -> None:
        """Hold `rules`, open an in-memory database if there is a rule at all, and name the `known` columns in messages."""
        self.rules = tuple(rules)
        self._known = tuple(known)
        self._connection: Any = None
        if self.rules:
            import duckdb

            self._connection = duckdb.connect(config={"enable_external_access": "false", "threads": "1"})

    def check(self, types: Mapping[str, str]) -> None:
        """Check that every rule parses and binds against columns of these SQL types.

        Raises:
            DataError: naming the first rule that does not.
        """
        declared = ", ".join(f"{_quoted(name)} {kind}" for name, kind in types.items())
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE batch ({declared})")
        try:
            for rule in self.rules:
                self._select(rule, f"SELECT ({rule.drop}\n)::BOOLEAN FROM batch", list(types))
        finally:
            self._connection.execute("DROP TABLE batch")

    def columns(self, known: Sequence[str]) -> list[str]:
        """Return which of the `known` columns the rules name; SQL ignores case."""
        named = set().union(*(self._names(rule) for rule in self.rules)) if self.rules else set()
        return [name for name in known if name.lower() in named]

    def dropped_by(self, batch: "pa.RecordBatch") -> "np.ndarray":
        """Return for each row the position of the first rule that drops it, or -1: `[n_rows] int`.

        A condition that is NULL keeps the row.

        Raises:
            DataError: naming the rule, DuckDB's message and the columns.
        """
        import numpy as np

        if not self.rules or not batch.num_rows:
            return np.full(batch.num_rows, -1)
        import duckdb
        import pyarrow as pa

        cases = " ".join(f"WHEN ({rule.drop}\n) THEN {i}" for i, rule in enumerate(self.rules))
        self._connection.register("batch", pa.Table.from_batches([batch]))
        try:
            found = self._connection.execute(f"SELECT CASE {cases} ELSE -1 END AS rule FROM batch").fetchnumpy()["rule"]
            return np.asarray(found, dtype=np.int64)
        except duckdb.Error:
            for rule in self.rules:  # one by one, to name the culprit
                self._select(
                    rule, f"SELECT count(*) FILTER (WHERE ({rule.drop}\n)) FROM batch", self._known or batch.schema.names
                )
            raise
        finally:
            self._connection.unregister("batch")

    def _names(self, rule: Rule) -> set[str]:
        query = f"SELECT ({rule.drop}\n) FROM batch".replace("'", "''")
        tree = json.loads(self._connection.execute(f"SELECT json_serialize_sql('{query}')").fetchone()[0])
        if tree["error"]:
            raise DataError(f"rule '{rule.name}': not valid SQL; received '{rule.drop}'; {tree['error_message']}")
        return set(_column_refs(tree))

    def _select(self, rule: Rule, query: str, known: Sequence[str]) -> None:
        import duckdb

        try:
            self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise DataError(_message(rule, str(error), known)) from error


def _column_refs(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _column_refs(item)]
    if not isinstance(node, dict):
        return []
    own = [node["column_names"][-1].lower()] if node.get("class") == "COLUMN_REF" else []
    return own + [name for value in node.values() for name in _column_refs(value)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _message(rule: Rule, detail: str, known: Sequence[str]) -> str:
    first = " ".join(detail.split("\n\nLINE")[0].split("\nCandidate")[0].split())
    missing = detail.split('Referenced column "', 1)
    guess = did_you_mean(missing[1].split('"', 1)[0], known) if len(missing) > 1 else ""
    received = f"rule '{rule.name}': DuckDB refuses the condition; received '{rule.drop}'"
    return f"{received}; {first}; known columns: {', '.join(known)}{guess}"
