"""Every notebook runs as it is committed, without outputs, thin, in a kernel of this environment and in little time."""

import ast
import base64
import re
import shutil
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import REPOSITORY
from nbclient import NotebookClient

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LIMIT_S = 300  # of one cell: a guard
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def code(notebook: Path) -> list[Any]:
    return [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Run them all beside copies of what they read; return name -> what its code cells gave."""
    folder = tmp_path_factory.mktemp("repository")
    for home in ("configs", "templates", "notebooks"):
        shutil.copytree(REPOSITORY / home, folder / home, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    found = {}
    for notebook in NOTEBOOKS:
        book = nbformat.read(folder / "notebooks" / notebook.name, as_version=4)
        where = {"metadata": {"path": folder / "notebooks"}}
        client = NotebookClient(book, timeout=LIMIT_S, kernel_name="python3", resources=where)
        began = time.monotonic()
        client.execute()
        print(f"{notebook.name}: {time.monotonic() - began:.1f} s")
        found[notebook.stem] = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    return found


def html(outputs: list[Any]) -> str:
    return "\n".join(o.data.get("text/html", "") for o in outputs if "data" in o)


def text(outputs: list[Any]) -> str:
    return "\n".join(o.data["text/plain"] for o in outputs if "data" in o)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_nothing_that_a_run_made_is_committed(notebook: Path) -> None:
    assert all(c.outputs == [] and c.execution_count is None for c in code(notebook)), f"clear the outputs of {notebook}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_a_notebook_defines_nothing(notebook: Path) -> None:
    nodes = [n for c in code(notebook) for n in ast.walk(ast.parse(c.source))]
    assert not [n for n in nodes if isinstance(n, DEFINITIONS)], "put it into the library"


def test_exploring_shows_rows_statistics_and_the_inferred_schema(outputs: dict[str, list[Any]]) -> None:
    shown = html(outputs["explore_data"])
    plain = text(outputs["explore_data"])
    assert "label" in shown  # trip_seconds is used as
    assert re.search(r"impossible duration\s+489", plain)  # the count that the run prints: 15,002 rows, 489 dropped by this rule
    assert "SchemaGen" in plain  # not the curated one
    assert "payment_type" in shown
    assert pictures(shown) > 10  # a legend and a chart per column


def test_debugging_shows_that_missing_and_unseen_are_told_apart(outputs: dict[str, list[Any]]) -> None:
    line = re.search(r"payment_type_vocabulary\s+(\d+)\s+(\d+)\s+(\d+)", text(outputs["debug_a_transform"]))
    assert line
    assert len(set(line.groups())) == 3  # as it is, missing, unseen


def test_comparing_shows_the_change_and_its_curves(outputs: dict[str, list[Any]]) -> None:
    plain = text(outputs["compare_runs"])
    assert re.search(r"model\.hidden_units\s+\[16\]\s+\[2\]", plain)
    assert re.search(r"accuracy\s+all rows", plain)
    assert pictures(html(outputs["compare_runs"])) > 1
    assert "compare-" in plain


def test_the_lab_shows_how_agents_ended_and_their_curves(outputs: dict[str, list[Any]]) -> None:
    shown = html(outputs["bandit_lab"])
    assert re.search(r"<th>LinUCB</th>\s*<td>0?\.\d+|<th>LinUCB</th>\s*<td>\d", shown)
    assert pictures(shown) == 5  # a legend and four charts


def pictures(shown: str) -> int:
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    for picture in found:
        assert ET.fromstring(base64.b64decode(picture)).tag == "{http://www.w3.org/2000/svg}svg"
    return len(found)


def test_no_cell_warns(outputs: dict[str, list[Any]]) -> None:
    said = {name: [o.text for o in found if o.output_type == "stream"] for name, found in outputs.items()}
    assert not any(said.values()), said
