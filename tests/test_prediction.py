"""Rows of a file through a pushed model: which version, which columns, and what cannot be predicted."""

import os
from pathlib import Path

import pandas as pd
import pytest
from store_for_test import config_in

from waze_data_tfx import change, predict, versions
from waze_data_tfx.config import Config
from waze_data_tfx.config.features import Features
from waze_data_tfx.errors import DataError, RunFailed, UserError
from waze_data_tfx.prediction import predict_file


def push(config: Config, factor: float, *, signatures: tuple[str, ...] = ("serving_default", "raw")) -> int:
    """Push a model that predicts `factor` times the miles and passes the home town through."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: "tf.Tensor") -> "dict[str, tf.Tensor]":
            specs = {
                "miles": tf.io.FixedLenFeature([], tf.float32, default_value=-1.0),
                "home town": tf.io.FixedLenFeature([], tf.string, default_value="?"),
            }
            parsed = tf.io.parse_example(examples, specs)
            return self.raw(parsed["miles"], parsed["home town"])

        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.float32, name="miles"), tf.TensorSpec([None], tf.string, name="home_town")]
        )
        def raw(self, miles: "tf.Tensor", home_town: "tf.Tensor") -> "dict[str, tf.Tensor]":
            return {"prediction": factor * miles, "scores": tf.stack([miles] * 2, 1), "key": tf.identity(home_town)}

    def fill(folder: Path) -> None:
        model = Model()
        known = {"serving_default": model.serve, "raw": model.raw}
        tf.saved_model.save(model, str(folder), signatures={name: known[name] for name in signatures})

    assert config.push.directory is not None
    return versions.publish(config.push.directory, fill, expected=versions.ANY)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = config_in(
        tmp_path_factory.mktemp("predict"),
        features={"dense": ["miles"], "vocabulary": {"home town": 3}},
        evaluation={"metrics": [{"name": "mae", "upper_bound": 5}], "slices": ["driver"]},
    )
    assert (push(config, 10.0), push(config, 100.0)) == (1, 2)
    return config


def rows(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return path


def test_columns_outputs_and_version_of_each_row(config: Config, tmp_path: Path) -> None:
    file = rows(tmp_path, "unused,home town,miles,seconds\nx,Zürich,1.5,60\nx,,,70\nx,Bern,4,80\n")
    found = predict_file(config, file, version=None, limit=2)
    assert list(found[0]) == ["key", "prediction", "scores", "home town", "miles", "version"]  # columns as the file has them
    assert found == [
        {"miles": 1.5, "home town": "Zürich", "prediction": 150.0, "scores": [1.5, 1.5], "key": "Zürich", "version": 2},
        {"miles": None, "home town": None, "prediction": -100.0, "scores": [-1.0, -1.0], "key": "?", "version": 2},
    ]


def test_columns_stand_in_the_order_of_the_file(config: Config, tmp_path: Path) -> None:
    for names in (["home town", "miles"], ["miles", "home town"]):
        [row] = predict_file(config, rows(tmp_path, f"{','.join(names)}\n2,3\n"), version=2, limit=1)
        assert [name for name in row if name in names] == names


def test_an_older_version_and_the_current_one_after_a_rollback(config: Config, tmp_path: Path) -> None:
    file = rows(tmp_path, "home town,miles\nBern,2\n")
    [row] = predict_file(config, file, version=1, limit=10)
    assert (row["prediction"], row["version"]) == (20.0, 1)
    assert config.push.directory is not None
    versions.rollback(config.push.directory)
    assert predict_file(config, file, version=None, limit=10)[0]["version"] == 1
    versions.rollback(config.push.directory, 2)


def test_more_rows_than_a_batch(config: Config, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 20_000
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"miles": [float(i) for i in range(n)], "home town": ["Bern"] * n}), file, row_group_size=7_000)
    found = predict_file(config, file, version=None, limit=15_000)
    assert len(found) == 15_000
    assert found[-1]["prediction"] == 100.0 * 14_999


@pytest.mark.parametrize(
    "given",
    [
        [{"miles": 1.5, "home town": "Zürich"}, {"miles": None, "home town": None}],
        {"miles": [1.5, None], "home town": ["Zürich", None]},
        pd.DataFrame({"miles": [1.5, None], "home town": ["Zürich", None]}, index=[7, 9]),
    ],
    ids=["dicts", "columns", "frame"],
)
def test_rows_of_python_are_predicted_as_a_file_s_are(config: Config, given: object) -> None:
    assert predict(change(config, {"data.format": "csv"}), given) == [
        {"miles": 1.5, "home town": "Zürich", "prediction": 150.0, "scores": [1.5, 1.5], "key": "Zürich", "version": 2},
        {"miles": None, "home town": None, "prediction": -100.0, "scores": [-1.0, -1.0], "key": "?", "version": 2},
    ]
    assert len(predict(config, given, limit=1)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"^rows: received none; expected at least one$"),
        (7, r"^rows: expected a file, a list of dicts, a dict of columns or a DataFrame; received int"),
        ([{"mile": 1.0, "home town": "x"}], r"^rows: column 'miles' is missing, .*; did you mean 'mile'\?"),
        ({"miles": ["many"], "home town": ["x"]}, r"^rows:row 1: miles: expected float; received 'many'"),
    ],
)
def test_rows_of_python_that_cannot_be_predicted(config: Config, given: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predict(config, given)


def test_a_column_of_which_all_is_missing(config: Config) -> None:
    [row] = predict(config, [{"miles": None, "home town": "Bern"}], version=1)
    assert (row["prediction"], row["key"]) == (-10.0, "Bern")


def test_a_slice_column_is_shown_where_the_file_has_it(config: Config, tmp_path: Path) -> None:
    file = rows(tmp_path, "driver,home town,miles\nAda,Bern,2\n")
    assert predict_file(config, file, version=None, limit=1)[0]["driver"] == "Ada"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("home town,miles\n", r"rows\.csv: no rows; expected at least one below the header"),
        ("home town,mile\nBern,1\n", r"rows\.csv: column 'miles' is missing, which version 2 of .*; did you mean 'mile'\?"),
        ("seconds\n60\n", r"rows\.csv: columns 'home town', 'miles' are missing, which version 2 of .*; known: seconds\n"),
        ("home town,miles\nBern,many\n", r"rows\.csv:row 2: miles: expected float; received 'many'"),
    ],
)
def test_rows_that_cannot_be_predicted(config: Config, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predict_file(config, rows(tmp_path, text), version=None, limit=5)


def test_what_is_not_there_is_named(config: Config, tmp_path: Path) -> None:
    file = rows(tmp_path, "home town,miles\nBern,2\n")
    with pytest.raises(UserError, match=r"^--version 7: no such version; known: 1, 2$"):
        predict_file(config, file, version=7, limit=1)
    with pytest.raises(UserError, match=r"^--input gone\.csv: no such file$"):
        predict_file(config, Path("gone.csv"), version=None, limit=1)
    with pytest.raises(UserError, match="nothing has been pushed yet") as caught:
        predict_file(config_in(tmp_path), file, version=None, limit=1)
    assert caught.value.hint == "run the pipeline first"


def test_the_model_says_which_columns_it_reads_when_the_config_has_moved_on(config: Config, tmp_path: Path) -> None:
    moved = config.model_copy(update={"features": Features(dense=["miles", "age"]), "key": "id"})
    [row] = predict_file(moved, rows(tmp_path, "miles,home town\n2,Bern\n"), version=None, limit=1)
    assert (row["prediction"], row["key"], "age" in row) == (200.0, "Bern", False)
    with pytest.raises(DataError, match=r"column 'home_town' is missing, which version 2 of the model reads; known: miles, age"):
        predict_file(moved, rows(tmp_path, "miles,age\n2,30\n"), version=None, limit=1)


def test_a_tfrecord_has_the_columns_that_have_a_value_somewhere(config: Config, tmp_path: Path) -> None:
    import pyarrow as pa
    import tensorflow as tf

    from waze_data_tfx.data.encode import encode

    def write(names: list[str]) -> Path:
        columns = pa.record_batch({"miles": [1.0, 2.0], "home town": pa.array([None, "Bern"], pa.large_string())})
        with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
            for record in encode(columns, names):
                writer.write(record)
        return tmp_path / "rows.tfrecord"

    [row] = predict_file(config, write(["miles", "home town"]), version=None, limit=1)
    assert (row["prediction"], row["home town"]) == (100.0, None)
    with pytest.raises(DataError, match=r"rows\.tfrecord: column 'home town' is missing, which version 2 .*known: miles"):
        predict_file(config, write(["miles"]), version=None, limit=1)


def test_a_model_without_the_signature_that_names_its_columns(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    push(config, 1.0, signatures=("serving_default",))
    with pytest.raises(RunFailed, match="unknown signature 'raw'; known: serving_default"):
        predict_file(config, rows(tmp_path, "miles\n2\n"), version=None, limit=1)
