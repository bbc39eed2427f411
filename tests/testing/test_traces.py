"""With few traces the transform graph is the one that TFT makes: every ready-made transform, and more of what TFT offers."""

import inspect
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import any_pb2
from tensorflow_transform import schema_inference

from waze_data_tfx import features
from waze_data_tfx.components.transform import logic
from waze_data_tfx.testing import fitting, traces
from waze_data_tfx.testing.beam_in_memory import pipeline

N = None
COLUMNS: dict[str, list[Any]] = {
    "x": [1.0, 2.0, 3.0, 40.0, N, 5.0],
    "y": [5.0, 5.0, 7.0, 5.0, 9.0, N],
    "day": [0, 1, 2, 3, -1, N],
    "word": ["x", "y", "y", N, "z", "q"],
    "comment": ["Good trip, good driver!", "bad trip", "good", N, "...", "bad"],
    "path": ["a|b|a", "b", "c| a", N, "|", "a|b|c|d"],
    "numbers": ["1|3", "2", "x|3", N, "0", "1|2|3"],
    "when": ["2026-03-01T17:45", "2026-03-01", N, "2025-12-31", "no date", "2026-07-07"],
    "latitude": [41.88, 41.881, 41.88, N, 41.88, 100.0],
    "longitude": [-87.63, -87.631, -87.0, -87.63, -87.63, 0.0],
}
TYPES = {"x": tf.float32, "y": tf.float32, "day": tf.int64, "latitude": tf.float32, "longitude": tf.float32}
SPEC = {name: tf.io.VarLenFeature(TYPES.get(name, tf.string)) for name in COLUMNS}
NO_TRANSFORM = {"ModelInput", "model_inputs", "features_transform"}


def ready_made(c: dict[str, Any]) -> dict[str, Any]:
    f, here, there = features, (c["latitude"], c["longitude"]), (c["latitude"], c["y"])
    filled = features.dense(c["x"], 0.0)
    return {
        **{"z": f.z_score(c["x"]), "min_max": f.min_max(c["x"]), "robust": f.robust(c["x"], impute="median")},
        **{"log": f.log(c["x"]), "log1p": f.log1p(c["x"]), "log_z": f.log_z_score(c["x"]), "clip": f.clip(c["x"], 0, 2)},
        **{"two_phases": f.z_score(f.winsorize(c["x"], 0, 0.5)), "most": f.impute(c["y"], "most_frequent")},
        **{"missing": f.missing_indicator(c["x"]), "scores": f.z_scores([filled]), "pieces": f.piecewise_linear([filled], 3)},
        **{"bucket": f.bucket(c["x"], 3), "given": f.bucket(c["x"], boundaries=[2]), "text": f.impute_text(c["word"])},
        **{"word": f.vocabulary(c["word"], "word", top_k=2), "hashed": f.hashed(c["word"], 5), "day": f.category(c["day"], 3)},
        **{"cross": f.cross([c["word"], c["day"]], 7), "many": f.multi_hot(c["numbers"], 4)},
        **{"known": f.with_cardinality(tf.cast(filled, tf.int64) % 4, 4), "bag": f.bag_of_words(c["comment"], "bag", top_k=2)},
        **{"counts": f.word_counts(c["comment"], "counts", top_k=3), "weights": f.tf_idf(c["comment"], "weights", top_k=3)},
        **{"length": f.text_length(c["comment"]), "path": f.sequence_ids(c["path"], "path", max_length=3, top_k=2)},
        **{"speeds": f.sequence_numbers(c["numbers"], max_length=2), "long": f.sequence_length(c["path"])},
        **{"cyclic": f.cyclic(c["x"], 7), "cycles": f.time_cycles(c["when"]), "seconds": f.epoch_seconds(c["when"])},
        **{"km": f.haversine_km(here, there), "bearing": f.bearing(here, there), "cell": f.geo_cell(here, "cell", degrees=0.1)},
        **{"grid": f.grid_cell(here, 0.1)},
    }


def of_tft(c: dict[str, Any]) -> dict[str, Any]:
    """A table without analyzers, an asset that a second phase reads, a variable, sparse and ragged outputs, a check, notes."""
    x = features.dense(c["x"], 0.0)
    keys = tf.constant(["x", "y"])
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, tf.constant([10.0, 20.0])), 0.0)
    ids = tft.compute_and_apply_vocabulary(features.dense(c["word"], ""), vocab_filename="ids", num_oov_buckets=1)
    layer = tft.make_and_track_object(lambda: tf.Variable(3.0), name="three")
    tf.debugging.assert_less(tf.reduce_max(x), 1000.0)
    note = tf.constant(any_pb2.Any(type_url="t", value=b"v").SerializeToString())
    schema_inference.annotate("t", note)
    shaped = tf.sparse.reshape(c["x"], [-1, 1, 1])
    schema_inference.annotate_sparse_output_shape(shaped, tf.constant([1, 1], tf.int64))
    return {
        "looked_up": tft.scale_to_z_score(table.lookup(features.dense(c["word"], ""))),
        "of_ids": tft.scale_to_0_1(tf.cast(ids, tf.float32)),
        "by_id": tft.scale_to_z_score_per_key(x, tf.strings.as_string(ids), key_vocabulary_filename="keys"),
        "buckets": tft.bucketize(x, 3),
        "tripled": layer * x,
        "sparse": c["word"],
        "shaped": shaped,
        "ragged": tf.RaggedTensor.from_sparse(c["x"]),
        "python": tf.ensure_shape(tft.apply_pyfunc(lambda v: v + np.float32(1), tf.float32, True, "plus", x), [None]),
    }


def without_analyzers(c: dict[str, Any]) -> dict[str, Any]:
    return {"clip": features.clip(c["x"], 0, 2), "known": features.category(c["day"], 3, encoding="id")}


def limited_by_the_rows(c: dict[str, Any]) -> dict[str, Any]:
    """A note that depends on an input has no value; TFT makes the input up."""
    ids = tf.cast(features.dense(c["x"], 0.0), tf.int64)
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), tf.reduce_max(ids))
    return {"ids": tf.identity(ids), "noted": ids, "z": features.z_score(c["x"])}


@pytest.fixture(scope="module")
def examples() -> list[bytes]:
    made = []
    for i in range(len(COLUMNS["x"])):
        example = tf.train.Example()
        for name, values in COLUMNS.items():
            kind = {tf.float32: "float_list", tf.int64: "int64_list"}.get(SPEC[name].dtype, "bytes_list")
            value = values[i].encode() if isinstance(values[i], str) else values[i]
            getattr(example.features.feature[name], kind).value.extend([] if value is None else [value])
        made.append(example.SerializeToString())
    return made


def analyzed(function: Any, examples: list[bytes], folder: Path) -> tft.TFTransformOutput:
    fitting.write(examples, folder / "examples")
    schema = tft.DatasetMetadata.from_feature_spec(SPEC).schema
    paths = logic.Paths(graph=str(folder), analyze=[str(folder / "examples")], transform={})
    logic.write_raw_metadata(schema, paths)
    logic.analyze(pipeline(), schema, function, paths)
    return tft.TFTransformOutput(str(folder))


def outputs(graph: tft.TFTransformOutput, examples: list[bytes]) -> dict[str, Any]:
    made = graph.transform_raw_features(tf.io.parse_example(tf.constant(examples), SPEC))
    return {name: [part.numpy() for part in tf.nest.flatten(value, expand_composites=True)] for name, value in made.items()}


def assets(folder: Path) -> dict[str, bytes]:
    """Return the map of names and every vocabulary, by file name."""
    files = [*(folder / "transformed_metadata").glob("asset_map"), *(folder / "transform_fn" / "assets").glob("*")]
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("function", "theirs_n", "ours_n"),
    [(ready_made, 6, 3), (of_tft, 12, 6), (without_analyzers, 4, 2), (limited_by_the_rows, 5, 3)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_graph_is_the_same(function: Any, theirs_n: int, ours_n: int, examples: list[bytes], tmp_path: Path) -> None:
    traced = tmp_path / "traced"  # Beam calls a copy of the function

    def counted(inputs: dict[str, Any]) -> dict[str, Any]:
        with traced.open("a") as opened:
            opened.write(".")
        made = function(inputs)
        return {name: tf.cast(v, tf.float32) if v.dtype == tf.float64 else v for name, v in made.items()}

    theirs = analyzed(counted, examples, tmp_path / "theirs")
    assert traced.read_text() == "." * theirs_n
    with traces.few(counted) as given:
        ours = analyzed(given, examples, tmp_path / "ours")
    assert traced.read_text() == "." * (theirs_n + ours_n)
    assert ours.transformed_metadata.schema == theirs.transformed_metadata.schema
    assert assets(tmp_path / "ours") == assets(tmp_path / "theirs")
    for rows in (examples, examples[:1], [tf.train.Example().SerializeToString()]):
        expected, received = outputs(theirs, rows), outputs(ours, rows)
        assert set(received) == set(expected)
        for name, parts in expected.items():
            for part, same in zip(parts, received[name], strict=True):
                np.testing.assert_array_equal(same, part, err_msg=name)


def test_every_transform_is_here() -> None:
    assert set(re.findall(r"\b(?:f|features)\.(\w+)\(", inspect.getsource(ready_made))) == set(features.__all__) - NO_TRANSFORM


def failing(c: dict[str, Any]) -> dict[str, Any]:
    """A check of the data that no analyzer needs runs where the analyzers' inputs are computed."""
    x = features.dense(c["x"], 0.0)
    tf.debugging.assert_less(tf.reduce_max(x), 39.0)
    return {"z": tft.scale_to_z_score(x)}


def of_no_fixed_names(c: dict[str, Any]) -> dict[str, Any]:
    return {"z": tft.mean(features.dense(c["x"], 0.0), name=f"m{uuid.uuid4().hex}") + features.dense(c["y"], 0.0)}


@pytest.mark.parametrize(
    ("function", "message"),
    [(failing, "assertion failed"), (of_no_fixed_names, "refers to a Tensor which does not exist")],
    ids=["a check fails", "names of analyzers"],
)
def test_the_same_is_refused(function: Any, message: str, examples: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(Exception, match=message):
        analyzed(function, examples, tmp_path / "theirs")
    with pytest.raises(Exception, match=message), traces.few(function) as given:
        analyzed(given, examples, tmp_path / "ours")
