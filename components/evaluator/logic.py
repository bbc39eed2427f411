"""What the Evaluator does, without TFX: measure candidate and baseline, judge, write the verdict and a sample of predictions.

Called by executor.py. Imports TensorFlow and Beam (through evaluation.measure).
"""

import base64
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import numpy as np

from waze_data_tfx.config.names import argument_names
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError
from waze_data_tfx.evaluation import measure, results, verdict
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE, output_name
from waze_data_tfx.evaluation.verdict import Metrics, Status, Verdict

VERDICT_FILE, SAMPLE_FILE = "verdict.json", "sample.json"
N_SAMPLE = 32
REMEDY = "set evaluation.baseline: none for one run, so that this model starts anew without a comparison"


@dataclass(frozen=True)
class SavedModel:
    """Where a SavedModel is, and its identity in the verdict."""

    path: str
    identity: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """What is evaluated: the models, the eval split's files and its identity, and why there is no baseline."""

    model: SavedModel
    baseline: SavedModel | None
    file_patterns: Sequence[str]
    data: dict[str, str]
    no_baseline: str


def no_baseline(config: Config, *, was_found: bool) -> str:
    """Return why there is nothing to compare with."""
    if config.evaluation.baseline == "none":
        return f"{verdict.NO_BASELINE}: evaluation.baseline is none"
    if was_found:
        return f"{verdict.NO_BASELINE}: the latest blessed model is this one"
    return f"{verdict.NO_BASELINE}: no model was blessed before"


def evaluate(config: Config, inputs: Inputs, directory: str, make_pipeline: Callable[[], beam.Pipeline]) -> Verdict:
    """Measure, judge and write everything into `directory`; return the verdict.

    Raises:
        DataError: the eval split is empty.
        RunFailed: the candidate's signature cannot be called with the split's rows.
    """
    sample = measure.first_examples(inputs.file_patterns, N_SAMPLE)
    if not sample:
        raise DataError("evaluation: split 'eval' has no rows", hint="raise its share in data.split.buckets")
    output = output_name(config.task)
    predictions = measure.predict(inputs.model.path, sample, output)
    unfit = _unfit(inputs.baseline, sample, output, predictions, config)
    metrics, baseline_metrics, unfit = _measure(config, inputs, directory, make_pipeline, unfit)
    judged = verdict.judge(
        config,
        metrics,
        baseline_metrics,
        model=inputs.model.identity,
        data=inputs.data,
        baseline=inputs.baseline.identity if inputs.baseline else None,
        note=inputs.no_baseline,
    )
    if unfit:
        judged = not_compared(judged, inputs, unfit)
    results.write(metrics, baseline_metrics, Path(directory) / results.METRICS_FILE)
    (Path(directory) / VERDICT_FILE).write_text(judged.to_json(), encoding="utf-8")
    write_sample(Path(directory) / SAMPLE_FILE, output, sample, predictions)
    return judged


def summary(judged: Verdict) -> str:
    """Return the verdict in a few lines for the node's log."""
    lines = [f"Evaluator: {judged.status}", *(f"  {reason}" for reason in judged.reasons())]
    if judged.hint:
        lines.append(f"  next: {judged.hint}")
    return "\n".join(lines)


def write_sample(file: Path, output: str, examples: Sequence[bytes], predictions: np.ndarray) -> None:
    """Write serialized examples and what the model predicts for them, for a later check of a copy of the model."""
    sample = {
        "output": output,
        "examples": [base64.b64encode(e).decode("ascii") for e in examples],
        "predictions": predictions.tolist(),
    }
    file.write_text(json.dumps(sample) + "\n", encoding="utf-8")


def _unfit(baseline: SavedModel | None, sample: list[bytes], output: str, predictions: np.ndarray, config: Config) -> str:
    """Return why the baseline cannot be compared on these rows; empty if it can or if there is none.

    A served model takes an absent column for a missing value, so one that the examples no longer hold would go unnoticed.
    """
    if baseline is None:
        return ""
    try:
        received = measure.predict(baseline.path, sample, output)
    except measure.SignatureUnfit as error:
        return error.message
    if received.shape[1:] != predictions.shape[1:]:
        return f"{baseline.path}: {output}: expected shape {predictions.shape[1:]} per row; received {received.shape[1:]}"
    if config.classes and (other := _other_classes(baseline, sample, config)):
        return other
    held = argument_names(config.column_types()).values()
    missing = [name for name in measure.arguments(baseline.path) if name not in held]
    if missing:
        return f"{baseline.path}: it reads columns that this config no longer names: {', '.join(missing)}"
    return ""


def _other_classes(baseline: SavedModel, sample: list[bytes], config: Config) -> str:
    """Return why the places of the baseline's scores are not the config's classes; empty if they are or cannot be told.

    After a change of their order the shapes still fit, and every class would be compared with another.
    """
    try:
        scores, served = (measure.predict(baseline.path, sample, name) for name in ("scores", "classes"))
    except measure.SignatureUnfit:  # a model that was not exported by training
        return ""
    if served.dtype.kind in "iuf":  # of a time when the classes had no names
        return ""
    names = np.array(config.class_names)
    if config.task == "multilabel_classification":
        expected = [config.label_separator.join(names[row >= 0.5]) for row in scores]
    elif config.task == "binary_classification":
        expected = [str(names[int(row[1] >= 0.5)]) for row in scores]
    else:
        expected = [str(names[row.argmax()]) for row in scores]
    received = [value.decode("utf-8", "replace") for value in served.tolist()]
    differs = next((pair for pair in zip(expected, received, strict=True) if pair[0] != pair[1]), None)
    if differs is None:
        return ""
    return (
        f"{baseline.path}: its classes have another order or other names: it serves '{differs[1]}' where '{differs[0]}' is meant"
    )


def _measure(
    config: Config, inputs: Inputs, directory: str, make_pipeline: Callable[[], beam.Pipeline], unfit: str
) -> tuple[Metrics, Metrics | None, str]:
    """Return the candidate's metrics, the baseline's, and why the latter are missing although there is a baseline."""
    if inputs.baseline and not unfit:
        models = measure.Models(inputs.model.path, inputs.baseline.path)
        try:
            metrics = measure.measure(config, models, inputs.file_patterns, directory, make_pipeline)
        except measure.BaselineFailed as error:
            unfit = error.message
        else:
            return metrics[CANDIDATE], metrics[BASELINE], ""
    models = measure.Models(inputs.model.path)
    return measure.measure(config, models, inputs.file_patterns, directory, make_pipeline)[""], None, unfit


def not_compared(judged: Verdict, inputs: Inputs, why: str) -> Verdict:
    """Return the verdict of a candidate whose baseline cannot be evaluated: refused by its bounds, or else inconclusive."""
    status: Status = "refused" if judged.status == "refused" else "inconclusive"
    identity = inputs.baseline.identity if inputs.baseline else None
    return dataclasses.replace(
        judged, status=status, baseline=identity, note=f"the baseline cannot be evaluated: {why}", hint=REMEDY
    )
