"""What `from waze_data_tfx import ...` offers: the same to editors as at run time, every section, at once, without TensorFlow."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from conftest import REPOSITORY, waze_tfx

import waze_data_tfx
from waze_data_tfx import config
from waze_data_tfx.config import metrics
from waze_data_tfx.config.section import Section
from waze_data_tfx.errors import ConfigError

COMMANDS = {
    "Cycle",
    "Result",
    "backfill",
    "bandit_lab",
    "change",
    "check",
    "compare",
    "costs",
    "create_metric_spec",
    "load",
    "plan",
    "predict",
    "run",
    "to_yaml",
}


def test_every_section_and_every_metric_is_public_and_nothing_else_but_the_commands() -> None:
    sections = set()
    for file in Path(config.__file__).parent.glob("*.py"):
        module = import_module(f"waze_data_tfx.config.{file.stem}")
        classes = inspect.getmembers(module, lambda v: inspect.isclass(v) and issubclass(v, Section) and v is not Section)
        sections |= {n for n, v in classes if v.__module__ == module.__name__ and not v.__subclasses__()}  # a base is no section
    functions = {name for name in vars(metrics) if name.endswith("_metric") and not name.startswith("_")}
    assert set(waze_data_tfx.__all__) == sections | functions | COMMANDS, "waze_data_tfx/__init__.py: _HOMES and the imports"


def test_editors_see_what_is_there_at_run_time() -> None:
    tree = ast.parse(Path(waze_data_tfx.__file__).read_text())
    [typed] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {(n.module, a.name) for n in typed.body if isinstance(n, ast.ImportFrom) for a in n.names if a.name == a.asname}
    assert seen == {(module, name) for module, names in waze_data_tfx._HOMES.items() for name in names}
    for name in waze_data_tfx.__all__:
        assert getattr(waze_data_tfx, name).__name__ == name
    assert set(waze_data_tfx.__all__) <= set(dir(waze_data_tfx))
    with pytest.raises(AttributeError, match="has no attribute 'Confg'"):
        _ = waze_data_tfx.Confg


def test_importing_every_name_imports_nothing_heavy() -> None:
    heavy = ("tensorflow", "tfx", "keras", "apache_beam", "duckdb", "pyarrow", "pandas", "numpy")
    code = f"import sys; from waze_data_tfx import *; Config; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def blocks() -> list[str]:
    text = (REPOSITORY / "docs" / "python.md").read_text()
    return [part.partition("```")[0] for part in text.split("```python\n")[1:]]


def test_the_guide_s_config_is_a_good_one_and_the_rest_of_its_code_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    header = "seconds,miles,hour,company,is_weekend\n"
    Path("trips.csv").write_text(header + "600,1.5,3,x,0\n")
    scope: dict[str, object] = {}
    exec(blocks()[0], scope)  # ends with check(config)
    Path("trips.csv").write_text(header.replace("miles", "mile"))
    with pytest.raises(ConfigError, match=r"Config\(name='eta'\): features.dense.miles: column 'miles' is not in trips.csv"):
        scope["check"](scope["config"])  # type: ignore[operator]
    for block in blocks()[1:]:
        for node in ast.parse(block).body:
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("waze_data_tfx"):
                assert {a.name for a in node.names} <= set(dir(import_module(str(node.module))))


def test_schema_prints_json_for_editors_and_markdown_for_people() -> None:
    assert waze_tfx("schema").stdout == (REPOSITORY / "configs" / "schema.json").read_text()
    assert waze_tfx("schema", "--markdown").stdout == (REPOSITORY / "docs" / "config.md").read_text()
