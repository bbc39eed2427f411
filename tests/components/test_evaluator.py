"""The Evaluator on four rows and hand-made SavedModels; every expected number is worked beside its assertion."""

import json
import math
import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

tf = pytest.importorskip("tensorflow")
import tfx  # noqa: E402, F401
from tfx.components.evaluator import executor as tfx_evaluator  # noqa: E402
from tfx.types import standard_artifacts  # noqa: E402

from waze_data_tfx.components.evaluator import executor, logic  # noqa: E402
from waze_data_tfx.config.evaluation import INDICATORS  # noqa: E402
from waze_data_tfx.config.features import Features  # noqa: E402
from waze_data_tfx.config.schema import Config  # noqa: E402
from waze_data_tfx.errors import DataError  # noqa: E402
from waze_data_tfx.evaluation import Verdict, results  # noqa: E402
from waze_data_tfx.evaluation.measure import SignatureUnfit  # noqa: E402

BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=none"]  # the image name keeps TFX from building an sdist
ROWS = [  # x, payment, label: x + 1 predicts 2, 3, 4, 5
    (1.0, "Cash", 1.0),  # error 1
    (2.0, "Cash", 3.0),  # error 0
    (3.0, "Card", 8.0),  # error 4
    (4.0, None, 5.0),  # error 0, in no slice
]


def _example(kind, x, payment, label, weight=None):
    feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=[x]))}
    if payment is not None:
        feature["payment"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[payment.encode()]))
    if kind == "float":
        feature["y"] = tf.train.Feature(float_list=tf.train.FloatList(value=[label]))
    else:
        feature["y"] = tf.train.Feature(int64_list=tf.train.Int64List(value=label if isinstance(label, list) else [label]))
    if weight is not None:
        feature["w"] = tf.train.Feature(float_list=tf.train.FloatList(value=[weight]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _examples(folder, rows, kind="float"):
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names = str(folder), '["train", "eval"]'
    artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    split = folder / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as writer:
        for row in rows:
            writer.write(_example(kind, *row))
    return artifact


class _Served(tf.Module):
    def __init__(self, fn, column="x", output="prediction"):
        super().__init__()
        self.fn, self.column, self.output = fn, column, output

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples):
        x = tf.io.parse_example(examples, {self.column: tf.io.FixedLenFeature([], tf.float32)})[self.column]
        return {self.output: self.fn(x)}


def _model(folder, fn, number=1, **kwargs):
    module = _Served(fn, **kwargs)
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"serving_default": module.serve})
    artifact = standard_artifacts.Model()
    artifact.uri, artifact.id = str(folder), number
    return artifact


def _config(metrics, *, slices=(), task="regression", label=None, **kwargs):
    return Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": metrics, "slices": slices, **kwargs},
            **({"n_classes": 3} if task == "multiclass_classification" else {}),
            **(label or {}),
        }
    )


def _run(folder, config, examples, model, baseline=None):
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    Path(evaluation.uri).mkdir(parents=True)
    Path(blessing.uri).mkdir()
    inputs = {"examples": [examples], "model": [model], **({"baseline_model": [baseline]} if baseline else {})}
    context = executor.Executor.Context(beam_pipeline_args=list(BEAM_ARGS), tmp_dir=str(folder), unique_id="1")
    executor.Executor(context).Do(
        inputs, {"evaluation": [evaluation], "blessing": [blessing]}, {"config": config.model_dump_json(by_alias=True)}
    )
    verdict = Verdict.from_json((Path(evaluation.uri) / "verdict.json").read_text())
    rows = {r["slice"]: r for r in json.loads((Path(evaluation.uri) / "metrics.json").read_text())}
    return verdict, rows, blessing


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluator")


@pytest.fixture(scope="module")
def examples(place):
    return _examples(place / "examples", ROWS)


@pytest.fixture(scope="module")
def plus_one(place):
    return _model(place / "plus_one", lambda x: x + 1.0, 7)


@pytest.fixture(scope="module")
def plus_two(place):  # predicts 3, 4, 5, 6: errors 2, 1, 3, 1: mae 7/4
    return _model(place / "plus_two", lambda x: x + 2.0, 5)


@pytest.fixture(scope="module")
def first(tmp_path_factory, examples, plus_one):
    config = _config(
        [{"name": "mae", "upper_bound": 1.25, "absolute_change": 0.0}, {"name": "rmse"}, {"name": "mse"}, {"name": "mape"}],
        slices=[{"columns": ["payment"], "metrics": [{"name": "mae", "upper_bound": 0.5}], "min_examples": 2}],
    )
    return _run(tmp_path_factory.mktemp("first"), config, examples, plus_one)


def test_metrics_of_all_rows_and_of_slices(first):
    _, rows, _ = first
    overall = rows[""]["candidate"]
    assert overall["example_count"] == 4
    assert overall["mae"] == pytest.approx((1 + 0 + 4 + 0) / 4)
    assert overall["mse"] == pytest.approx((1 + 0 + 16 + 0) / 4)
    assert overall["rmse"] == pytest.approx(math.sqrt(17 / 4))
    assert overall["mape"] == pytest.approx(100 * (1 / 1 + 0 / 3 + 4 / 8 + 0 / 5) / 4)
    assert rows["payment=Cash"]["candidate"]["mae"] == pytest.approx((1 + 0) / 2)
    assert rows["payment=Card"]["candidate"]["mae"] == pytest.approx(4.0)
    assert set(rows) == {"", "payment=Cash", "payment=Card"}
    assert rows[""]["baseline"] is None


def test_first_run_is_blessed_and_says_that_there_is_no_baseline(first):
    verdict, _, _ = first
    assert verdict.status == "blessed"
    assert verdict.baseline is None
    assert verdict.note == "no baseline: no model was blessed before"
    assert [(c.slice, c.passed, c.reason) for c in verdict.checks] == [
        ("", True, "mae 1.25 <= 1.25 (bound)"),
        ("", True, "mae 1.25: no baseline"),
        *[("", None, "no threshold: not judged")] * 3,  # rmse, mse, mape
        ("payment=Card", None, "1 examples, fewer than 2: not judged"),
        ("payment=Cash", True, "mae 0.5 <= 0.5 (bound)"),
    ]


def test_predictions_stand_beside_their_labels(first):
    _, _, blessing = first
    folder = Path(blessing.uri).parent / "evaluation"
    sample = json.loads((folder / "predictions.json").read_text())
    assert sample["n_rows"] == 4
    pairs = zip(sample["labels"], sample["models"]["candidate"], strict=True)
    assert sorted((label, value) for label, [value] in pairs) == [(1.0, 2.0), (3.0, 3.0), (5.0, 5.0), (8.0, 4.0)]
    assert [sample["labels"][i] for i in sample["slices"]["payment=Card"]] == [8.0]


def test_blessing_is_marked_as_tfx_marks_it(first, plus_one):
    _, _, blessing = first
    assert sorted(os.listdir(blessing.uri)) == ["BLESSED", "sample.json", "verdict.json"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("current_model") == plus_one.uri
    assert blessing.get_int_custom_property("current_model_id") == 7


def test_sample_holds_the_predictions_of_the_first_examples(first):
    _, _, blessing = first
    sample = json.loads((Path(blessing.uri) / "sample.json").read_text())
    assert sample["output"] == "prediction"
    assert sample["predictions"] == [2.0, 3.0, 4.0, 5.0]
    assert len(sample["examples"]) == 4


def test_a_weight_column_weighs_the_metrics_of_both_models(tmp_path, plus_one, plus_two):
    weights = (4.0, 2.0, 1.0, 1.0)
    examples = _examples(tmp_path / "examples", [(*row, w) for row, w in zip(ROWS, weights, strict=True)])
    config = _config([{"name": "mae", "upper_bound": 2}, {"name": "mse"}], slices=["payment"], label={"weight": "w"})
    _, rows, _ = _run(tmp_path, config, examples, plus_one, baseline=plus_two)
    found = rows[""]
    assert found["candidate"]["mae"] == pytest.approx((4 * 1 + 2 * 0 + 1 * 4 + 1 * 0) / 8)
    assert found["candidate"]["mse"] == pytest.approx((4 * 1 + 1 * 16) / 8)
    assert found["baseline"]["mae"] == pytest.approx((4 * 2 + 2 * 1 + 1 * 3 + 1 * 1) / 8)
    assert found["candidate"]["example_count"] == 4
    assert rows["payment=Cash"]["candidate"]["mae"] == pytest.approx((4 * 1 + 2 * 0) / 6)


def test_worse_than_the_baseline_is_refused_without_an_exception(tmp_path, examples, plus_one, plus_two):
    config = _config([{"name": "mae", "absolute_change": 0.25}])
    verdict, rows, blessing = _run(tmp_path, config, examples, plus_two, baseline=plus_one)
    assert rows[""]["candidate"]["mae"] == pytest.approx(7 / 4)
    assert rows[""]["baseline"]["mae"] == pytest.approx(5 / 4)
    assert verdict.status == "refused"
    assert verdict.reasons() == ["mae rose by 0.5 (1.25 -> 1.75), allowed 0.25"]
    assert verdict.baseline == {"uri": plus_one.uri, "id": "7"}
    assert blessing.get_int_custom_property("blessed") == 0
    assert blessing.get_int_custom_property("baseline_model_id") == 7
    assert (Path(blessing.uri) / "NOT_BLESSED").exists()


def test_baseline_that_needs_another_column_is_inconclusive_with_a_remedy(tmp_path, examples, plus_one):
    old = _model(tmp_path / "old", lambda x: x, 3, column="gone")
    verdict, rows, blessing = _run(tmp_path, _config([{"name": "mae", "absolute_change": 1}]), examples, plus_one, baseline=old)
    assert verdict.status == "inconclusive"
    assert "gone" in verdict.note
    assert "evaluation.baseline: none" in verdict.hint
    assert rows[""]["candidate"]["mae"] == pytest.approx(1.25)
    assert blessing.get_int_custom_property("blessed") == 0


class _Tolerant(tf.Module):
    """Takes an absent column for a missing value, as every model that training exports does."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32, default_value=0.0) for name in ("x", "trip tip")}
        parsed = tf.io.parse_example(examples, spec)
        return {"prediction": parsed["x"] + parsed["trip tip"]}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="trip_tip"), tf.TensorSpec([None], tf.float32, name="x")],
        autograph=False,
    )
    def raw(self, trip_tip, x):
        return {"prediction": x + trip_tip}


def test_baseline_that_reads_a_column_that_the_config_dropped_is_inconclusive(tmp_path, examples, plus_one):
    module, old = _Tolerant(), standard_artifacts.Model()
    signatures = {"serving_default": module.serve, "raw": module.raw}
    tf.saved_model.save(module, str(tmp_path / "old" / "Format-Serving"), signatures=signatures)
    old.uri, old.id = str(tmp_path / "old"), 3
    metrics = [{"name": "mae", "absolute_change": 1}]
    verdict, rows, _ = _run(tmp_path / "dropped", _config(metrics), examples, plus_one, baseline=old)
    assert verdict.status == "inconclusive"
    assert verdict.note.endswith("it reads columns that this config no longer names: trip_tip")
    assert "evaluation.baseline: none" in verdict.hint
    assert rows[""]["baseline"] is None
    kept = _config(metrics).model_copy(update={"features": Features(dense=["x", "trip tip"])})
    verdict, rows, _ = _run(tmp_path / "kept", kept, examples, plus_one, baseline=old)
    assert verdict.status == "blessed"
    assert rows[""]["baseline"]["mae"] == pytest.approx((0 + 1 + 5 + 1) / 4)  # x: 1, 2, 3, 4 for 1, 3, 8, 5


def test_baseline_that_fails_only_on_a_later_row_is_inconclusive(tmp_path, plus_one):
    examples = _examples(tmp_path / "examples", [(1.0, "Cash", 1.0)] * logic.N_SAMPLE + [(-1.0, "Cash", 1.0)])

    def fails(x):
        with tf.control_dependencies([tf.debugging.assert_positive(x, message="x must be positive")]):
            return tf.identity(x)

    verdict, _, _ = _run(
        tmp_path, _config([{"name": "mae", "absolute_change": 1}]), examples, plus_one, _model(tmp_path / "m", fails)
    )
    assert verdict.status == "inconclusive"
    assert "serving_default failed on 33 evaluation rows" in verdict.note


def test_forgotten_baseline_and_baseline_that_is_the_candidate(tmp_path, examples, plus_one, plus_two):
    forget = _config([{"name": "mae", "absolute_change": 0}], baseline="none")
    verdict, _, _ = _run(tmp_path / "forget", forget, examples, plus_two, baseline=plus_one)
    assert (verdict.status, verdict.note) == ("blessed", "no baseline: evaluation.baseline is none")
    same = _config([{"name": "mae", "absolute_change": 0}])
    verdict, _, _ = _run(tmp_path / "same", same, examples, plus_one, baseline=plus_one)
    assert (verdict.status, verdict.note) == ("blessed", "no baseline: the latest blessed model is this one")


def test_predictions_that_are_not_numbers_refuse(tmp_path, examples):
    bad = _model(tmp_path / "bad", lambda x: tf.where(x > 3.0, float("nan"), x))
    verdict, _, _ = _run(tmp_path, _config([{"name": "mae", "upper_bound": 100}]), examples, bad)
    assert verdict.status == "refused"
    assert verdict.reasons() == ["1 rows get a prediction that is not a finite number"]


def test_candidate_without_the_output_fails_and_names_what_it_has(tmp_path, examples):
    model = _model(tmp_path / "m", lambda x: x, output="predictions")
    with pytest.raises(SignatureUnfit, match="unknown output 'prediction'; known: predictions; did you mean 'predictions'"):
        _run(tmp_path, _config([{"name": "mae", "upper_bound": 1}]), examples, model)


def test_empty_split_is_a_data_error(tmp_path, plus_one):
    with pytest.raises(DataError, match="split 'eval' has no rows"):
        _run(tmp_path, _config([{"name": "mae", "upper_bound": 1}]), _examples(tmp_path / "examples", []), plus_one)


BINARY = ("accuracy", "precision", "recall", "binary_crossentropy", "auc_pr")


def test_binary_metrics(tmp_path):
    # predictions 0.1, 0.4, 0.6, 0.8; labels 0, 1, 0, 1
    examples = _examples(tmp_path / "examples", [(0.1, "a", 0), (0.4, "a", 1), (0.6, "b", 0), (0.8, "b", 1)], "int")
    model = _model(tmp_path / "m", lambda x: x)
    config = _config([{"name": "auc", "lower_bound": 0.7}, *({"name": n} for n in BINARY)], task="binary_classification")
    verdict, rows, _ = _run(tmp_path, config, examples, model)
    found = rows[""]["candidate"]
    assert found["auc"] == pytest.approx(3 / 4, abs=1e-3)  # of 4 pairs only (0.4, 0.6) is in the wrong order
    assert found["accuracy"] == pytest.approx(2 / 4)
    assert found["precision"] == pytest.approx(1 / 2)
    assert found["recall"] == pytest.approx(1 / 2)
    loss = -(math.log(0.9) + math.log(0.4) + math.log(0.4) + math.log(0.8)) / 4
    assert found["binary_crossentropy"] == pytest.approx(loss, rel=1e-4)
    assert verdict.status == "blessed"


def test_what_one_class_leaves_undefined_refuses_no_slice(tmp_path):
    # a: only positives; b: only negatives, none of them predicted to be positive; c: both
    rows = [(0.8, "a", 1), (0.4, "a", 1), (0.1, "b", 0), (0.2, "b", 0), (0.3, "c", 0), (0.9, "c", 1)]
    examples = _examples(tmp_path / "examples", rows, "int")
    metrics = [{"name": n, "lower_bound": 0.5} for n in ("auc", "auc_pr", "precision", "recall")]
    slices = [{"columns": ["payment"], "metrics": metrics, "min_examples": 1}]
    config = _config(metrics, slices=slices, task="binary_classification")
    verdict, found, _ = _run(tmp_path, config, examples, _model(tmp_path / "m", lambda x: x))

    def of(slice_):
        return [None if (v := found[slice_]["candidate"][m["name"]]) is None else pytest.approx(v, abs=1e-3) for m in metrics]

    assert of("payment=a") == [None, 1, 1, 1 / 2]
    assert of("payment=b") == [None, None, None, None]
    assert of("payment=c") == [1, 1, 1, 1]
    assert not {"any_positive", "any_negative"} & set(found[""]["candidate"])
    assert verdict.status == "blessed"
    assert [(c.name, c.reason) for c in verdict.checks if c.passed is None] == [
        ("auc", "auc needs rows of both classes: not judged"),
        ("auc", "auc needs rows of both classes: not judged"),
        ("auc_pr", "auc_pr needs a row of the positive class: not judged"),
        ("precision", "precision needs a positive prediction: not judged"),
        ("recall", "recall needs a row of the positive class: not judged"),
    ]


def test_indicators_of_fairness_by_slice(tmp_path):
    rows = [  # (prediction, slice, label)
        (0.9, "a", 1), (0.6, "a", 0), (0.4, "a", 1), (0.2, "a", 0), (0.1, "a", 0),
        (0.8, "b", 1), (0.7, "b", 1), (0.3, "b", 1),
    ]  # fmt: skip
    examples = _examples(tmp_path / "examples", rows, "int")
    metrics = [{"name": "false_positive_rate", "max_gap": 0.1}, {"name": "true_positive_rate@0.35", "max_gap": 0.1}]
    config = _config(
        [{"name": "accuracy", "lower_bound": 0}],
        slices=[{"columns": ["payment"], "metrics": metrics, "min_examples": 1}],
        task="binary_classification",
    )
    verdict, found, _ = _run(tmp_path, config, examples, _model(tmp_path / "m", lambda x: x))

    def at(threshold, slice_):
        values = found[slice_]["candidate"]
        return [None if (v := values[f"{n}@{threshold}"]) is None else pytest.approx(v) for n in INDICATORS]

    # columns: fpr, fnr, tpr, tnr, positive, negative, false discovery, false omission
    assert at(0.5, "payment=a") == [1 / 3, 1 / 2, 1 / 2, 2 / 3, 2 / 5, 3 / 5, 1 / 2, 1 / 3]  # tp 1, fp 1, fn 1, tn 2
    assert at(0.5, "payment=b") == [None, 1 / 3, 2 / 3, None, 2 / 3, 1 / 3, 0, 1]  # tp 2, fp 0, fn 1, tn 0: no negatives
    assert at(0.5, "") == [1 / 3, 2 / 5, 3 / 5, 2 / 3, 4 / 8, 4 / 8, 1 / 4, 2 / 4]  # tp 3, fp 1, fn 2, tn 2
    assert at(0.35, "payment=a") == [1 / 3, 0, 1, 2 / 3, 3 / 5, 2 / 5, 1 / 3, 0]  # tp 2, fp 1, fn 0, tn 2
    assert at(0.35, "payment=b") == [None, 1 / 3, 2 / 3, None, 2 / 3, 1 / 3, 0, 1]
    assert verdict.status == "refused"
    assert [(c.slice, c.passed, c.reason) for c in verdict.checks[1:]] == [
        ("payment=a", True, "false_positive_rate@0.5 0.333333 is as for all rows, allowed 0.1 (max_gap)"),
        ("payment=b", None, "false_positive_rate@0.5 is a share of no row here: not judged"),
        ("payment=a", False, "true_positive_rate@0.35 1 is 0.2 above all rows' 0.8, allowed 0.1 (max_gap)"),
        ("payment=b", False, "true_positive_rate@0.35 0.666667 is 0.133333 below all rows' 0.8, allowed 0.1 (max_gap)"),
    ]


def test_multiclass_metrics(tmp_path):
    # x 0 -> scores (.7, .2, .1); x 1 -> (.2, .5, .3); labels 0, 1, 2: the last is wrong
    examples = _examples(tmp_path / "examples", [(0.0, "a", 0), (1.0, "a", 1), (1.0, "b", 2)], "int")
    model = _model(tmp_path / "m", lambda x: tf.gather([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], tf.cast(x, tf.int32)), output="scores")
    config = _config(
        [{"name": "accuracy", "lower_bound": 0.6}, {"name": "categorical_crossentropy"}], task="multiclass_classification"
    )
    verdict, rows, _ = _run(tmp_path, config, examples, model)
    found = rows[""]["candidate"]
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["categorical_crossentropy"] == pytest.approx(-(math.log(0.7) + math.log(0.5) + math.log(0.3)) / 3, rel=1e-4)
    assert verdict.status == "blessed"


TAGS = [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
TAG_SCORES = [[0.9, 0.2, 0.4], [0.3, 0.6, 0.1], [0.8, 0.7, 0.2]]
MULTI_LABEL = ("binary_crossentropy", "auc_pr", "precision", "recall")


@pytest.fixture
def tagged(tmp_path):
    """Return the model that serves TAG_SCORES and a function that evaluates it on the rows of TAGS, which weigh what is given."""
    model = _model(tmp_path / "m", lambda x: tf.gather(TAG_SCORES, tf.cast(x, tf.int32)), output="scores")

    def run(name, weights, **label):
        rows = [(float(i), "ab"[i // 2], tags, w) for i, (tags, w) in enumerate(zip(TAGS, weights, strict=True))]
        examples = _examples(tmp_path / name / "examples", rows, "int")
        config = _config(
            [{"name": "auc", "lower_bound": 0.5}, *({"name": n} for n in MULTI_LABEL)],
            slices=[{"columns": ["payment"], "min_examples": 1}],
            task="multilabel_classification",
            label={"classes": ["x", "y", "z"], **label},
        )
        return _run(tmp_path / name, config, examples, model)

    return run


def test_multi_label_metrics_are_micro_averages(tagged):
    verdict, rows, blessing = tagged("plain", [None] * 3)
    found = rows[""]["candidate"]
    # The nine pairs, score: label 0.9: 1, 0.8: 0, 0.7: 1, 0.6: 0, 0.4: 1, 0.3: 0, 0.2: 0, 0.2: 0, 0.1: 0. Of 3 * 6 pairs of a 1
    # and a 0, 0.7 loses to 0.8 and 0.4 to 0.8 and 0.6: 15 of 18 are right.
    assert found["auc"] == pytest.approx(15 / 18, abs=1e-3)
    assert found["precision"] == pytest.approx(2 / 4)  # chosen: 0.9, 0.8, 0.7, 0.6
    assert found["recall"] == pytest.approx(2 / 3)
    wrong = [0.1, 0.2, 0.6, 0.3, 0.6, 0.1, 0.8, 0.3, 0.2]  # each score's distance from its label
    assert found["binary_crossentropy"] == pytest.approx(-sum(math.log(1 - w) for w in wrong) / 9, rel=1e-4)
    assert found["example_count"] == 3
    assert rows["payment=b"]["candidate"]["precision"] == pytest.approx(1 / 2)  # the last row: 0.8 wrong, 0.7 right
    assert verdict.status == "blessed"
    sample = json.loads((Path(blessing.uri).parent / "evaluation" / "predictions.json").read_text())
    assert sorted(sample["labels"]) == sorted(TAGS)
    assert sample["models"]["candidate"][sample["labels"].index(TAGS[0])] == TAG_SCORES[0]


def test_multi_label_metrics_are_weighted_by_row(tagged):
    _, rows, _ = tagged("weighted", [2.0, 1.0, 3.0], weight="w")
    found = rows[""]["candidate"]
    assert found["example_count"] == 3  # rows, not weights
    assert found["precision"] == pytest.approx((2 + 3) / (2 + 1 + 3 + 3))  # right 0.9 and 0.7; wrong 0.6 and 0.8
    assert found["recall"] == pytest.approx((2 + 3) / (2 + 2 + 3))
    loss = [(0.1, 2), (0.2, 2), (0.6, 2), (0.3, 1), (0.6, 1), (0.1, 1), (0.8, 3), (0.3, 3), (0.2, 3)]
    assert found["binary_crossentropy"] == pytest.approx(-sum(w * math.log(1 - d) for d, w in loss) / 18, rel=1e-4)


class _Named(tf.Module):
    """Serves a fixed score for the second class, and class names as training exports them."""

    def __init__(self, names):
        super().__init__()
        self.names = names

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples):
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        classes = tf.gather(tf.constant(self.names), tf.cast(x >= 0.5, tf.int64))
        return {"prediction": x, "scores": tf.stack([1 - x, x], axis=1), "classes": classes}


def test_baseline_with_the_classes_in_another_order_is_inconclusive(tmp_path):
    rows = [(0.1, "a", 0), (0.8, "b", 1)]
    examples, models = _examples(tmp_path / "examples", rows, "int"), []
    for number, names in enumerate((["no", "yes"], ["yes", "no"])):
        module, artifact = _Named(names), standard_artifacts.Model()
        tf.saved_model.save(module, str(tmp_path / names[0] / "Format-Serving"), signatures={"serving_default": module.serve})
        artifact.uri, artifact.id = str(tmp_path / names[0]), number
        models.append(artifact)
    config = _config(
        [{"name": "accuracy", "absolute_change": 0.1}],
        slices=["y"],
        task="binary_classification",
        label={"classes": ["no", "yes"]},
    )
    verdict, rows, _ = _run(tmp_path / "other", config, examples, models[0], baseline=models[1])
    assert verdict.status == "inconclusive"
    assert "its classes have another order or other names: it serves 'yes' where 'no' is meant" in verdict.note
    assert set(rows) == {"", "y=no", "y=yes"}  # a slice by the label carries the class's name


def test_numbers_equal_those_of_tfx(tmp_path, first, examples, plus_one):
    from tensorflow_model_analysis.api import model_eval_lib
    from tensorflow_model_analysis.proto import config_pb2

    names = {"example_count": "ExampleCount", "mae": "MeanAbsoluteError", "mse": "MeanSquaredError"}
    eval_config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(signature_name="serving_default", label_key="y", prediction_key="prediction")],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["payment"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[config_pb2.MetricConfig(class_name=c, config=json.dumps({"name": n})) for n, c in names.items()]
            )
        ],
    )
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(tmp_path / "evaluation"), str(tmp_path / "blessing")
    context = tfx_evaluator.Executor.Context(beam_pipeline_args=list(BEAM_ARGS), tmp_dir=str(tmp_path), unique_id="1")
    from google.protobuf import json_format

    tfx_evaluator.Executor(context).Do(
        {"examples": [examples], "model": [plus_one]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"eval_config": json_format.MessageToJson(eval_config), "example_splits": "null"},
    )
    theirs = results.load(evaluation.uri)
    _, rows, ours_blessing = first
    ours = {name: row["candidate"] for name, row in rows.items()}
    assert {",".join(f"{c}={v}" for c, v in key) for key in theirs} == set(ours)
    for key, values in theirs.items():
        for name in names:
            assert ours[",".join(f"{c}={v}" for c, v in key)][name] == values[name]
    folder = str(Path(ours_blessing.uri).parent / "evaluation")
    loaded = dict(model_eval_lib.load_eval_result(folder).slicing_metrics)
    assert loaded[()][""][""]["mae"] == {"doubleValue": 1.25}
