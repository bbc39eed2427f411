"""The Pusher on a bandit's policy: criteria made from the evaluation are in the pushed graph, and serving obeys them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

tf = pytest.importorskip("tensorflow")
import tfx  # noqa: E402, F401
from off_policy_for_test import slice_result, write_off_policy  # noqa: E402
from store_for_test import config_in  # noqa: E402
from tfx.types import standard_artifacts  # noqa: E402
from tfx.utils import json_utils  # noqa: E402

from waze_data_tfx import registry, versions  # noqa: E402
from waze_data_tfx.bandits.agents.base import Choice, Policy  # noqa: E402
from waze_data_tfx.bandits.decisions import Problem  # noqa: E402
from waze_data_tfx.bandits.export import Columns, export  # noqa: E402
from waze_data_tfx.bandits.policies import exploration  # noqa: E402
from waze_data_tfx.bandits.policies.criteria import EXPLOIT, EXPLORE, Criteria, fixed, read_criteria  # noqa: E402
from waze_data_tfx.bandits.policies.identity import Identity  # noqa: E402
from waze_data_tfx.components.evaluator import logic as evaluator_logic  # noqa: E402
from waze_data_tfx.components.pusher import criteria, executor, logic  # noqa: E402
from waze_data_tfx.config.bandit import Bandit  # noqa: E402
from waze_data_tfx.errors import RunFailed  # noqa: E402

ACTIONS = ("a", "b", "c")
BETTER = {"eval-serving": (0.01, 0.03), "eval-logging": (0.02, 0.04), "eval-arm": (0.03, 0.05)}
WORSE = {"eval-arm": (-0.06, -0.02), "serving-arm": (-0.07, -0.03)}
RESOLUTION = {"policy": "serving", "eval_share": 0.25, "reason": "configured", "evidence": {}}


class Even(Policy):
    """Score x for arm a, 1 for the others; explores evenly."""

    def __call__(self, context: Any, eligible: Any) -> Choice:
        ones = tf.ones_like(context)
        scores = tf.concat([context, ones, ones], axis=1)
        return Choice(scores, exploration.epsilon_greedy(scores, eligible, 1.0))


def example(user: str, segment: str) -> bytes:
    def text(value: str) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    features = {
        "user_id": text(user),
        "segment": text(segment),
        "x": tf.train.Feature(float_list=tf.train.FloatList(value=[2.0])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


ROWS = [example("u1", "new"), example("u2", "old"), example("u3", "other")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a policy and what the Evaluator leaves of it."""
    place = tmp_path_factory.mktemp("policy")
    text, number = tf.io.VarLenFeature(tf.string), tf.io.FixedLenFeature([], tf.float32)
    columns = Columns(
        context={"x": number}, as_context=lambda raw: raw["x"][:, None], key=("user_id", text), criteria={"segment": text}
    )
    identity = Identity(ACTIONS, "p1", seed=7, criteria_columns=("segment",))
    model = place / "model" / "Format-Serving"
    export(Even(), Problem(ACTIONS, context_dim=1), identity, columns=columns, directory=str(model))
    blessing = place / "blessing"
    write_off_policy(
        blessing, slice_result(), slice_result({"segment": "new"}, BETTER), slice_result({"segment": "old"}, WORSE, arm="c")
    )
    answers = logic._predict(model, ROWS, "serving_default")
    evaluator_logic.write_sample(blessing / "sample.json", "probabilities", ROWS, answers["probabilities"])
    verdict = {"status": "blessed", "checks": [], "model": {"id": "7"}}
    (blessing / "verdict.json").write_text(json.dumps(verdict))
    return place


def push(place: Path, folder: Path, resolution: dict[str, Any] | None) -> Any:
    """Run the executor; return the PushedModel."""
    given = (standard_artifacts.Model, standard_artifacts.ModelBlessing, standard_artifacts.InfraBlessing)
    model, blessing, infra = (kind() for kind in given)
    model.uri, blessing.uri, infra.uri = (str(place / name) for name in ("model", "blessing", "infra"))
    for artifact in (blessing, infra):
        artifact.set_int_custom_property("blessed", 1)
        artifact.set_string_custom_property("current_model", model.uri)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(folder / "pushed")
    shutil.rmtree(pushed.uri, ignore_errors=True)
    Path(pushed.uri).mkdir(parents=True)
    inputs: dict[str, Any] = {"model": [model], "model_blessing": [blessing], "infra_blessing": [infra]}
    if resolution:
        artifact = standard_artifacts.String()
        artifact.uri = str(folder / "resolution")
        artifact.value = json.dumps(resolution)
        inputs["policy_resolution"] = [artifact]
    config = config_in(
        folder,
        pipeline="bandit",
        label="reward",
        key="user_id",
        data={"input": "log.csv", "split": {"by": ["user_id"]}},
        bandit={"actions": ACTIONS, "serving": {"criteria_columns": ["segment"]}},
        evaluation={"metrics": [{"name": "snips", "lower_bound": -1}], "slices": ["segment"]},
    )
    properties = {"custom_config": json_utils.dumps({"config": config.model_dump_json(by_alias=True)})}
    executor.Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_slice_that_cannot_be_written_down_has_no_criterion_and_ends_no_run(tmp_path: Path) -> None:
    write_off_policy(
        tmp_path, slice_result(), slice_result({"segment": "a\tb"}, BETTER), slice_result({"segment": "new"}, BETTER)
    )
    bandit = Bandit.model_validate({"actions": ACTIONS, "serving": {"criteria_columns": ["segment"]}})
    made = criteria.plan(tmp_path, None, bandit)
    assert made.criteria.by_slice == {("new",): EXPLOIT}
    assert [c["slice"] for c in made.record["criteria"]] == ["", "segment=new"]


def test_serving_obeys_what_was_made_of_the_evaluation(place: Path, tmp_path: Path) -> None:
    pushed = push(place, tmp_path, RESOLUTION)
    version = tmp_path / "output" / "serving" / "1"
    expected = Criteria(("segment",), {("new",): EXPLOIT, ("old",): fixed("c")}, EXPLORE, 0.25)
    assert read_criteria(version) == expected
    served = logic._predict(version, ROWS, "serving_default")["probabilities"]
    third = 0.75 / 3  # explored evenly by three quarters of the traffic; the eval policy's quarter takes a
    assert served[0].tolist() == [1.0, 0.0, 0.0]
    assert served[1].tolist()[2] >= 0.75
    assert served[2].tolist() == pytest.approx([0.25 + third, third, third])
    record = json.loads((version / "assets.extra" / "criteria.json").read_text())
    assert (record["policy"], record["eval_share"], record["reason"], record["columns"]) == (
        "serving",
        0.25,
        "configured",
        ["segment"],
    )
    assert [(c["slice"], c["kind"], c["action"]) for c in record["criteria"]] == [
        ("", "explore", None),
        ("segment=new", "exploit", None),
        ("segment=old", "fixed", "c"),
    ]
    shown = "all rows: explore; segment=new: exploit; segment=old: fixed arm c"
    assert pushed.get_string_custom_property("criteria") == shown
    assert pushed.get_float_custom_property("eval_share") == 0.25
    assert versions.checksums(Path(pushed.uri)) == versions.checksums(version)
    done = registry.register(Path(pushed.uri), tmp_path / "registry", run="r", pipeline="p", pushed_version="1", keep=5)
    assert read_criteria(tmp_path / "registry" / str(done.generation)) == expected


def test_other_criteria_are_a_new_version_and_the_same_ones_are_not(place: Path, tmp_path: Path) -> None:
    directory = tmp_path / "output" / "serving"
    push(place, tmp_path, RESOLUTION)
    push(place, tmp_path, {**RESOLUTION, "reason": "said otherwise"})
    assert versions.versions(directory) == [1]
    push(place, tmp_path, None)
    assert versions.versions(directory) == [1, 2]
    assert read_criteria(directory / "2").eval_share == 0.0
    record = json.loads((directory / "2" / "assets.extra" / "criteria.json").read_text())
    assert record["reason"] == "no PolicyResolver in the graph"


def test_a_copy_whose_eval_policy_answers_otherwise_is_not_pushed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = logic._predict

    def odd(folder: Path, examples: list[bytes], name: str) -> dict[str, Any]:
        answers = predict(folder, examples, name)
        if name == "eval" and (folder / "assets.extra" / "criteria.json").exists():
            answers["scores"] = answers["scores"] + 1
        return answers

    monkeypatch.setattr(logic, "_predict", odd)
    with pytest.raises(RunFailed, match="with its decision criteria, signature eval answers otherwise in scores"):
        push(place, tmp_path, RESOLUTION)
    assert versions.versions(tmp_path / "output" / "serving") == []


def test_a_bandit_without_off_policy_values_is_not_pushed(place: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(place, tmp_path / "place")
    (copy / "blessing" / "off_policy.json").unlink()
    with pytest.raises(RunFailed, match="expected the off-policy values; received no such file"):
        push(copy, tmp_path, RESOLUTION)
    assert not (tmp_path / "output").exists()
