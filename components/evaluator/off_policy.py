"""What the Evaluator does for a bandit, without TFX: estimate from the log what policies would earn, judge, write it all down.

Called by executor.py for the task `bandit`, as logic.py is for all others. Imports TensorFlow and Beam.
"""

from collections.abc import Callable
from pathlib import Path

import apache_beam as beam

from waze_data_tfx.components.evaluator.logic import (
    N_SAMPLE,
    SAMPLE_FILE,
    VERDICT_FILE,
    Inputs,
    not_compared,
    write_sample,
)
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError
from waze_data_tfx.evaluation import measure, results
from waze_data_tfx.evaluation.off_policy import measure as off_policy
from waze_data_tfx.evaluation.off_policy import policies, verdict
from waze_data_tfx.evaluation.off_policy.results import OffPolicy
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE
from waze_data_tfx.evaluation.verdict import Verdict

OUTPUT = "probabilities"
"""What the Pusher compares after a copy."""


def evaluate(config: Config, inputs: Inputs, directory: str, make_pipeline: Callable[[], beam.Pipeline]) -> Verdict:
    """Estimate, judge and write everything into `directory`; return the verdict.

    Raises:
        DataError: the eval split is empty, or a row of the log cannot be used.
        RunFailed: the candidate's signatures cannot be called with the split's rows.
    """
    sample = measure.first_examples(inputs.file_patterns, N_SAMPLE)
    if not sample:
        raise DataError("evaluation: split 'eval' has no rows", hint="raise its share in data.split.buckets")
    answers = measure.ask(inputs.model.path, sample, [OUTPUT])
    found, unfit = _measure(config, inputs, directory, make_pipeline, sample)
    compared = inputs.baseline.identity if inputs.baseline and not unfit else None
    judged = verdict.judge(
        config, found, model=inputs.model.identity, data=inputs.data, baseline=compared, note=inputs.no_baseline
    )
    if unfit:
        judged = not_compared(judged, inputs, unfit)
    baseline_metrics = verdict.metrics_of(found, BASELINE) if compared else None
    results.write(verdict.metrics_of(found, CANDIDATE), baseline_metrics, Path(directory) / results.METRICS_FILE)
    (Path(directory) / VERDICT_FILE).write_text(judged.to_json(), encoding="utf-8")
    write_sample(Path(directory) / SAMPLE_FILE, OUTPUT, sample, answers[OUTPUT])
    return judged


def _measure(
    config: Config, inputs: Inputs, directory: str, make_pipeline: Callable[[], beam.Pipeline], sample: list[bytes]
) -> tuple[OffPolicy, str]:
    """Return the estimates, and why the baseline is not among them although there is one."""
    unfit = _unfit(config, inputs, sample)
    if inputs.baseline and not unfit:
        models = measure.Models(inputs.model.path, inputs.baseline.path)
        try:
            return off_policy.measure(config, models, inputs.file_patterns, directory, make_pipeline), ""
        except measure.BaselineFailed as error:
            unfit = error.message
    models = measure.Models(inputs.model.path)
    return off_policy.measure(config, models, inputs.file_patterns, directory, make_pipeline), unfit


def _unfit(config: Config, inputs: Inputs, sample: list[bytes]) -> str:
    """Return why the baseline cannot be compared on these rows; empty if it can or if there is none."""
    assert config.bandit is not None
    if inputs.baseline is None:
        return ""
    try:
        policies.choices(inputs.baseline.path, sample, actions=config.bandit.actions)
    except measure.SignatureUnfit as error:
        return error.message
    return ""
