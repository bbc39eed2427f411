"""StatisticsGen takes what ExampleGen counted, and computes where that is not what it is asked for."""

import json
import shutil
from pathlib import Path

import pytest
import tfx  # noqa: F401 - before tensorflow_data_validation
from google.protobuf.message import DecodeError
from statistics_for_test import N_QUANTILES, batch_of, counted, execute, read, write_examples
from tfx.components.statistics_gen.component import StatisticsGen as TfxStatisticsGen
from tfx.components.statistics_gen.executor import Executor as TfxExecutor
from tfx.types import standard_artifacts

from waze_data_tfx.components.statistics_gen import StatisticsGen, logic
from waze_data_tfx.components.statistics_gen.executor import Executor
from waze_data_tfx.data import statistics

ROWS = {
    "train": batch_of({"km": ("float", [[1.0], None, [2.5]]), "zone": ("text", [[b"a"], [b"b"], [b"a"]])}),
    "eval": batch_of({"km": ("float", [[3.0]]), "zone": ("text", [[b"c"]])}),
}
OPTIONS = statistics.options(N_QUANTILES).to_json()


@pytest.fixture
def examples(tmp_path: Path):
    """Return examples with the statistics of each split beside them."""
    made = write_examples(tmp_path / "examples", {split: [batch] for split, batch in ROWS.items()})
    for split, batch in ROWS.items():
        statistics.write(made.uri, split, counted([[batch]]), N_QUANTILES)
    return made


def splits_of(artifact):
    return sorted(p.parent.name for p in Path(artifact.uri).rglob("FeatureStats.pb"))


def test_what_is_taken_is_the_artifact_that_tfx_makes(examples, tmp_path):
    theirs = execute(TfxExecutor, examples, tmp_path / "tfx")
    for split in ROWS:
        shutil.rmtree(Path(examples.uri) / f"Split-{split}")  # no example is read
    ours = execute(Executor, examples, tmp_path / "ours")
    assert splits_of(ours) == splits_of(theirs) == ["Split-eval", "Split-train"]
    for split in ROWS:
        assert read(ours, split) == read(theirs, split)
    assert ours.span == theirs.span == 3
    assert json.loads(ours.split_names) == json.loads(theirs.split_names)
    assert ours.mlmd_artifact.custom_properties == theirs.mlmd_artifact.custom_properties


def test_an_excluded_split_is_left_out(examples, tmp_path):
    made = execute(Executor, examples, tmp_path / "ours", exclude_splits='["eval"]')
    assert splits_of(made) == ["Split-train"]
    assert json.loads(made.split_names) == ["train"]


def test_without_them_they_are_computed_from_the_examples(examples, tmp_path, capsys):
    shutil.rmtree(Path(examples.uri) / "statistics" / "Split-eval")
    made = execute(Executor, examples, tmp_path / "ours")
    assert "computed from the examples" in capsys.readouterr().out
    assert {split: read(made, split) for split in ROWS} == {split: counted([[batch]]) for split, batch in ROWS.items()}


def test_with_a_schema_they_are_computed(examples, tmp_path):
    """An int that the schema calls categorical has its values counted: ExampleGen knew no schema."""
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "schema.pbtxt").write_text('feature { name: "zone" type: BYTES image_domain {} }')
    schema = standard_artifacts.Schema()
    schema.uri = str(folder)
    made = execute(Executor, examples, tmp_path / "ours", inputs={"schema": [schema]})
    zone = next(f for f in read(made, "train").datasets[0].features if f.path.step[0] == "zone")
    assert zone.bytes_stats.max_num_bytes_int == 1


@pytest.mark.parametrize(
    "options",
    [statistics.options(10).to_json(), None, json.dumps({**json.loads(OPTIONS), "_num_top_values": 5}), '{"other": 1}'],
    ids=["other quantiles", "TFDV's own", "another setting", "another version"],
)
def test_other_options_are_not_answered_by_them(examples, options):
    assert logic.made_by_example_gen(examples.uri, ["train"], OPTIONS) is not None
    assert logic.made_by_example_gen(examples.uri, ["train"], options) is None


def test_a_damaged_file_is_no_reason_to_compute_silently(examples, tmp_path):
    (Path(examples.uri) / "statistics" / "Split-train" / "FeatureStats.pb").write_bytes(b"\xff\xff")
    with pytest.raises(DecodeError):
        execute(Executor, examples, tmp_path / "ours")


def test_it_is_tfxs_component_but_for_the_executor():
    assert StatisticsGen.SPEC_CLASS is TfxStatisticsGen.SPEC_CLASS
    assert StatisticsGen.EXECUTOR_SPEC.executor_class is Executor
