"""QueryExampleGen run by TFX itself on tiny files, and its checks on counts."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tfx  # noqa: F401 - before tensorflow_data_validation
from tfx.components.util import examples_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import Metadata, sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from waze_data_tfx.components.query_example_gen import QueryExampleGen, counts, logic
from waze_data_tfx.components.query_example_gen.plan import make_plan, settings_for
from waze_data_tfx.config.load import load
from waze_data_tfx.data import shards, statistics
from waze_data_tfx.errors import DataError
from waze_data_tfx.monitoring.statistics import N_QUANTILES

CONFIG = """\
name: trips
label: seconds
key: id
data:
  input: "*.csv"
  rules:
    - {name: no label, drop: seconds IS NULL}
    - {name: bad weather, drop: weather > 2}
  split: {by: [id], buckets: {train: 2, eval: 1, test: 1}}
features:
  dense: [km]
  category: {zone: 3}
evaluation:
  metrics: [{name: mae, upper_bound: 10}]
"""
BEAM = ["--runner=FnApiRunner", "--sdk_container_image=in-process"]


@pytest.fixture
def config(tmp_path):
    rows = [f"t{i},{i / 2},{i % 3}.0,{'' if i == 3 else i * 10},{3 if i in (4, 5) else 1}" for i in range(40)]
    header = "id,km,zone,seconds,weather"
    (tmp_path / "one.csv").write_text("\n".join([header, *rows[:30]]) + "\n")
    (tmp_path / "two.csv").write_text("\n".join([header, *rows[30:], ",,,7,0"]) + "\n")

    def write(**changes):
        text = CONFIG
        for old, new in changes.values():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "trips.yaml").write_text(text)
        return load(tmp_path / "trips.yaml").config

    return write


def run(config, tmp_path):
    node = QueryExampleGen(config=config.model_dump_json(by_alias=True), data_fingerprint="f")
    store = sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    common = {"metadata_connection_config": store, "beam_pipeline_args": BEAM, "enable_cache": False}
    pipeline = Pipeline("trips", str(tmp_path / "root"), components=[node], **common)
    LocalDagRunner().run(pipeline)
    with Metadata(store) as handle:
        (artifact,) = handle.store.get_artifacts_by_type("Examples")
        kind = handle.store.get_artifact_type("Examples")
    return artifact_utils.deserialize_artifact(kind, artifact)


def examples(artifact, split):
    files = sorted(Path(artifact_utils.get_split_uri([artifact], split)).iterdir())
    for record in tf.data.TFRecordDataset([str(f) for f in files], "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        yield {k: [*v.float_list.value, *v.int64_list.value, *v.bytes_list.value] for k, v in features.items()}


def test_files_become_splits_that_tfx_reads(config, tmp_path):
    artifact = run(config(), tmp_path)
    assert artifact_utils.decode_split_names(artifact.split_names) == ["train", "eval", "test"]
    assert artifact.span == 0
    assert examples_utils.get_payload_format(artifact) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert examples_utils.get_file_format(artifact) == "tfrecords_gzip"
    splits = {s: list(examples(artifact, s)) for s in ("train", "eval", "test")}
    rows = json.loads(Path(artifact.uri, "rows.json").read_text())
    assert rows == {
        "rows_read": 41,
        "rejected": {},
        "dropped": {"no label": 1, "bad weather": 2},
        "splits": {s: len(e) for s, e in splits.items()},
        "label_missing": 0,
    }
    everything = [e for split in splits.values() for e in split]
    assert len(everything) == 38
    assert {"id": [b"t7"], "km": [3.5], "zone": [1], "seconds": [70.0]} in everything
    assert {"id": [], "km": [], "zone": [], "seconds": [7.0]} in everything
    assert not {b"t3", b"t4", b"t5"} & {i for e in everything for i in e["id"]}
    names = sorted(p.relative_to(artifact.uri).as_posix() for p in Path(artifact.uri).rglob("*") if p.is_file())
    shards = [f"Split-{s}/data_tfrecord-00000-of-00001.gz" for s in ("eval", "test", "train")]
    assert [name for name in names if not name.startswith("statistics/")] == [*shards, "rows.json"]
    counted = {s: statistics.read(artifact.uri, s, N_QUANTILES).datasets[0].num_examples for s in rows["splits"]}
    assert counted == rows["splits"]
    assert artifact.get_int_custom_property("rows") == 38
    assert artifact.get_string_custom_property("files") == "2"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    - {name: no label, drop: seconds IS NULL}\n", "", "label 'seconds' is missing in 1 of 39 kept rows"),
        ("weather > 2", "km < 15", "rules dropped 30 of 41 rows (no label: 1, bad weather: 29); expected at most"),
        ("dense: [km]", "dense: [id]", "one.csv:row 2: id: expected float; received 't0'"),
        ("weather > 2", "wether > 2", "did you mean 'weather'?"),
    ],
)
def test_a_mistake_stops_the_node_with_its_own_message(config, tmp_path, old, new, expected):
    changed = {"change": (old, new), "key": ("key: id\n", "")}
    with pytest.raises(DataError) as caught:
        run(config(**changed), tmp_path)
    assert expected in caught.value.message
    assert not list((tmp_path / "root").rglob("*.gz"))


def counts_of(**values):
    return [counts.Counts(**{"rows": 10, "dropped": {"no label": 0, "bad weather": 0}, **values})]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rows": 0}, "no rows"),
        ({"splits": {"train": 10, "eval": 0, "test": 0}}, "split 'eval' is empty; rows read 10, dropped 0"),
        (
            {"splits": {"train": 5, "eval": 3, "test": 2}, "label_missing": 10},
            "has no value in any of the 10 rows",
        ),
    ],
)
def test_counts_that_cannot_train_a_model_are_refused(config, values, expected):
    with pytest.raises(DataError) as caught:
        counts.summarise(config(), counts_of(**values))
    assert expected in caught.value.message


def test_serving_rows_need_no_label_and_every_one_is_read(config, tmp_path):
    (tmp_path / "asked.csv").write_text("id,km,zone\na,1.5,2\nb,,1\n")
    asked = config(change=("label: seconds\n", "label: seconds\nmonitoring: {skew: {input: asked.csv}}\n"))
    settings = settings_for(asked, "serving")
    plan = make_plan(settings, {"serving": str(tmp_path)}, rows="serving")
    assert (set(plan.types), plan.label, plan.rules) == ({"id", "km", "zone"}, None, ())
    written = logic.write_shard(plan, 0)
    assert (written.rows, written.splits, written.present["km"]) == (2, {"serving": 2}, 1)
    assert counts.summarise_serving(settings, [written])["splits"] == {"serving": 2}
    with pytest.raises(DataError, match=r"monitoring.skew.input: .*asked.csv: no rows"):
        counts.summarise_serving(settings, [counts.Counts()])


def test_declared_types_do_not_move_rows(config, tmp_path):
    """The split hashes the file's own text: the same rows are in train, whatever is read from them."""
    folders = {s: str(tmp_path / s) for s in ("train", "eval", "test")}
    for folder in folders.values():
        Path(folder).mkdir()

    def train_ids():
        shard = tmp_path / "train" / "data_tfrecord-00000-of-00001.gz"
        records = tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator()
        return [list(tf.train.Example.FromString(r).features.feature["id"].bytes_list.value) for r in records]

    logic.write_shard(make_plan(config(), folders), 0)
    first = train_ids()
    logic.write_shard(make_plan(config(zone=("  category: {zone: 3}\n", "  bucket: {zone: 3}\n")), folders), 0)
    assert train_ids() == first
    assert 10 < len(first) < 30


def test_features_do_not_move_the_rows_of_a_tfrecord(config, tmp_path):
    """Without data.split.by the whole record is hashed, whatever columns the config names."""
    folders = {s: str(tmp_path / s) for s in ("train", "eval", "test")}
    with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
        for i in range(60):
            floats = {name: tf.train.FloatList(value=[value]) for name, value in (("seconds", i), ("km", i / 2), ("age", i % 5))}
            features = {name: tf.train.Feature(float_list=value) for name, value in floats.items()}
            features["zone"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[i % 3]))
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())

    def train_seconds(features):
        for folder in folders.values():
            Path(folder).mkdir(exist_ok=True)
        rules = CONFIG[CONFIG.index("  rules") : CONFIG.index("  split")]
        changes = {
            "input": ("*.csv", "*.tfrecord"), "rules": (rules, ""), "by": ("by: [id], ", ""), "key": ("key: id\n", ""),
            "features": ("dense: [km]", f"dense: {features}"),
        }  # fmt: skip
        logic.write_shard(make_plan(config(**changes), folders), 0)
        records = tf.data.TFRecordDataset(str(tmp_path / "train" / "data_tfrecord-00000-of-00001.gz"), "GZIP")
        examples = [tf.train.Example.FromString(r).features.feature for r in records.as_numpy_iterator()]
        assert all(set(e) == {"zone", "seconds", *features} for e in examples)
        return [e["seconds"].float_list.value[0] for e in examples]

    first = train_seconds(["km"])
    assert 20 < len(first) < 40
    assert train_seconds(["km", "age"]) == first


SPECIES = """\
name: flowers
task: multiclass_classification
label: species
classes: [setosa, versicolor, virginica]
weight: w
data:
  input: flowers.csv
  rules: [{name: unsure, drop: species = 'unsure'}]
  split: {by: [id], buckets: {train: 1, eval: 1}}
features: {dense: [petal]}
evaluation:
  metrics: [{name: accuracy, lower_bound: 0.5}]
"""


@pytest.fixture
def flowers(tmp_path):
    """Return a function that writes rows (species, weight) and says what becomes of them: rows.json and the labels by id."""

    def made(rows, *changes):
        text = SPECIES
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "flowers.yaml").write_text(text)
        lines = [f"f{i},{i / 2},{species},{weight}" for i, (species, weight) in enumerate(rows)]
        (tmp_path / "flowers.csv").write_text("\n".join(["id,petal,species,w", *lines]) + "\n")
        settings = load(tmp_path / "flowers.yaml").config
        folders = {s: str(tmp_path / s) for s in ("train", "eval")}
        for folder in folders.values():
            Path(folder).mkdir(exist_ok=True)
        part = logic.write_shard(make_plan(settings, folders), 0)
        written = counts.summarise(settings, [counts.counts_from_json(counts.counts_to_json(part))])
        files = [f"{folder}/data_tfrecord-00000-of-00001.gz" for folder in folders.values()]
        records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        features = [tf.train.Example.FromString(record).features.feature for record in records]
        return written, {f["petal"].float_list.value[0] * 2: list(f["species"].int64_list.value) for f in features}

    return made


NAMES = ("setosa", "versicolor", "virginica", "setosa", "unsure") * 4


def test_the_names_of_classes_become_numbers_after_the_rules(flowers):
    written, labels = flowers([(name, 0.5) for name in NAMES])
    assert labels == {i: [{"setosa": 0, "versicolor": 1, "virginica": 2}[n]] for i, n in enumerate(NAMES) if n != "unsure"}
    assert written["dropped"] == {"unsure": 4}
    classes = written["label_classes"]
    assert {name: classes["train"][name] + classes["eval"][name] for name in classes["train"]} == {
        "setosa": 8, "versicolor": 4, "virginica": 4,
    }  # fmt: skip
    assert sum(written["weights"].values()) == pytest.approx(16 * 0.5)


def test_several_classes_per_row_become_a_vector(flowers):
    task = (("multiclass_classification", "multilabel_classification"), ("accuracy", "auc"))
    rows = [("setosa", 1), ("virginica|setosa", 1), ("|", 1)] * 4
    written, labels = flowers(rows, *task)
    assert [labels[i] for i in range(3)] == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert sum(written["splits"].values()) == 12
    with pytest.raises(DataError, match="label 'species' is missing in 2 of 14 kept rows") as caught:
        flowers([*rows, ("", 1), ("", 1)], *task)
    assert caught.value.hint.endswith("if an empty field means a row without any class, set label_empty: no_class")
    written, labels = flowers([*rows, ("", 1)], *task, ("weight: w", "weight: w\nlabel_empty: no_class"))
    assert labels[12] == [0, 0, 0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [("setossa", 1), ("setossa", 1), ("iris", 1)],
            "label 'species': received 'setossa' in 2 of 23 kept rows, and other texts in 1; expected one of the classes "
            "setosa, versicolor, virginica; did you mean 'setosa'?",
        ),
        ([("", 1)], "label 'species' is missing in 1 of 21 kept rows; expected a value in every row"),
        ([("setosa", "")], "weight 'w' is missing or not finite in 1 of 21 kept rows; expected a number in every row"),
        ([("setosa", "nan"), ("setosa", "inf")], "weight 'w' is missing or not finite in 2 of 22 kept rows"),
        ([("setosa", -1), ("setosa", 1)], "weight 'w' is negative in 1 of 22 kept rows; expected 0 or more"),
        ([("setosa", "much")], "flowers.csv:row 22: w: expected float; received 'much'"),
    ],
)
def test_labels_and_weights_that_cannot_be_used(flowers, rows, expected):
    good = [("setosa", 1), ("virginica", 1)] * 10
    with pytest.raises(DataError) as caught:
        flowers([*good, *rows])
    assert expected in caught.value.message


def test_a_split_that_weighs_nothing_is_refused(flowers):
    with pytest.raises(DataError, match="weight 'w' is 0 in every row of split 'train'; expected a row that counts"):
        flowers([("setosa", 0)] * 20)


def test_a_label_of_text_without_classes_says_how_to_name_them(flowers):
    with pytest.raises(DataError, match="species: expected int; received 'setosa'") as caught:
        flowers([("setosa", 1)] * 20, ("classes: [setosa, versicolor, virginica]", "n_classes: 3"))
    assert "name its classes" in caught.value.hint


def test_nested_columns_of_parquet_ask_for_columns_to_split_by(config, tmp_path):
    columns = {"id": ["a", "b"], "km": [1.0, 2.0], "zone": [1, 2], "seconds": [1.0, 2.0], "weather": [0, 0], "tags": [["x"], []]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    folders = {s: str(tmp_path / s) for s in ("train", "eval", "test")}
    for folder in folders.values():
        Path(folder).mkdir()
    plan = make_plan(config(input=("*.csv", "*.parquet"), by=("by: [id], ", "")), folders)
    with pytest.raises(DataError, match="column 'tags' cannot be hashed"):
        logic.write_shard(plan, 0)
    logic.write_shard(make_plan(config(input=("*.csv", "*.parquet")), folders), 0)


def test_importing_the_component_spares_aiplatform():
    code = "import sys, waze_data_tfx.components.query_example_gen, waze_data_tfx.components.transform; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "google.cloud.aiplatform" not in modules


@pytest.fixture
def split(tmp_path):
    """Return a function that writes rows (user, day, part) and a config with a split, and runs ExampleGen over them."""

    def write(how, rows, more=""):
        lines = [f"{user},{day},{part},{i},{i}" for i, (user, day, part) in enumerate(rows)]
        for number, chunk in enumerate((lines[::2], lines[1::2])):
            (tmp_path / f"{number}.csv").write_text("\n".join(["user,day,part,km,seconds", *chunk]) + "\n")
        data = f'data:\n  input: "*.csv"\n  split: {how}\n{more}'
        (tmp_path / "trips.yaml").write_text(
            f"name: trips\nlabel: seconds\n{data}features: {{dense: [km]}}\n"
            "evaluation: {metrics: [{name: mae, upper_bound: 10}]}\n"
        )
        return run(load(tmp_path / "trips.yaml").config, tmp_path)

    return write


BY_DAY = "{time: {column: day, starts: {test: '2025-01-03', eval: '2025-01-02'}}, disjoint: [user]}"
DAYS = [("a", "2025-01-01", ""), ("b", "2025-01-02", ""), ("c", "2025-01-03", ""), ("a", "2025-01-01T23:59:59Z", "")]


def kms(artifact):
    names = artifact_utils.decode_split_names(artifact.split_names)
    return {name: sorted(e["km"][0] for e in examples(artifact, name)) for name in names}


def test_rows_are_split_by_time(split):
    artifact = split(BY_DAY, DAYS)
    assert kms(artifact) == {"train": [0, 3], "eval": [1], "test": [2]}
    left = sorted(p.name for p in Path(artifact.uri).iterdir())
    assert left == ["Split-eval", "Split-test", "Split-train", "rows.json", "statistics"]  # the keys' files are gone


def test_a_key_in_two_splits_stops_the_node_and_is_named(split):
    with pytest.raises(DataError) as caught:
        split(BY_DAY, [*DAYS, ("a", "2025-01-02", ""), ("b", "2025-01-02", ""), ("c", "2025-01-03", "")])
    assert "data.split.disjoint: 1 of 3 values of user are in more than one split: user=a (rows in train: 2, eval: 1)" in str(
        caught.value
    )


def test_rows_without_a_time_stop_the_node_unless_a_rule_drops_them(split):
    rows = [*DAYS, ("d", "", ""), ("e", "", "")]
    with pytest.raises(DataError) as caught:
        split(BY_DAY, rows)
    assert "data.split.time.column: 'day' has no value in 2 of 6 kept rows; expected one in every row" in caught.value.message
    assert caught.value.hint.endswith("data.rules: {name: no day, drop: '\"day\" IS NULL'}")
    assert kms(split(BY_DAY, rows, "  rules: [{name: no day, drop: '\"day\" IS NULL'}]\n"))["train"] == [0, 3]


def test_rows_whose_column_names_no_split_stop_the_node_or_are_dropped_and_counted(split):
    rows = [("a", "", part) for part in ("train", "dev", "train", "tset", "", "tset")]
    by_column = "{column: part, values: {train: train, eval: dev, test: test}"
    with pytest.raises(DataError) as caught:
        split(by_column + "}", rows)
    assert (
        "data.split.column: 'part' names no split in 3 of 6 kept rows: received 'tset' in 2, none in 1; known: train, dev, test; "
        "did you mean 'test'?"
    ) in caught.value.message
    artifact = split(by_column.replace(", test: test", "") + ", others: drop}", rows)
    assert kms(artifact) == {"train": [0, 2], "eval": [1]}
    counted = json.loads(Path(artifact.uri, "rows.json").read_text())
    assert counted["dropped"] == {"data.split.others": 3}
    assert counted["rows_read"] == 6


REJECTING = {"key": ("  rules:\n", "  max_rejected: 0.1\n  rules:\n")}


def test_rejected_rows_are_kept_with_their_reason(config, tmp_path):
    text = (tmp_path / "one.csv").read_text().replace("t7,3.5,", "t7,far,").replace("t9,4.5,0.0,", "t9,4.5,0.5,")
    (tmp_path / "one.csv").write_text(text)
    artifact = run(config(**REJECTING), tmp_path)
    rows = json.loads(Path(artifact.uri, "rows.json").read_text())
    assert rows["rejected"] == {"km: expected float": 1, "zone: expected int": 1}
    assert (rows["rows_read"], sum(rows["splits"].values())) == (41, 36)
    kept = {i for s in ("train", "eval", "test") for e in examples(artifact, s) for i in e["id"]}
    assert not {b"t7", b"t9"} & kept
    first, second = map(json.loads, (tmp_path / "output/trips/rejected/training.jsonl").read_text().splitlines())
    one = tmp_path / "one.csv"
    assert first == {
        "reason": f"{one}:row 9: km: expected float; received 'far'",
        "column": "km",
        "values": {"id": "t7", "km": "far", "zone": "1.0", "seconds": "70", "weather": "1"},
    }
    assert second["reason"] == f"{one}:row 11: zone: expected int; received '0.5'"


def test_too_many_rejected_rows_stop_the_node_and_stay(config, tmp_path):
    (tmp_path / "two.csv").write_text("id,km,zone,seconds,weather\n" + "".join(f"u{i},x{i % 2},1,5,1\n" for i in range(5)))
    with pytest.raises(DataError) as caught:
        run(config(**REJECTING), tmp_path)
    assert (
        "5 of 35 rows hold a value that cannot be read (km: expected float: 5), the first: "
        f"{tmp_path / 'two.csv'}:row 2: km: expected float; received 'x0'; expected at most a share of 0.1 (data.max_rejected)"
    ) in caught.value.message
    letters = tmp_path / "output/trips/rejected/training.jsonl"
    assert str(letters) in caught.value.hint
    assert len(letters.read_text().splitlines()) == 5
    assert not list((tmp_path / "root").rglob("*.gz"))
    (tmp_path / "two.csv").unlink()
    run(config(**REJECTING), tmp_path)
    assert not letters.exists()


def test_parts_are_written_by_several_processes_as_by_one(config, tmp_path):
    """In a process of its own: one that has run TensorFlow must not be forked, and that of these tests has."""
    rows = [f't{i},{i / 2},{i % 3},{i % 50},"{"two" if i % 7 else "tw" + chr(10) + "o"}"' for i in range(60_000)]
    (tmp_path / "one.csv").unlink()
    (tmp_path / "two.csv").write_text("id,km,zone,seconds,weather\n" + "\n".join(rows) + "\n")
    given = config(rules=("    - {name: bad weather, drop: weather > 2}\n", ""))
    (tmp_path / "config.json").write_text(given.model_dump_json(by_alias=True))
    subprocess.run([sys.executable, "-c", PARALLEL, str(tmp_path)], check=True, timeout=120)
    made = {}
    for name in ("inline", "forked"):
        files = sorted((tmp_path / name / "train").glob("data_tfrecord-*.gz"))
        assert len(files) > 2
        records = [r for file in files for r in tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator()]
        made[name] = [tf.train.Example.FromString(r) for r in records]  # a map's order in bytes differs between processes
    assert made["inline"] == made["forked"]
    counted = [json.loads(f.read_text())["counts"] for f in sorted((tmp_path / "forked" / "parts").glob("*.json"))]
    assert sum(json.loads(c)["rows"] for c in counted) == 60_000


PARALLEL = """
import os, sys
from pathlib import Path
from waze_data_tfx.components.query_example_gen import component, plan
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import rows, shards
shards.PART_BYTES, shards.PART_ROWS, rows.BLOCK_BYTES = 1 << 16, 20_000, 1 << 18
folder = Path(sys.argv[1])
config = Config.model_validate_json((folder / "config.json").read_text())
for name, cores in (("forked", 2), ("inline", 1)):
    os.sched_getaffinity = lambda _, n=cores: set(range(n))
    folders = {s: folder / name / s for s in ("train", "eval", "test", "parts", "staging")}
    for made in folders.values():
        made.mkdir(parents=True)
    texts = {s: str(folders[s]) for s in ("train", "eval", "test")}
    made = plan.make_plan(config, texts, staging=str(folders["staging"]))
    component._write_parts(tuple(range(len(made.parts))), made, str(folders["parts"]))
"""


def test_a_bad_value_of_a_large_csv_has_its_row(config, tmp_path, monkeypatch):
    """Read once and kept as Arrow; the quoted line break is one row."""
    monkeypatch.setattr(shards, "PART_BYTES", 10)
    monkeypatch.setattr(shards, "PART_ROWS", 1)
    (tmp_path / "two.csv").unlink()
    lines = ["id,km,zone,seconds,weather", *(f'"a\nb{i}",1.5,1,5,0' for i in range(40)), "c,far,1,5,0"]
    (tmp_path / "one.csv").write_text("\n".join(lines) + "\n")
    folders = {s: str(tmp_path / s) for s in ("train", "eval", "test", "staging")}
    for folder in folders.values():
        Path(folder).mkdir()
    plan = make_plan(config(), folders, staging=folders.pop("staging"))
    with pytest.raises(DataError, match=r"one.csv:row 42: km: expected float; received 'far'"):
        _ = [logic.write_shard(plan, i) for i in range(len(plan.parts))]


ORPHANS = """\
import os, sys, time
from waze_data_tfx.components.query_example_gen.processes import each_until

def work(number):
    os.write(1, (str(os.getpid()) + os.linesep).encode())  # a whole line, whoever else writes
    time.sleep(60)
    return True

each_until(work, range(2), processes="fork")
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: no process is begun")
def test_processes_end_with_the_one_that_began_them_even_if_it_is_killed():
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
        parent.stdout.read()  # ends when no process holds it any more, which is just before they have ended
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/exe").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
