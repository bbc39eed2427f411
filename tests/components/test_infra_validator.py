"""The InfraValidator on hand-made SavedModels, each asked in a process of its own, as a run asks it."""

import json
import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

tf = pytest.importorskip("tensorflow")
import tfx  # noqa: E402, F401
from tfx.types import standard_artifacts  # noqa: E402

from waze_data_tfx.components.infra_validator import executor, logic  # noqa: E402
from waze_data_tfx.config.infra_validation import InfraValidation  # noqa: E402
from waze_data_tfx.config.schema import Config  # noqa: E402
from waze_data_tfx.errors import DataError  # noqa: E402
from waze_data_tfx.evaluation.verdict import Verdict  # noqa: E402

MODEL, DATA = {"uri": "m", "id": "1"}, {"uri": "e", "split": "eval"}


class _Served(tf.Module):
    """Predicts fn(x): by `serving_default`, and by `raw` of the column `trip miles`, where a missing value is NaN."""

    def __init__(self, fn, raw_fn=None):
        super().__init__()
        self.fn, self.raw_fn = fn, raw_fn or fn

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples):
        spec = {"trip miles": tf.io.FixedLenFeature([], tf.float32, default_value=float("nan"))}
        return {"prediction": self.fn(tf.io.parse_example(examples, spec)["trip miles"])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="trip_miles")], autograph=False)
    def raw(self, trip_miles):
        return {"prediction": self.raw_fn(trip_miles)}


def _save(folder, fn, raw_fn=None):
    module = _Served(fn, raw_fn)
    path = str(folder / "Format-Serving")
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve, "raw": module.raw})
    return path


def _example(**values):
    features = {n: tf.train.Feature(float_list=tf.train.FloatList(value=[v])) for n, v in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


EXAMPLES = [_example(**{"trip miles": 1.0}), _example(**{"trip miles": 2.0}), _example(other=1.0)]  # the last lacks the column


def _zero_if_missing(x):
    return tf.where(tf.math.is_nan(x), 0.0, x + 1.0)


def _asked(path, settings=None, outputs=("prediction",)):
    question = logic.Question(path, EXAMPLES, {"trip_miles": "trip miles"}, outputs)
    settings = settings or InfraValidation()
    answer = logic.ask(question, settings)
    return answer, logic.judge(answer, settings, model=MODEL, data=DATA)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = _save(tmp_path_factory.mktemp("good"), _zero_if_missing)
    return (path, *_asked(path))


def test_good_model_loads_and_answers_within_the_budget(good):
    _, answer, verdict = good
    assert verdict.status == "blessed"
    checks = {c.name: c for c in verdict.checks}
    assert list(checks) == ["load_seconds", "peak_memory_mb", "answers", "signatures_agree", "latency_p95_ms"]
    assert 0 < checks["load_seconds"].value < answer.seconds < 120 == checks["load_seconds"].bound
    assert 100 < checks["peak_memory_mb"].value < checks["peak_memory_mb"].bound == 4096  # MB: TensorFlow alone holds hundreds
    assert checks["answers"].reason == "both signatures answer 3 rows with finite numbers"
    assert checks["signatures_agree"].reason == "serving_default and raw give the same prediction"
    assert (checks["latency_p95_ms"].passed, checks["latency_p95_ms"].bound) == (None, None)
    assert [(m["signature"], m["n_rows"]) for m in answer.measured["latency"]] == [
        ("serving_default", 1), ("serving_default", 3), ("raw", 1), ("raw", 3),
    ]  # fmt: skip
    assert all(0 < m["median_ms"] <= m["p95_ms"] for m in answer.measured["latency"])


def test_bounds_that_a_whole_answer_passes_or_not(good):
    _, answer, _ = good

    def refused(**settings):
        verdict = logic.judge(answer, InfraValidation(**settings), model=MODEL, data=DATA)
        return verdict.status, [c.name for c in verdict.checks if c.passed is False], verdict.hint

    assert refused(max_latency_ms=60_000) == ("blessed", [], "")
    status, names, hint = refused(max_latency_ms=1e-6)
    assert (status, names) == ("refused", ["latency_p95_ms"])
    assert "infra_validation.max_latency_ms" in hint
    assert "--from InfraValidator --force" in hint
    status, names, hint = refused(max_memory_mb=1)
    assert (status, names) == ("refused", ["peak_memory_mb"])
    assert "infra_validation.max_memory_mb" in hint


def _hangs(x):
    return tf.while_loop(lambda v: tf.reduce_all(v < float("inf")), lambda v: [v * 1.0], [tf.where(tf.math.is_nan(x), 0.0, x)])[0]


def test_model_that_hangs_is_ended_when_its_time_is_up(good, tmp_path):
    _, whole, _ = good
    settings = InfraValidation(timeout_s=2 * whole.seconds + 2)
    answer, verdict = _asked(_save(tmp_path, _hangs), settings)
    assert (verdict.status, answer.cause) == ("refused", "time")
    [check] = verdict.checks
    assert (check.name, check.bound) == ("answers", settings.timeout_s)
    assert check.reason == (f"no answer within {settings.timeout_s:.6g} s when asked to call serving_default with 3 rows; ended")
    assert answer.seconds < settings.timeout_s + 5


def test_model_that_eats_memory_is_ended(tmp_path):
    def large(x):
        return x + tf.reduce_sum(tf.random.uniform([900_000_000 + tf.size(x)]))  # 3.6 GB

    answer, verdict = _asked(_save(tmp_path, _zero_if_missing, large), InfraValidation(max_memory_mb=1800))
    assert (verdict.status, answer.cause, answer.step) == ("refused", "memory", "call raw with 3 rows")
    [check] = verdict.checks
    assert (check.name, check.bound) == ("peak_memory_mb", 1800)
    assert 1800 < check.value < 4000
    assert check.reason.endswith("MB, more than 1800, when asked to call raw with 3 rows; ended")


def test_signature_that_raises_says_why(tmp_path):
    def raises(x):
        with tf.control_dependencies([tf.debugging.assert_positive(x, message="miles must be positive")]):
            return tf.identity(x)

    _, verdict = _asked(_save(tmp_path, lambda x: tf.where(tf.math.is_nan(x), 0.0, x), raises))
    assert verdict.status == "refused"
    [check] = verdict.checks
    assert (check.name, check.value) == ("answers", None)
    assert check.reason.startswith("cannot call raw with 3 rows: InvalidArgumentError: ")
    assert "miles must be positive" in check.reason


def test_corrupt_model_does_not_load(tmp_path):
    path = _save(tmp_path, _zero_if_missing)
    Path(path, "saved_model.pb").write_bytes(b"\x00not a model")
    _, verdict = _asked(path)
    assert verdict.status == "refused"
    [check] = verdict.checks
    assert check.name == "load_seconds"
    assert check.reason.startswith("cannot load the model: OSError: Cannot parse file")


def test_signatures_that_differ_and_answers_that_are_not_finite(tmp_path):
    path = _save(tmp_path, lambda x: tf.where(x > 1.5, float("nan"), x), lambda x: x + 0.25)
    _, verdict = _asked(path, outputs=("prediction", "scores"))
    checks = {c.name: c for c in verdict.checks}
    assert verdict.status == "refused"
    assert checks["answers"].value == 4
    assert checks["answers"].reason == (
        "serving_default has no output 'scores'; known: prediction; "
        "serving_default: prediction is not finite for 2 of 3 rows; "  # x = 2, and the missing one
        "raw has no output 'scores'; known: prediction; "
        "raw: prediction is not finite for 1 of 3 rows"
    )
    assert checks["signatures_agree"].reason == "serving_default and raw differ in prediction (by up to 0.25)"


def _do(folder, model_folder, examples):
    split = folder / "examples" / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data.gz"), "GZIP") as writer:
        for example in examples:
            writer.write(example)
    model, rows, blessing = standard_artifacts.Model(), standard_artifacts.Examples(), standard_artifacts.InfraBlessing()
    model.uri, rows.uri, blessing.uri = str(model_folder), str(split.parent), str(folder / "blessing")
    rows.split_names = '["eval"]'
    Path(blessing.uri).mkdir()
    config = Config.model_validate(
        {
            "name": "t",
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["trip miles"]},
            "evaluation": {"metrics": [{"name": "mae", "upper_bound": 1}]},
            "infra_validation": {"n_examples": 2},
        }
    )
    executor.Executor().Do(
        {"model": [model], "examples": [rows]}, {"blessing": [blessing]}, {"config": config.model_dump_json(by_alias=True)}
    )
    return blessing


def test_blessing_is_marked_as_tfx_marks_it(good, tmp_path):
    from tfx.components.util import model_utils

    model_folder = Path(good[0]).parent
    blessing = _do(tmp_path, model_folder, EXAMPLES)
    assert model_utils.is_infra_validated(blessing)
    assert blessing.get_string_custom_property("current_model") == str(model_folder)
    assert sorted(os.listdir(blessing.uri)) == ["INFRA_BLESSED", "measured.json", "verdict.json"]
    verdict = Verdict.from_json(Path(blessing.uri, "verdict.json").read_text())
    assert verdict.model == {"uri": str(model_folder), "id": "0"}
    assert json.loads(Path(blessing.uri, "measured.json").read_text())["n_rows"] == 2


def test_empty_split_is_a_data_error(good, tmp_path):
    with pytest.raises(DataError, match="split 'eval' has no rows"):
        _do(tmp_path, Path(good[0]).parent, [])
