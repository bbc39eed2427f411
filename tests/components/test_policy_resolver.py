"""PolicyResolver: every rule on values by hand, and the component in a TFX pipeline."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from off_policy_for_test import off_policy, slice_result, write_off_policy
from store_for_test import config_in

from waze_data_tfx.components.policy_resolver import logic
from waze_data_tfx.errors import RunFailed, UserError
from waze_data_tfx.evaluation.off_policy.criteria import Enough
from waze_data_tfx.evaluation.off_policy.results import Estimate, SliceResult
from waze_data_tfx.evaluation.verdict import Verdict

BETTER = {"eval-serving": (0.01, 0.03)}


def resolved(
    policy: Literal["auto", "serving", "eval"], *slices: SliceResult, status: str = "blessed", share: float = 0.0
) -> logic.Resolution:
    settings = logic.Settings(policy, share, ("segment",), Enough(200, 0.8))
    return logic.resolve(settings, status=status, values=off_policy(*slices) if slices else None)


@pytest.mark.parametrize(
    ("policy", "slices", "chosen", "share", "reason"),
    [
        ("serving", (), "serving", 0.25, "configured"),
        ("eval", (), "eval", 1.0, "configured"),
        (
            "auto",
            (slice_result(),),
            "serving",
            0.25,
            "not clearly worth more: the eval policy minus the serving policy is +0 [-0.05",
        ),
        (
            "auto",
            (slice_result(None, BETTER),),
            "eval",
            0.9,
            "it is worth more: the eval policy minus the serving policy is +0.02",
        ),
        (
            "auto",
            (slice_result(None, BETTER), slice_result({"segment": "new"}, n_effective={"candidate_eval": 20})),
            "serving",
            0.25,
            "exploration is still needed: segment=new: effective sample size of the eval policy 20 < 200",
        ),
        (
            "auto",
            (slice_result(None, BETTER), slice_result({"city": "X"}, n_effective={"candidate_eval": 20})),
            "eval",
            0.9,
            "it is worth more",
        ),
        ("auto", (slice_result(None, {"eval-serving": None}),), "serving", 0.25, "could not be compared"),
        ("auto", (slice_result(None, BETTER, n_effective={"candidate": None}),), "serving", 0.25, "serving policy unknown < 200"),
    ],
)
def test_which_policy_serves(policy: Any, slices: tuple[SliceResult, ...], chosen: str, share: float, reason: str) -> None:
    found = resolved(policy, *slices, share=0.25)
    assert (found.policy, found.eval_share) == (chosen, share)
    assert reason in found.reason


@pytest.mark.parametrize(("upper", "chosen"), [(0.004, "eval"), (0.006, "serving")])
def test_auto_does_not_choose_an_eval_policy_that_may_lose_too_many_users(upper: float, chosen: str) -> None:
    part = slice_result(None, BETTER)
    lost = Estimate(0.002, (0.0, upper), (-1.0, 1.0))
    differences = tuple(
        replace(d, unsubscribe_rate=lost) if (d.policy, d.other) == ("candidate_eval", "logging") else d for d in part.differences
    )
    settings = logic.Settings("auto", unsubscribe_margin=0.005)
    found = logic.resolve(settings, status="blessed", values=off_policy(replace(part, differences=differences)))
    assert found.policy == chosen
    if chosen == "serving":
        assert found.reason == "the eval policy's unsubscribes minus the logging policy's may be +0.006; allowed +0.005"


@pytest.mark.parametrize("policy", ["auto", "serving", "eval"])
@pytest.mark.parametrize("status", ["refused", "inconclusive"])
def test_a_candidate_that_is_not_blessed_changes_nothing(policy: Any, status: str) -> None:
    found = resolved(policy, slice_result(None, BETTER), status=status, share=0.25)
    assert (found.policy, found.eval_share) == ("serving", 0.0)
    assert found.reason.startswith(f"the verdict is {status}: nothing is pushed, and the serving policy in production stays")


def test_auto_keeps_the_larger_configured_share_and_needs_values() -> None:
    assert resolved("auto", slice_result(None, BETTER), share=0.95).eval_share == 0.95
    with pytest.raises(UserError, match=r"bandit.serving.policy: auto needs the off-policy values"):
        resolved("auto")


def test_evidence_is_in_the_json() -> None:
    evidence = json.loads(resolved("serving", slice_result(None, BETTER)).to_json())["evidence"]
    assert (evidence["status"], evidence["eval - serving"]) == ("blessed", [0.02, 0.01, 0.03])
    assert evidence["settings"]["enough"] == {"effective_sample_size": 200, "support": 0.8}


def test_in_a_tfx_pipeline_the_resolution_is_an_artifact_with_its_reason(tmp_path: Path) -> None:
    from tfx.dsl.components.common.importer import Importer
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.types import standard_artifacts

    from waze_data_tfx.components.policy_resolver import PolicyResolver

    bandit = {"actions": ["a", "b", "c"], "serving": {"policy": "auto"}}
    text = config_in(
        tmp_path,
        pipeline="bandit",
        label="reward",
        key="user_id",
        data={"input": "trips.csv", "split": {"by": ["user_id"]}},
        bandit=bandit,
        evaluation={"metrics": [{"name": "snips", "lower_bound": -1}]},
    ).model_dump_json(by_alias=True)
    evaluation, blessing = tmp_path / "evaluation", tmp_path / "blessing"
    write_off_policy(evaluation, slice_result(None, BETTER))
    (evaluation / "verdict.json").write_text(Verdict("blessed", (), {}, {}).to_json())
    blessing.mkdir()

    def run(name: str, blessed: int) -> Any:
        imported = [
            Importer(source_uri=str(evaluation), artifact_type=standard_artifacts.ModelEvaluation).with_id("evaluation"),
            Importer(
                source_uri=str(blessing), artifact_type=standard_artifacts.ModelBlessing, custom_properties={"blessed": blessed}
            ).with_id("blessing"),
        ]
        inputs = dict(zip(("evaluation", "model_blessing"), (i.outputs["result"] for i in imported), strict=True))
        connection = metadata.sqlite_metadata_connection_config(str(tmp_path / f"{name}.sqlite"))
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name=name,
                pipeline_root=str(tmp_path / name),
                components=[*imported, PolicyResolver(config=text, **inputs)],
                metadata_connection_config=connection,
            )
        )
        with metadata.Metadata(connection) as handle:
            [artifact] = handle.store.get_artifacts_by_type("String")
        return artifact

    artifact = run("blessed", 1)
    written = json.loads(Path(artifact.uri).read_text())
    assert (written["policy"], written["eval_share"]) == ("eval", 0.9)
    shown = artifact.custom_properties
    assert (shown["policy"].string_value, shown["eval_share"].double_value) == ("eval", 0.9)
    assert shown["reason"].string_value == written["reason"]
    with pytest.raises(RunFailed, match=r"the blessing says blessed = 0; .*verdict.json says blessed"):
        run("contradiction", 0)
