"""Estimates what a candidate policy and a baseline would have earned, from the log alone, in one Beam pipeline.

Called by the Evaluator. Two passes over the split within the pipeline, each reading it anew: sums for the cross-fitted reward
model, then the metrics. Memory is that of batches and of a slice's sums, about 9 MB each with 12 actions, however many rows. A
batch travels as one extract per slice, which the metrics take as well as single rows, so that they cost arithmetic and not Python
per row. Imports TensorFlow, Beam and TFMA at the top.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as tfma_evaluator
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import config_util

from waze_data_tfx.config.schema import Config
from waze_data_tfx.evaluation import measure as supervised
from waze_data_tfx.evaluation.measure import Models, SignatureUnfit
from waze_data_tfx.evaluation.spec import BASELINE, CANDIDATE, slice_columns
from waze_data_tfx.evaluation.verdict import OVERALL, SliceKey, slice_name

from . import policies, reward_model
from .log import Decisions, Reader
from .metrics import RESULT_KEY
from .results import OFF_POLICY_FILE, OffPolicy, SliceResult
from .settings import Settings, settings_of
from .spec import eval_config

SCORES_RECORD = {"source": "scores"}
"""Of a candidate without a signature `context`: its own scores are q-hat. The split is not among the rows that it learnt from."""


def measure(
    config: Config,
    models: Models,
    file_patterns: Sequence[str],
    directory: str,
    make_pipeline: Callable[[], beam.Pipeline],
) -> OffPolicy:
    """Write TFMA's metrics, eval_config.json and off_policy.json into `directory` and return what the last one holds.

    Args:
        config: the resolved config of a bandit.
        models: one SavedModel or two.
        file_patterns: gzipped TFRecords of tf.Examples.
        directory: TFMA's output path.
        make_pipeline: returns an empty Beam pipeline.

    Raises:
        DataError: a row of the log cannot be used.
        BaselineFailed: the baseline fails on some row, or has other actions.
    """
    has_baseline = models.baseline is not None
    tfma_config = config_util.update_eval_config_with_defaults(
        eval_config(config, has_baseline=has_baseline), has_baseline=has_baseline
    )
    config_util.verify_eval_config(tfma_config)
    pipeline = make_pipeline()
    _build(pipeline, config, models, tfma_config, file_patterns, directory)
    supervised.write_config(tfma_config, models, directory)
    supervised.run(pipeline)
    return OffPolicy.from_json((Path(directory) / OFF_POLICY_FILE).read_text(encoding="utf-8"))


def _build(
    pipeline: beam.Pipeline,
    config: Config,
    models: Models,
    tfma_config: config_pb2.EvalConfig,
    file_patterns: Sequence[str],
    directory: str,
) -> None:
    computations = tfma_evaluator._filter_and_separate_computations(
        metric_specs.to_computations(list(tfma_config.metrics_specs), eval_config=tfma_config)
    )
    settings, text = settings_of(config, has_baseline=models.baseline is not None), config.model_dump_json(by_alias=True)

    def read(name: str) -> beam.PCollection:
        """Read the files, once for each pass: rows that two passes share would be kept in between, all of them."""
        files = pipeline | f"Files{name}" >> beam.Create(sorted(file_patterns), reshuffle=False)
        return files | f"Read{name}" >> beam.FlatMap(supervised.read_batches)

    model = beam.pvalue.AsSingleton(
        read("ForModel")
        | "Moments" >> beam.ParDo(_MomentsFn(text, models.candidate))
        | "Sum" >> beam.CombineGlobally(_SumFn(settings))
        | "Fit" >> beam.Map(_fit, settings)
    )
    results = (
        read("ForMetrics")
        | "Extract" >> beam.ParDo(_ExtractFn(text, models), model)
        | "Preprocess" >> beam.ParDo(tfma_evaluator._PreprocessorDoFn(computations.non_derived_computations))
        | "Slice" >> beam.FlatMap(supervised.by_slice)
        | "Combine" >> beam.CombinePerKey(tfma_evaluator._ComputationsCombineFn(computations.non_derived_computations))
        | "Derive"
        >> tfma_evaluator._AddDerivedCrossSliceAndDiffMetrics(
            computations.derived_computations, [], [], BASELINE if models.baseline else None
        )
    )
    _ = (
        results
        | "Results" >> beam.MapTuple(lambda key, metrics: (key, metrics[RESULT_KEY]))
        | "AllResults" >> beam.combiners.ToList()
        | "WriteResults" >> beam.Map(_write_results, directory, settings, model)
    )
    _ = (
        results
        | "Public" >> beam.MapTuple(tfma_evaluator._remove_private_metrics)
        | "All" >> beam.combiners.ToList()
        | "Write" >> beam.Map(supervised.write_slices, directory)
    )


class _MomentsFn(beam.DoFn):
    """From a batch of serialized examples to the sums of the reward model; none where the candidate gives no context."""

    def __init__(self, config_json: str, candidate: str) -> None:
        self._config_json, self._candidate = config_json, candidate

    def setup(self) -> None:
        config = Config.model_validate_json(self._config_json)
        self._settings, self._reader = settings_of(config, has_baseline=False), Reader(config)

    def process(self, serialized: list[bytes]) -> Iterator[reward_model.Moments]:
        if not policies.has(self._candidate, policies.CONTEXT):
            return
        decisions, settings = self._reader.read(serialized), self._settings
        lost = np.zeros(len(decisions.reward)) if decisions.unsubscribed is None else decisions.unsubscribed
        yield reward_model.Moments(settings.n_folds, len(settings.actions)).add(
            policies.context(self._candidate, serialized),
            np.stack([decisions.reward, lost], axis=1),
            action=decisions.action,
            fold=decisions.group % settings.n_folds,
        )


class _SumFn(beam.CombineFn):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def create_accumulator(self) -> reward_model.Moments:
        return reward_model.Moments(self._settings.n_folds, len(self._settings.actions))

    def add_input(self, accumulator: reward_model.Moments, moments: reward_model.Moments) -> reward_model.Moments:
        return accumulator.merge([moments])

    def merge_accumulators(self, accumulators: Iterable[reward_model.Moments]) -> reward_model.Moments:
        return self.create_accumulator().merge(accumulators)

    def extract_output(self, accumulator: reward_model.Moments) -> reward_model.Moments:
        return accumulator


def _fit(moments: reward_model.Moments, settings: Settings) -> list[reward_model.RewardModel]:
    """Return the reward model in a list, empty where there is no context to learn from."""
    return [] if moments.sums is None else [reward_model.fit(moments, rewards=settings.rewards)]


class _ExtractFn(beam.DoFn):
    """From a batch of serialized examples to one of TFMA's extracts per slice, each with all its rows."""

    def __init__(self, config_json: str, models: Models) -> None:
        self._config_json, self._models = config_json, models

    def setup(self) -> None:
        config = Config.model_validate_json(self._config_json)
        self._settings, self._reader = settings_of(config, has_baseline=self._models.baseline is not None), Reader(config)
        self._slices = slice_columns(config)
        types = {name: supervised.DTYPES[kind] for name, kind in config.column_types().items()}
        self._features = {c: tf.io.VarLenFeature(types[c]) for columns in self._slices for c in columns}

    def process(self, serialized: list[bytes], model: list[reward_model.RewardModel]) -> Iterator[dict[str, Any]]:
        decisions = self._reader.read(serialized)
        candidate = self._candidate(serialized)
        features = decisions._asdict() | self._expected(decisions, candidate["scores"], model, serialized)
        features = {name: values for name, values in features.items() if values is not None}
        predictions: dict[str, Any] = {CANDIDATE: candidate} if self._models.baseline else candidate
        if self._models.baseline:
            predictions[BASELINE] = self._baseline(self._models.baseline, serialized, decisions.eligible)
        for key, rows in self._rows_by_slice(serialized).items():
            yield {
                constants.FEATURES_KEY: _take(features, rows),
                constants.PREDICTIONS_KEY: _take(predictions, rows),
                constants.SLICE_KEY_TYPES_KEY: [key],
            }

    def _candidate(self, serialized: list[bytes]) -> dict[str, np.ndarray]:
        path, actions = self._models.candidate, self._settings.actions
        serving = policies.choices(path, serialized, actions=actions)
        answer = {"probabilities": serving.probabilities, "scores": serving.scores}
        if policies.has(path, policies.EVAL):
            answer["eval_probabilities"] = policies.choices(
                path, serialized, actions=actions, signature=policies.EVAL
            ).probabilities
        return answer

    def _baseline(self, path: str, serialized: list[bytes], eligible: np.ndarray) -> dict[str, np.ndarray]:
        try:
            answer = policies.choices(path, serialized, actions=self._settings.actions)
        except SignatureUnfit as error:
            raise SignatureUnfit(f"{supervised.BASELINE_FAILED}{error.message}") from error
        return {"probabilities": policies.acting(answer.probabilities, eligible), "scores": answer.scores}

    def _expected(
        self, decisions: Decisions, scores: np.ndarray, model: list[reward_model.RewardModel], serialized: list[bytes]
    ) -> dict[str, np.ndarray | None]:
        """Return q-hat of both outcomes; without a reward model the candidate's scores, and no model of unsubscribes."""
        if not model:
            nothing = None if decisions.unsubscribed is None else np.zeros_like(scores)
            return {"q_hat": scores.clip(*self._settings.rewards), "q_unsubscribed": nothing}
        context = policies.context(self._models.candidate, serialized)
        predicted = model[0].predict(context, decisions.group % self._settings.n_folds)
        return {
            "q_hat": predicted[:, :, 0],
            "q_unsubscribed": None if decisions.unsubscribed is None else predicted[:, :, 1],
        }

    def _rows_by_slice(self, serialized: list[bytes]) -> dict[SliceKey, Any]:
        """Return the rows of every slice; a row that lacks a column is in no slice of it."""
        found: dict[SliceKey, Any] = {OVERALL: slice(None)}
        if not self._slices:
            return found
        parsed = tf.io.parse_example(tf.constant(serialized, tf.string), self._features)
        columns = {name: supervised.column_values(parsed[name], len(serialized)) for name in self._features}
        for names in self._slices:
            rows = defaultdict(list)
            for i, values in enumerate(zip(*(columns[n] for n in names), strict=True)):
                if None not in values:
                    rows[tuple(zip(names, values, strict=True))].append(i)
            found |= {key: np.array(numbers) for key, numbers in rows.items()}
        return found


def _take(values: Any, rows: Any) -> Any:
    return {name: _take(v, rows) for name, v in values.items()} if isinstance(values, dict) else values[rows]


def _named(result: SliceResult, key: SliceKey) -> SliceResult:
    return dataclasses.replace(result, slice=slice_name(key), key=dict(key))


def _write_results(
    results: list[tuple[tuple, SliceResult]], directory: str, settings: Settings, model: list[reward_model.RewardModel]
) -> None:
    """Write off_policy.json, all rows first."""
    named = [_named(result, tuple((str(c), str(v)) for c, v in key)) for key, result in results]
    written = OffPolicy(
        actions=settings.actions,
        estimator=settings.estimator,
        interval=settings.interval,
        confidence=settings.confidence,
        settings={"max_weight": settings.max_weight, "n_bootstrap": settings.n_bootstrap, "n_folds": settings.n_folds},
        reward_model=model[0].record if model else SCORES_RECORD,
        slices=tuple(sorted(named, key=lambda r: (len(r.key), r.slice))),
    )
    with tf.io.gfile.GFile(f"{directory}/{OFF_POLICY_FILE}", "w") as file:
        file.write(written.to_json())
