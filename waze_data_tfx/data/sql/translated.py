"""What a query came to in DuckDB's dialect: the text, the tables and the parameters. Imports nothing of the project."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Translated:
    """One query and what it needs; `sql` has no semicolon at its end.

    Attributes:
        sql: DuckDB's dialect, each table one quoted identifier `"project.dataset.table"`, each parameter `$name`.
        tables: tables that it reads, `project.dataset.table` as written without backquotes, each once, in order.
        parameters: names of the parameters, in order of first use.
        has_order: whether the order of its rows is said or that of one table; otherwise it is whatever threads make it.
    """

    sql: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    has_order: bool = False
