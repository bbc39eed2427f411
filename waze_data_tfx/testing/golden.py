"""Golden rows: transformed rows kept in a file beside the test and compared with at every run. Pure Python; used by `plugin`."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from .comparison import differences, told

DIGITS = 7
"""What a float32 holds."""


class Golden:
    """The golden files of one test module: `golden/NAME.json` beside it."""

    def __init__(self, test_file: Path, *, rewrite: bool) -> None:
        """Read and write beside `test_file`."""
        self._test_file, self._rewrite = test_file, rewrite

    def check(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Compare the rows with golden/NAME.json, or write it under `--rewrite-golden`.

        Raises:
            AssertionError: what differs by feature and row, or that the file is missing.
            UserError: a name that cannot be a file's.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise UserError(f"golden: received the name {name!r}; expected letters, digits, - and _")
        file = self._test_file.parent / "golden" / f"{name}.json"
        command = f"pytest {self._test_file} --rewrite-golden"
        if self._rewrite:
            file.parent.mkdir(exist_ok=True)
            file.write_text(_written(rows), encoding="utf-8")
            return
        if not file.is_file():
            raise AssertionError(f"{file}: no such golden file\nnext: {command}")
        expected = json.loads(file.read_text("utf-8"))
        if len(expected) != len(rows):
            raise AssertionError(f"{file}: {len(expected)} golden rows; received {len(rows)}\nnext: if that is right, {command}")
        found = differences(expected, rows, names=("golden", "received"))
        if found:
            raise AssertionError(told(f"{file}: not the golden rows", found, f"if the new values are right, {command}"))


def _written(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as JSON with a feature per line, so that a change is a small diff."""
    texts = ["{\n" + ",\n".join(f"  {json.dumps(n)}: {json.dumps(_short(row[n]))}" for n in sorted(row)) + "\n}" for row in rows]
    return "[\n" + ",\n".join(texts) + "\n]\n"


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
