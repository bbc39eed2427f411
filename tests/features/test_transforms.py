"""Every transform over one analysis of six rows; the expected values are worked by hand."""

import functools
import math

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions

from waze_data_tfx import features
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, UserCodeError, UserError
from waze_data_tfx.features.entry import preprocessing_fn
from waze_data_tfx.features.inputs import ModelInput

CONFIG = Config.model_validate(
    {
        "name": "t",
        "label": "fare",
        "key": "id",
        "data": {"input": "x"},
        "features": {
            "dense": {
                "a": {"indicator": True},
                "b": {"transform": "min_max", "impute": "median"},
                "log": {"transform": "log_z_score"},
                "plain": {"transform": "none", "impute": "zero"},
                "zero": {"impute": "zero"},
                "constant": {},
                "empty": {"impute": "median"},
                "odd": {"transform": "none"},
            },
            "bucket": {"b": 2, "empty": 3},
            "vocabulary": {"company": {"top_k": 2, "num_oov_buckets": 1}},
            "category": {"hour": 3, "day": {"size": 4, "encoding": "id"}},
        },
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 9}]},
    }
)
N = None
COLUMNS = {
    "id": ["p", "q", "r", "s", "t", "u"],
    "a": [1.0, 2.0, 3.0, 4.0, N, N],
    "b": [0.0, 10.0, 20.0, 30.0, 40.0, N],
    "log": [0.0, -5.0, math.e - 1, math.e - 1, N, N],
    "plain": [1.5, N, -2.0, 0.0, 7.0, 8.0],
    "zero": [2.0, 4.0, N, 2.0, 4.0, N],
    "constant": [0.1, 0.1, 0.1, N, 0.1, 0.1],
    "empty": [N, N, N, N, N, N],
    "odd": [1.0, 3.0, math.inf, math.nan, 5.0, N],
    "company": ["x", "y", "x", "y", "x", N],
    "hour": [0, 1, 2, 3, -1, N],
    "day": [3, 0, 4, N, 1, 2],
    "fare": [1.0, 2.0, 3.0, 4.0, 5.0, N],
}
TYPES = {"id": tf.string, "company": tf.string, "hour": tf.int64, "day": tf.int64}


def analyze(function, columns, directory):
    """Return the transformed columns and the TFTransformOutput."""
    n = len(next(iter(columns.values())))
    rows = [{k: [] if v[i] is None else [v[i]] for k, v in columns.items()} for i in range(n)]
    spec = {name: tf.io.VarLenFeature(TYPES.get(name, tf.float32)) for name in columns}
    metadata = tft.DatasetMetadata.from_feature_spec(spec)
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline, tft_beam.Context(temp_dir=str(directory / "tmp")):
        raw = pipeline | beam.Create(rows, reshuffle=False)
        transform_fn = (raw, metadata) | tft_beam.AnalyzeDataset(function)
        _ = transform_fn | tft_beam.WriteTransformFn(str(directory / "out"))
    output = tft.TFTransformOutput(str(directory / "out"))
    return transformed(output, columns), output


def transformed(output, columns):
    sparse = {}
    for name, values in columns.items():
        rows = [i for i, v in enumerate(values) if v is not None]
        present = tf.constant([values[i] for i in rows], TYPES.get(name, tf.float32))
        sparse[name] = tf.SparseTensor(np.array([[i, 0] for i in rows]).reshape(-1, 2), present, [len(values), 1])
    return {name: tensor.numpy() for name, tensor in output.transform_features_layer()(sparse).items()}


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory):
    function = functools.partial(preprocessing_fn, custom_config={"config": CONFIG.model_dump_json(by_alias=True)})
    return analyze(function, COLUMNS, tmp_path_factory.mktemp("tft"))


@pytest.fixture(scope="module")
def rows(analyzed):
    return analyzed[0]


def test_z_score_uses_present_values_and_fills_with_the_mean(rows):
    # Present 1, 2, 3, 4: mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25; a missing value is at the mean.
    s = math.sqrt(1.25)
    np.testing.assert_allclose(rows["a"], [-1.5 / s, -0.5 / s, 0.5 / s, 1.5 / s, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(rows["a_missing"], [0, 0, 0, 0, 1, 1])


def test_min_max_fills_with_the_median(rows):
    # Present 0..40: the median is 20, which scales to 0.5.
    np.testing.assert_allclose(rows["b"], [0, 0.25, 0.5, 0.75, 1, 0.5], atol=1e-6)


def test_log_z_score_is_over_log1p_of_what_is_positive(rows):
    # log1p(max(x, 0)) = 0, 0, 1, 1: mean 0.5, standard deviation 0.5.
    np.testing.assert_allclose(rows["log"], [-1, -1, 1, 1, 0, 0], atol=1e-6)


def test_zero_imputation_is_before_scaling(rows):
    # Present 2, 4, 2, 4: mean 3, standard deviation 1; a missing value is (0 - 3) / 1.
    np.testing.assert_allclose(rows["zero"], [-1, 1, -3, -1, 1, -3], atol=1e-6)
    np.testing.assert_array_equal(rows["plain"], [1.5, 0, -2, 0, 7, 8])


def test_constant_and_empty_columns_yield_zero(rows):
    np.testing.assert_array_equal(rows["constant"], [0] * 6)
    np.testing.assert_array_equal(rows["empty"], [0] * 6)


def test_infinite_and_nan_count_as_missing(rows):
    # Present 1, 3, 5: mean 3.
    np.testing.assert_array_equal(rows["odd"], [1, 3, 3, 3, 5, 3])


def test_buckets_are_quantiles_and_missing_has_its_own_id(rows):
    # One boundary, the median 20: 0, 10 | 20, 30, 40; missing is id 2. Of an empty column all is missing: id 3.
    np.testing.assert_array_equal(rows["b_bucket"], [0, 0, 1, 1, 1, 2])
    np.testing.assert_array_equal(rows["empty_bucket"], [3] * 6)


def test_vocabulary_ranks_by_frequency(rows, analyzed):
    # x three times, y twice; then one unknown id 2, then missing id 3.
    np.testing.assert_array_equal(rows["company_vocabulary"], [0, 1, 0, 1, 0, 3])
    assert analyzed[1].vocabulary_by_name("company") == [b"x", b"y"]
    unseen = transformed(analyzed[1], {**COLUMNS, "company": ["z"] * 6})
    np.testing.assert_array_equal(unseen["company_vocabulary"], [2] * 6)


def test_category_gives_missing_and_out_of_range_the_last_id(rows):
    np.testing.assert_array_equal(rows["hour_category"].argmax(axis=1), [0, 1, 2, 3, 3, 3])
    assert rows["hour_category"].shape == (6, 4)
    np.testing.assert_array_equal(rows["day_category"], [3, 0, 4, 4, 1, 2])


def test_label_and_key_pass_through(rows):
    np.testing.assert_array_equal(rows["fare"], [1, 2, 3, 4, 5, math.nan])
    assert rows["id"].tolist() == [b"p", b"q", b"r", b"s", b"t", b"u"]


def test_ids_carry_their_cardinality_into_the_model_inputs(analyzed):
    inputs = features.model_inputs(analyzed[1], CONFIG)
    assert inputs["b_bucket"] == ModelInput("b_bucket", "id", 1, 3)
    assert inputs["company_vocabulary"] == ModelInput("company_vocabulary", "id", 1, 4)
    assert inputs["day_category"] == ModelInput("day_category", "id", 1, 5)
    assert inputs["hour_category"] == ModelInput("hour_category", "dense", 4, None, 2)
    assert inputs["a"] == ModelInput("a", "dense", 1)
    assert "fare" not in inputs
    assert "id" not in inputs


def test_single_column_transforms_equal_the_group(tmp_path, rows):
    def function(inputs):
        return {
            "a": features.z_score(inputs["a"]),
            "b": features.min_max(inputs["b"], impute="median"),
            "log": features.log_z_score(inputs["log"]),
            "odd": features.impute(inputs["odd"]),
            "seven": features.impute(inputs["a"], 7.0),
            "hour": features.missing_indicator(inputs["hour"]),
            "company": features.missing_indicator(inputs["company"]),
            "number": features.vocabulary(inputs["hour"], "hour"),
            "dense": features.dense(inputs["day"], -7),
        }

    single, _ = analyze(function, COLUMNS, tmp_path)
    for name in ("a", "b", "log", "odd"):
        np.testing.assert_allclose(single[name], rows[name], atol=1e-6)
    np.testing.assert_array_equal(single["seven"], [1, 2, 3, 4, 7, 7])
    np.testing.assert_array_equal(single["hour"], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(single["company"], [0, 0, 0, 0, 0, 1])
    assert single["number"][5] == 6  # five values, one unknown, then missing
    assert sorted(single["number"][:5]) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(single["dense"], [3, 0, 4, -7, 1, 2])


def test_a_column_that_the_schema_lacks_is_named():
    with pytest.raises(DataError, match=r"column 'company': in the config, but not in the data's schema.*did you mean 'compny'"):
        preprocessing_fn({c.replace("pa", "p"): 0 for c in COLUMNS}, {"config": CONFIG.model_dump_json(by_alias=True)})


def test_dense_fills_what_is_missing_by_value_too():
    np.testing.assert_array_equal(features.dense(tf.constant([1.0, math.nan, math.inf]), 5.0), [1, 5, 5])
    np.testing.assert_array_equal(features.dense(tf.constant([7, -(2**63)], tf.int64), 5), [7, 5])
    np.testing.assert_array_equal(features.dense(tf.constant(["a", ""]), "b"), [b"a", b"b"])


def test_dense_raw_columns_mark_missing_by_value():
    np.testing.assert_array_equal(features.missing_indicator(tf.constant([[1.0], [math.nan]])), [0, 1])
    np.testing.assert_array_equal(features.missing_indicator(tf.constant([["x"], [""]])), [0, 1])
    np.testing.assert_array_equal(features.missing_indicator(tf.constant([[0], [tf.int64.min]], tf.int64)), [0, 1])


class TestUsersFunction:
    """preprocessing_fn of the user's own, called as TFX calls ours."""

    def call(self, tmp_path, body, *, key=None):
        file = tmp_path / "own_features.py"
        file.write_text(f"import tensorflow as tf\n{body}\n")
        config = CONFIG.model_copy(
            update={
                "key": key,
                "code": CONFIG.code.model_copy(update={"features": file}),
                "features": CONFIG.features.model_validate({"dense": ["a"]}),
            }
        )
        inputs = {"a": tf.constant([1.0, 2.0]), "fare": tf.constant([3.0, 4.0]), "id": tf.constant(["p", "q"])}
        return preprocessing_fn(inputs, {"config": config.model_dump_json(by_alias=True)})

    def test_gets_features_only_and_the_label_is_added(self, tmp_path):
        out = self.call(
            tmp_path, "def preprocessing_fn(inputs):\n    assert set(inputs) == {'a'}\n    return {'x': inputs['a'] * 2}"
        )
        assert {k: v.numpy().tolist() for k, v in out.items()} == {"x": [2.0, 4.0], "fare": [3.0, 4.0]}

    def test_may_take_the_config_and_other_types_are_cast(self, tmp_path):
        out = self.call(tmp_path, "def preprocessing_fn(inputs, config):\n    return {config.name: inputs['a'] > 1}", key="id")
        assert out["t"].dtype == tf.int64
        assert out["t"].numpy().tolist() == [0, 1]
        assert out["id"].numpy().tolist() == [b"p", b"q"]

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            ("[inputs['a']]", "preprocessing_fn: received list; expected a dict of output name -> Tensor"),
            ("{}", "received an empty dict"),
            ("{3: inputs['a']}", "output name 3: received int; expected a text"),
            ("{'x': 1.0}", "output 'x': received float; expected a Tensor"),
            ("{'x': tf.constant(1.0)}", "output 'x': received a scalar"),
            ("{'x': tf.complex(inputs['a'], inputs['a'])}", "output 'x': received type complex64"),
        ],
    )
    def test_wrong_outputs_are_named(self, tmp_path, returned, message):
        with pytest.raises(UserCodeError, match=message):
            self.call(tmp_path, f"def preprocessing_fn(inputs):\n    return {returned}")

    def test_an_exception_points_to_the_users_line(self, tmp_path):
        with pytest.raises(UserCodeError, match=r"own_features\.py:3: preprocessing_fn raised KeyError: 'miles'") as caught:
            self.call(tmp_path, "def preprocessing_fn(inputs):\n    return {'x': inputs['miles']}")
        assert caught.value.hint.endswith(
            "the columns under features; where the ready-made transforms serve, code.features can go"
        )

    def test_an_output_must_not_hide_the_label(self, tmp_path):
        with pytest.raises(UserError, match="output 'fare' has the name of the label"):
            self.call(tmp_path, "def preprocessing_fn(inputs):\n    return {'fare': inputs['a']}")
