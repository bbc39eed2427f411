"""The Evaluator on a simulated decision log: a good policy is blessed, planted bad ones and thin overlap are not."""

import base64
import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
import numpy as np
import tensorflow as tf
import tfx  # noqa: F401
from tfx.types import standard_artifacts

from waze_data_tfx.components.evaluator import executor
from waze_data_tfx.evaluation import Verdict
from waze_data_tfx.evaluation.off_policy.results import OffPolicy

BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=none"]


def _artifact(cls, path, number=1):
    artifact = cls()
    artifact.uri, artifact.id = str(path), number
    return artifact


def _model(folder, policy, number=1):
    """Return a policy as TFX's Model artifact, which is a folder around it."""
    folder.mkdir(parents=True)
    (folder / "Format-Serving").symlink_to(policy)
    return _artifact(standard_artifacts.Model, folder, number)


def _examples(folder, written):
    (folder / "examples").mkdir(parents=True)
    (folder / "examples" / "Split-eval").symlink_to(written)
    artifact = _artifact(standard_artifacts.Examples, folder / "examples")
    artifact.split_names = '["train", "eval"]'
    return artifact


@pytest.fixture
def evaluate(place, tmp_path):
    """Return a function that evaluates a policy by its name: the verdict, off_policy.json and the folder."""

    def run(config, policy, *, baseline=None, examples=None):
        evaluation = _artifact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation")
        blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
        for artifact in (evaluation, blessing):
            Path(artifact.uri).mkdir()
        inputs = {
            "examples": [_examples(tmp_path, examples or place / "examples")],
            "model": [_model(tmp_path / "model", place / policy, 7)],
        }
        if baseline:
            inputs["baseline_model"] = [_model(tmp_path / "baseline", place / baseline, 6)]
        context = executor.Executor.Context(beam_pipeline_args=list(BEAM_ARGS), tmp_dir=str(tmp_path), unique_id="1")
        outputs = {"evaluation": [evaluation], "blessing": [blessing]}
        executor.Executor(context).Do(inputs, outputs, {"config": config.model_dump_json(by_alias=True)})
        found = OffPolicy.from_json((tmp_path / "evaluation" / "off_policy.json").read_text())
        return Verdict.from_json((tmp_path / "evaluation" / "verdict.json").read_text()), found, blessing

    return run


def test_good_policy_is_blessed_against_production_log_and_best_arm(evaluate, off_policy_config, log, place, tmp_path):
    metrics = [{"name": "auc", "lower_bound": 0.6}, {"name": "dr", "lower_bound": 0.3}]
    slices = [{"columns": ["country"], "metrics": [{"name": "unsubscribe_rate", "upper_bound": 0.02}]}]
    judged, found, blessing = evaluate(off_policy_config(metrics=metrics, slices=slices), "good", baseline="bad")
    assert (judged.status, judged.reasons()) == ("blessed", [])
    assert blessing.get_int_custom_property("blessed") == 1
    assert judged.baseline["id"] == "6"
    assert {c.slice for c in judged.checks} == {"", "country=CH", "country=DE"}
    overall = found.of("")
    n = len(log.x)
    best = np.where(log.x > 0, 0, 1)
    truth = 0.95 * log.expected[np.arange(n), best].mean() + 0.05 * log.expected.mean()  # floor 0.05
    for estimator, found_value in overall.policy("candidate").estimates.items():
        assert found_value.value == pytest.approx(truth, abs=0.05)
        if estimator in ("ips", "snips", "dr", "sndr"):  # those without a bias that no interval tells of
            assert found_value.bernstein[0] < truth < found_value.bernstein[1]
    assert set(overall.tuned) == {"max_weight", "switch_tau", "dros_lambda"}
    assert overall.policy("logging").estimates["dr"].value == pytest.approx(log.reward.mean())
    assert overall.policy("logging").unsubscribe_rate.value == pytest.approx(log.unsubscribed.mean())
    assert overall.policy("candidate").arm_shares["bait"] == pytest.approx(0.05 / 3)
    named = [p.name for p in overall.policies]
    assert named == [
        "candidate", "candidate_eval", "baseline", "logging", "arm:news", "arm:deals", "arm:bait", "best_arm",
    ]  # fmt: skip
    assert sum(p.is_best for p in overall.policies) == 1
    assert [c.n_taken for c in overall.calibration] == np.bincount(log.action).tolist()
    assert all(c.passed for c in overall.calibration)
    assert found.reward_model["mse"] < found.reward_model["mse_of_mean"]
    rows = {r["slice"]: r for r in json.loads((tmp_path / "evaluation" / "metrics.json").read_text())}
    assert rows[""]["candidate"]["dr"] > 0.4 > 0.2 > rows[""]["baseline"]["dr"]
    sample = json.loads((tmp_path / "blessing" / "sample.json").read_text())
    served = tf.saved_model.load(str(place / "good")).signatures["serving_default"]
    again = served(examples=tf.constant([base64.b64decode(e) for e in sample["examples"]]))
    assert sample["output"] == "probabilities"
    np.testing.assert_array_equal(np.float32(sample["predictions"]), again["probabilities"].numpy())


def test_planted_bad_policy_is_refused(evaluate, off_policy_config):
    judged, _, blessing = evaluate(off_policy_config(metrics=[{"name": "auc", "lower_bound": 0.5}]), "bad", baseline="good")
    assert judged.status == "refused"
    assert blessing.get_int_custom_property("blessed") == 0
    failed = {c.name for c in judged.checks if c.passed is False}
    assert failed == {"auc", "dr against production", "dr against logging", "dr against best_single_arm"}


def test_click_bait_is_refused_by_the_guard_rail(evaluate, off_policy_config):
    judged, found, _ = evaluate(
        off_policy_config(
            off_policy={"compare": ["logging"], "margin": 1.0}, metrics=[{"name": "dm"}, {"name": "ips", "lower_bound": -1.0}]
        ),
        "baiting",
    )
    assert judged.status == "refused"
    assert [c.name for c in judged.checks if c.passed is False] == ["unsubscribe_rate against logging"]
    assert found.of("").policy("candidate").unsubscribe_rate.value == pytest.approx(0.95 * 0.05, abs=0.02)


def test_thin_overlap_is_inconclusive_and_does_not_push(evaluate, off_policy_config, simulated, tmp_path):
    simulate, write, _ = simulated
    write(simulate(800, floor=0.05), tmp_path / "thin")  # deals are 1.7 % of the log
    judged, found, blessing = evaluate(off_policy_config(), "good", examples=tmp_path / "thin")
    assert judged.status == "inconclusive"
    assert found.of("").policy("candidate").effective_sample_size < 200
    assert "rows' worth of overlap" in judged.reasons()[0]
    assert blessing.get_int_custom_property("blessed") == 0


def test_wrong_propensities_are_inconclusive(evaluate, off_policy_config, simulated, tmp_path):
    simulate, write, _ = simulated
    log = simulate(3000)
    write(log._replace(propensity=np.where(log.action == 1, 0.4, log.propensity)), tmp_path / "wrong")  # deals: 0.1 is right
    judged, _, _ = evaluate(off_policy_config(off_policy={"min_support": 0.0}), "good", examples=tmp_path / "wrong")
    assert judged.status == "inconclusive"
    assert "action 'deals' was taken" in judged.reasons()[0]


def test_baseline_with_other_actions_cannot_be_compared(evaluate, off_policy_config, simulated, place, tmp_path):
    save = simulated[2]
    if not (place / "gone").exists():
        save(place / "gone", lambda x: tf.stack([x, -x], axis=1), actions=("news", "gone"))
    judged, found, _ = evaluate(off_policy_config(), "good", baseline="gone")
    assert judged.status == "inconclusive"
    assert "it chooses actions that bandit.actions no longer names: gone" in judged.note
    assert found.of("").policy("baseline") is None


def test_baseline_that_does_not_know_a_new_action_never_takes_it(evaluate, off_policy_config, simulated, place):
    save = simulated[2]
    save(place / "older", lambda x: tf.stack([x * 0 + 1, x * 0], axis=1), actions=("news", "deals"))
    judged, found, _ = evaluate(off_policy_config(), "good", baseline="older")
    assert judged.status == "blessed"
    assert found.of("").policy("baseline").arm_shares == pytest.approx({"news": 0.975, "deals": 0.025, "bait": 0.0})


def test_without_a_context_the_candidates_own_scores_are_the_reward_model(evaluate, off_policy_config, simulated, place, log):
    save = simulated[2]
    save(place / "plain", lambda x: tf.stack([x * 0 + 0.25, x * 0 + 0.5, x * 0], axis=1), without=("eval", "context"))
    _, found, _ = evaluate(off_policy_config(metrics=[{"name": "dm", "lower_bound": 0.0}]), "plain")
    assert found.reward_model == {"source": "scores"}
    overall = found.of("")
    assert overall.policy("candidate_eval") is None
    # deals with 0.95 + 0.05 / 3, the others with 0.05 / 3 each: 0.5 (0.95 + 0.05 / 3) + 0.25 * 0.05 / 3
    assert overall.policy("candidate").estimates["dm"].value == pytest.approx(0.4875, abs=1e-6)
    weight = np.where(log.action == 1, 0.95 + 0.05 / 3, 0.05 / 3) / log.propensity
    lost = (weight * log.unsubscribed).mean()  # no model of unsubscribes: doubly robust is inverse propensity scoring
    assert overall.policy("candidate").unsubscribe_rate.value == pytest.approx(lost, rel=1e-5)
