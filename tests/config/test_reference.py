"""docs/config.md: current, complete, and with examples that load."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.reference import EXAMPLES, reference

BASE = {
    "name": "name: eta",
    "label": "label: seconds",
    "data": "data: {input: trips.csv}",
    "features": "features: {dense: [miles]}",
    "evaluation": "evaluation: {metrics: [{name: mae, upper_bound: 5}]}",
}
ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \| (.*?) \| (.*) \|$", re.MULTILINE)


def test_the_page_is_the_current_one() -> None:
    assert (REPOSITORY / "docs" / "config.md").read_text() == reference(), "remake it with `make schema`"


def test_every_key_has_its_row_and_its_meaning() -> None:
    rows = ROW.findall(reference())
    assert [key for key, _, _, meaning in rows if not meaning.strip()] == []
    keys = [key for key, *_ in rows]
    assert len(keys) == len(set(keys))
    assert {f.alias or n for n, f in Config.model_fields.items()} <= set(keys)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("training.batch_size", ("whole number > 0", "`256`", "Rows per step.")),
        ("label", ("text", "**required**", "Column to predict; of a bandit, the reward.")),
        (
            "data.input",
            ("text", "", "File or glob, relative to the config; package://PKG/PATH for a file in a package."),
        ),
        ("data.max_dropped", ("number >= 0 and <= 1", "`0.5`", "Share of rows that rules may drop before the run stops.")),
        ("features.geo.NAME.from", ("[text, text]", "", "Where it starts.")),
        ("features.cross", ("NAME: keys below or list of text", "", "Combinations; name of your choice: [columns].")),
        ("evaluation.metrics.N.upper_bound", ("number", "", "Largest value that is accepted.")),
        ("data.format", ("`csv`, `parquet`, `tfrecord`", "", "Kind of file; default: from the file's ending.")),
    ],
)
def test_a_row_says_type_bounds_and_default_in_a_person_s_words(key: str, row: tuple[str, str, str]) -> None:
    assert {k: tuple(rest) for k, *rest in ROW.findall(reference())}[key] == row


@pytest.mark.parametrize("section", EXAMPLES)
def test_every_example_loads(section: str, tmp_path: Path) -> None:
    for name in ("eta_features.py", "eta_model.py", "trips_schema.pbtxt"):
        (tmp_path / name).write_text("")
    parts = {**BASE, section: EXAMPLES[section]}
    (tmp_path / "eta.yaml").write_text("\n".join(parts.values()) + "\n")
    assert load(tmp_path / "eta.yaml").config.name == "eta"
    assert EXAMPLES[section] in reference()
