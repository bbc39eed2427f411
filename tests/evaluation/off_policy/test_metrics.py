"""The metrics in TFMA's own pipeline: on four rows worked by hand, and equal to the one-step measure on a simulated log."""

import json
import math

import pytest

pytest.importorskip("tensorflow")
import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
import tfx  # noqa: F401
from google.protobuf import json_format
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import model_eval_lib
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2

from waze_data_tfx.evaluation import results
from waze_data_tfx.evaluation.measure import Models
from waze_data_tfx.evaluation.off_policy import measure, reward_model
from waze_data_tfx.evaluation.off_policy import metrics as metrics_module
from waze_data_tfx.evaluation.off_policy.results import OffPolicy
from waze_data_tfx.evaluation.off_policy.settings import Settings
from waze_data_tfx.evaluation.off_policy.spec import metric_names

OPTIONS = beam.options.pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
ROWS = [  # action, propensity, reward, probabilities, weight, score of the action taken
    (0, 0.5, 1.0, [1.0, 0.0], 0.9),  # weight 2
    (1, 0.5, 0.0, [1.0, 0.0], 0.1),  # weight 0
    (0, 0.25, 0.0, [0.5, 0.5], 0.5),  # weight 2
    (1, 0.75, 1.0, [0.25, 0.75], 0.3),  # weight 1
]
Q_HAT = [0.5, 0.25]


def _own_pipeline(extracts, eval_config, folder):
    """Run TFMA's pipeline, one row per extract, and return its metrics as the gate reads them."""
    with beam.Pipeline(options=OPTIONS) as pipeline:
        _ = (
            pipeline
            | beam.Create(extracts)
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=eval_config,
                extractors=[slice_key_extractor.SliceKeyExtractor(eval_config=eval_config)],
                writers=model_eval_lib.default_writers(output_path=str(folder), eval_config=eval_config),
                output_path=str(folder),
            )
        )
    return results.load(folder)


def _by_hand(folder, **settings):
    own = Settings(actions=("a", "b"), rewards=(0.0, 1.0), n_folds=2, n_bootstrap=50, **settings).to_dict()
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["half"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name="OffPolicyMetric",
                        module="waze_data_tfx.evaluation.off_policy.metrics",
                        config=json.dumps({"name": name, "settings": own}),
                    )
                    for name in metric_names()
                ]
            )
        ],
    )
    extracts = [
        {
            constants.FEATURES_KEY: {
                "action": np.array([action]),
                "propensity": np.array([propensity]),
                "reward": np.array([reward]),
                "group": np.array([i]),
                "eligible": np.array([True, True]),
                "q_hat": np.array(Q_HAT),
                "half": np.array([b"first" if i < 2 else b"second"]),
            },
            constants.PREDICTIONS_KEY: {"probabilities": np.array(probabilities), "scores": np.array([score, score])},
        }
        for i, (action, propensity, reward, probabilities, score) in enumerate(ROWS)
    ]
    return _own_pipeline(extracts, config, folder)


def test_four_rows_by_hand_in_tfmas_own_pipeline(tmp_path):
    found = _by_hand(tmp_path, max_weight=None)[()]
    expected = {
        "example_count": 4,
        "ips": (2 * 1 + 1 * 1) / 4,
        "snips": 3 / 5,
        "dm": (0.5 + 0.5 + 0.375 + 0.3125) / 4,
        "dr": 0.421875 + (2 * 0.5 - 2 * 0.5 + 1 * 0.75) / 4,
        "sndr": 0.421875 + 0.75 / 5,
        "dros": 0.421875 + 1 / 2 * 0.75 / 4,  # lambda 1, SLOPE's choice; the rows of weight 2 cancel out
        "effective_sample_size": 25 / 9,  # (2 + 2 + 1)^2 / (4 + 4 + 1)
        "mean_weight": 5 / 4,
        "max_weight": 2,
        "clipped_share": 0,
        "support": 1,
        "auc": 3 / 4,  # of the pairs only 0.3 of a click against 0.5 of none is the wrong way round
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["ips_bernstein_lower"] < found["ips_bootstrap_lower"] <= found["ips"] <= found["ips_bootstrap_upper"]
    assert math.isnan(found["unsubscribe_rate"])


def test_weights_are_clipped_and_rows_sliced(tmp_path):
    found = _by_hand(tmp_path, max_weight=1.5)
    assert found[()]["ips"] == pytest.approx((1.5 + 1) / 4)
    assert found[()]["clipped_share"] == pytest.approx(2 / 4)
    assert found[()]["max_weight"] == pytest.approx(2)
    first, second = found[(("half", "first"),)], found[(("half", "second"),)]
    assert (first["ips"], first["snips"]) == pytest.approx((1.5 / 2, 1.5 / 1.5))
    assert (second["ips"], second["example_count"]) == pytest.approx((1 / 2, 2))


def test_one_step_measure_equals_tfmas_own_pipeline_with_the_saved_config(
    place, simulated, off_policy_config, tmp_path, monkeypatch
):
    """The same log, row by row through TFMA with the eval config that the measure has saved."""
    monkeypatch.setattr(metrics_module, "PENDING_ROWS", 400)  # single rows and the two batches of 1024 fill it more than once
    simulate, write_examples, _ = simulated
    log, config = simulate(1500), off_policy_config(slices=["country"])
    patterns = write_examples(log, tmp_path / "examples")
    (tmp_path / "ours").mkdir()
    found = measure.measure(
        config, Models(str(place / "good")), patterns, str(tmp_path / "ours"), lambda: beam.Pipeline(options=OPTIONS)
    )
    saved = json.loads((tmp_path / "ours" / "eval_config.json").read_text())["evalConfig"]
    eval_config = json_format.ParseDict(saved, config_pb2.EvalConfig())
    theirs = _own_pipeline(_rows(config, place, patterns, log), eval_config, tmp_path / "theirs")
    ours = results.load(tmp_path / "ours")
    assert set(ours) == set(theirs) == {(), (("country", "CH"),), (("country", "DE"),)}
    for key, metrics in ours.items():
        assert theirs[key] == pytest.approx(metrics, rel=1e-9)
    assert OffPolicy.from_json((tmp_path / "ours" / "off_policy.json").read_text()) == found
    assert found.of("").policy("candidate").estimates["dr"].value == pytest.approx(ours[()]["dr"])
    assert found.of("country=CH").n_rows == int((log.country == "CH").sum())


def _rows(config, place, patterns, log):
    """Return one extract per row."""
    text, serialized = config.model_dump_json(by_alias=True), measure.supervised.first_examples(patterns, len(log.x))
    sums = measure._MomentsFn(text, str(place / "good"))
    sums.setup()
    model = reward_model.fit(next(iter(sums.process(serialized))), rewards=(-1.0, 1.0))
    extract = measure._ExtractFn(text, Models(str(place / "good")))
    extract.setup()
    whole = next(iter(extract.process(serialized, [model])))
    features, predictions = whole[constants.FEATURES_KEY], whole[constants.PREDICTIONS_KEY]
    return [
        {
            constants.FEATURES_KEY: {name: np.atleast_1d(v[i]) for name, v in features.items()}
            | {"country": np.array([log.country[i].encode()])},
            constants.PREDICTIONS_KEY: {name: v[i] for name, v in predictions.items()},
        }
        for i in range(len(serialized))
    ]
