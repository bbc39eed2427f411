"""PolicyResolver's TFX skin: a function component that reads the evaluation and the blessing and records which policy serves.

Used by pipelines/; the Pusher takes its `resolution`. The artifact is TFX's standard String, whose value is the resolution as
JSON (see logic.Resolution), with `policy`, `eval_share` and `reason` as properties. TFX reads the annotations, so this module
must not postpone them. Imports TFX.
"""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from waze_data_tfx.components.policy_resolver import logic
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import RunFailed, UserError
from waze_data_tfx.evaluation.off_policy.criteria import Enough
from waze_data_tfx.evaluation.off_policy.results import OFF_POLICY_FILE, OffPolicy
from waze_data_tfx.evaluation.verdict import Verdict

VERDICT_FILE = "verdict.json"


@component
def PolicyResolver(  # noqa: N802, RUF100  a component is named like a class
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    model_blessing: InputArtifact[standard_artifacts.ModelBlessing],
    config: Parameter[str],
    resolution: OutputArtifact[standard_artifacts.String],
) -> None:
    """Choose between the serving and the eval policy of the candidate, and say why.

    Args:
        evaluation: the gate's: verdict.json and off_policy.json lie in it.
        model_blessing: of the same evaluation.
        config: the resolved config as JSON; `bandit.serving` and `bandit.off_policy` decide.
        resolution: JSON with `policy`, `eval_share`, `reason` and `evidence`.

    Raises:
        RunFailed: verdict and blessing contradict each other.
        UserError: a setting is wrong, or `auto` without off-policy values.
    """
    folder = Path(evaluation.uri)
    status = Verdict.from_json((folder / VERDICT_FILE).read_text(encoding="utf-8")).status
    blessed = model_blessing.get_int_custom_property("blessed") == 1
    if blessed != (status == "blessed"):
        raise RunFailed(
            f"{model_blessing.uri}: the blessing says blessed = {int(blessed)}; {folder / VERDICT_FILE} says {status}"
        )
    measured = folder / OFF_POLICY_FILE
    values = OffPolicy.from_json(measured.read_text(encoding="utf-8")) if measured.exists() else None
    resolved = logic.resolve(_settings(Config.model_validate_json(config)), status=status, values=values)
    resolution.value = resolved.to_json()
    resolution.set_string_custom_property("policy", resolved.policy)
    resolution.set_float_custom_property("eval_share", resolved.eval_share)
    resolution.set_string_custom_property("reason", resolved.reason)
    print(f"PolicyResolver: {resolved.policy} policy: {resolved.reason}", flush=True)


def _settings(config: Config) -> logic.Settings:
    bandit = config.bandit
    if bandit is None:
        raise UserError(
            "bandit: PolicyResolver needs this section; received none", hint="set pipeline: bandit, and bandit.actions"
        )
    serving, asked = bandit.serving, bandit.off_policy
    enough = Enough(asked.min_effective_sample_size, asked.min_support)
    return logic.Settings(serving.policy, serving.eval_share, serving.criteria_columns, enough, asked.unsubscribe_margin)
