"""docs/bigquery.md: its settings exist, its types are the engine's, and its test runs."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY
from google.cloud.bigquery import SchemaField
from ruamel.yaml import YAML

from waze_data_tfx.config.query_engine import QueryEngine
from waze_data_tfx.data.engines.bigquery.types import arrow_type

PAGE = (REPOSITORY / "docs" / "bigquery.md").read_text()
CONFIG = """
name: orders
label: amount
data: {query: orders.sql}
features: {vocabulary: {city: {top_k: 2}}}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""


def test_every_setting_is_shown_and_exists() -> None:
    shown: dict = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        shown |= YAML(typ="safe").load(block)["env"]["query"]
    QueryEngine(**shown)
    assert set(shown) == set(QueryEngine.model_fields) - {"engine"}


def test_the_table_of_types_is_the_engine_s() -> None:
    rows = re.findall(r"^\| (`[A-Z`, 0-9]+) \| (.+) \|$", PAGE.partition("## Types")[2], re.MULTILINE)
    said = [(name, kind) for names, kinds in rows for name, kind in zip_types(names, kinds)]
    assert len(said) == 14
    for name, kind in said:
        assert str(arrow_type(SchemaField("x", name))).replace("tz=", "").replace("[day]", "") == kind


def zip_types(names: str, kinds: str) -> list[tuple[str, str]]:
    """Pair `A`, `B` with their types; one type is that of all; ARRAY and its like are shown by name only."""
    each = re.findall(r"`(\w+)`", names)
    types = re.split(r", (?![^(\[]*[)\]])", kinds)
    return [] if "ARRAY" in each else list(zip(each, types * len(each) if len(types) == 1 else types, strict=True))


def test_the_test_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "orders.yaml").write_text(CONFIG)
    (tmp_path / "orders.sql").write_text("SELECT amount, city FROM `my-project.sales.orders`")
    monkeypatch.chdir(tmp_path)
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(program, {})
    columns, rows = capsys.readouterr().out.splitlines()
    assert columns == "{'amount': DataType(double), 'city': DataType(string)}"
    assert rows == "2 [1, 1]"
