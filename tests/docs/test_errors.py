"""docs/errors.md quotes only messages that the source holds."""

import ast
import re

import pytest
from conftest import REPOSITORY
from pages_for_test import page

ROW = re.compile(r"^\| `(.+?)`(?: with [^|]+)? \|", re.MULTILINE)  # after `with`: words of Python and TensorFlow


def literals() -> list[str]:
    """Return every text of the package; what is filled in at run time is a `...` in it."""
    found = []
    for folder in ("waze_data_tfx", "components", "pipelines"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (v.value if isinstance(v, ast.Constant) else "..." for v in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "unknown_name":
                    what = node.args[0]
                    found += [f"unknown {what.value} '...'; known: ..."] if isinstance(what, ast.Constant) else []
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


TEXT = "\n".join(literals())


@pytest.mark.parametrize("message", ROW.findall(page("errors.md")))
def test_a_quoted_message_is_one_of_the_project_s(message: str) -> None:
    pieces = [piece for piece in message.split("...") if len(piece.strip(" ;:,'?")) > 2]
    assert pieces
    assert [piece for piece in pieces if piece not in TEXT] == []


def test_every_row_is_read() -> None:
    rows = [line for line in page("errors.md").splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(page("errors.md")))
    assert len(rows) > 30
