"""A construct that cannot be translated rightly, and the two nodes that every rewriting makes.

Raised by `calls`, `times` and `rewriting`; `translation` turns it into a problem with file and line.
"""

from sqlglot import exp


class Refused(Exception):
    """A construct with its name, what is wrong and what was received."""

    def __init__(self, construct: str, what: str, *, received: str = "") -> None:
        """Hold the parts of the message."""
        self.construct = construct
        self.what = what
        self.received = received
        super().__init__(f"{construct}: {what}" + (f"; received {received}" if received else ""))


def call(name: str, *args: exp.Expr) -> exp.Anonymous:
    """Return a call of a function of DuckDB or a macro of `functions`."""
    return exp.Anonymous(this=name, expressions=list(args))


def text(value: str) -> exp.Literal:
    """Return a literal text."""
    return exp.Literal.string(value)
