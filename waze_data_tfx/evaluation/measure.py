"""Computes TFMA's metrics of one model or two through the very signature that serves, in one Beam pipeline.

Called by the Evaluator, inside a node's process and, for the DoFn, on Beam's workers. Stands in for TFMA's default extractors:
one step reads the label and the slice columns, asks every model once per batch and hands TFMA's computations its extracts, so the
numbers are TFMA's. Imports TensorFlow, Beam and TFMA at the top: never import it from a light command.

TFMA's own graph (0.52) and its file writers take some eighteen Beam stages, most of a small evaluation's time; here its
computations run in three. They are private to TFMA; tests/components/test_evaluator.py holds the numbers and files against
TFX's Evaluator.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as tfma_evaluator
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import config_util
from tensorflow_model_analysis.version import VERSION
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from waze_data_tfx.config.names import RAW
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import records
from waze_data_tfx.errors import RunFailed, unknown_name

from . import results, sampling
from .spec import BASELINE, CANDIDATE, SIGNATURE, eval_config, output_name, slice_columns
from .verdict import N_NOT_FINITE, OVERALL, SliceKey

BATCH_SIZE = 1024
BASELINE_FAILED = "baseline failed: "
_ROWS = "rows"
DTYPES = {"float": tf.float32, "int": tf.int64, "string": tf.string}


class SignatureUnfit(RunFailed):
    """A model's signature cannot be called with these rows."""


class BaselineFailed(RunFailed):
    """The baseline, not the candidate, failed on some row of the split."""


@dataclass(frozen=True)
class Models:
    """Paths of the SavedModels to compare; `baseline` is None where there is none."""

    candidate: str
    baseline: str | None = None

    def by_name(self) -> dict[str, str]:
        """Return path by the model name that TFMA uses; "" for a single model."""
        return {CANDIDATE: self.candidate, BASELINE: self.baseline} if self.baseline else {"": self.candidate}


def predict(model_path: str, serialized: Sequence[bytes], output: str) -> np.ndarray:
    """Return one output of `serving_default` for serialized tf.Examples: [n] or [n, n_classes].

    Raises:
        SignatureUnfit: the model has no such signature or output, or it fails on these rows.
    """
    return ask(model_path, serialized, [output])[output]


def ask(
    model_path: str, serialized: Sequence[bytes], outputs: Sequence[str], signature: str = SIGNATURE
) -> dict[str, np.ndarray]:
    """Return outputs of a signature for serialized tf.Examples, each [n, ...].

    Raises:
        SignatureUnfit: the model has no such signature or output, or it fails on these rows.
    """
    try:
        received = _load(model_path, signature)(tf.constant(list(serialized), tf.string))
    except (tf.errors.OpError, TypeError, ValueError, OSError) as error:
        raise SignatureUnfit(f"{model_path}: {signature} failed on {len(serialized)} evaluation rows: {_cause(error)}") from error
    values = {}
    for output in outputs:
        if output not in received:
            raise SignatureUnfit(f"{model_path}: {signature}: {unknown_name('output', output, received)}")
        values[output] = np.asarray(received[output].numpy())
        if (shape := values[output].shape)[:1] != (len(serialized),):
            raise SignatureUnfit(f"{model_path}: {signature}: {output}: expected {len(serialized)} rows; received shape {shape}")
    return values


def signatures(model_path: str) -> list[str]:
    """Return the names of the model's signatures."""
    return sorted(_saved_model(model_path).signatures)


def arguments(model_path: str) -> list[str]:
    """Return the inputs of the signature `raw`, one per column that the model reads; none if it has no such signature."""
    signatures = _saved_model(model_path).signatures
    return sorted(signatures[RAW].structured_input_signature[1]) if RAW in signatures else []


def measure(
    config: Config,
    models: Models,
    file_patterns: Sequence[str],
    directory: str,
    make_pipeline: Callable[[], beam.Pipeline],
) -> dict[str, dict[SliceKey, dict[str, float]]]:
    """Evaluate the models, write TFMA's metrics and eval_config.json into `directory` and return the metrics by model name.

    `n_not_finite` of all rows counts rows whose prediction is NaN or infinite: TFMA's regression metrics leave NaN rows out.

    Args:
        config: the resolved config.
        models: one SavedModel or two.
        file_patterns: gzipped TFRecords of tf.Examples.
        directory: TFMA's output path.
        make_pipeline: returns an empty Beam pipeline.

    Raises:
        BaselineFailed: the baseline's signature fails on some row.
    """
    has_baseline = models.baseline is not None
    tfma_config = config_util.update_eval_config_with_defaults(
        eval_config(config, has_baseline=has_baseline), has_baseline=has_baseline
    )
    config_util.verify_eval_config(tfma_config)
    pipeline = make_pipeline()
    _build(pipeline, config, models, tfma_config, file_patterns, directory)
    write_config(tfma_config, models, directory)
    result = run(pipeline)
    metrics = {name: results.load(directory, model_name=name) for name in models.by_name()}
    for name, found in metrics.items():
        counters = result.metrics().query(beam.metrics.MetricsFilter().with_name(_not_finite(name)))["counters"]
        found.setdefault(OVERALL, {})[N_NOT_FINITE] = float(sum(c.result for c in counters))
    return metrics


def run(pipeline: beam.Pipeline) -> Any:
    """Run a pipeline that asks models and return Beam's result.

    Raises:
        BaselineFailed: the baseline, not the candidate, failed on some row.
    """
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except (SignatureUnfit, RuntimeError) as error:  # in this process the DoFn's own, from a remote worker its text
        if BASELINE_FAILED in str(error):
            line = str(error).partition(BASELINE_FAILED)[2].strip().splitlines()[0]
            raise BaselineFailed(line) from error
        raise
    return result


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
    baseline = BASELINE if models.baseline else None
    extracted = (
        pipeline
        | "Files" >> beam.Create(sorted(file_patterns), reshuffle=False)
        | "Read" >> beam.FlatMap(read_batches)
        | "Extract" >> beam.ParDo(_ExtractFn(config.model_dump_json(by_alias=True), models)).with_outputs(_ROWS, main="extracts")
    )
    _ = (
        extracted[_ROWS]
        | "Sample" >> beam.CombineGlobally(sampling.SmallestFn()).without_defaults()
        | "WriteSample" >> beam.Map(sampling.write, directory, CANDIDATE)
    )
    _ = (
        extracted["extracts"]
        | "Preprocess" >> beam.ParDo(tfma_evaluator._PreprocessorDoFn(computations.non_derived_computations))
        | "Slice" >> beam.FlatMap(by_slice)
        | "Combine" >> beam.CombinePerKey(tfma_evaluator._ComputationsCombineFn(computations.non_derived_computations))
        | "Derive" >> tfma_evaluator._AddDerivedCrossSliceAndDiffMetrics(computations.derived_computations, [], [], baseline)
        | "Public" >> beam.MapTuple(tfma_evaluator._remove_private_metrics)
        | "All" >> beam.combiners.ToList()
        | "Write" >> beam.Map(write_slices, directory)
    )


def write_config(tfma_config: config_pb2.EvalConfig, models: Models, directory: str) -> None:
    """Write eval_config.json as TFMA does: its loaders want it beside the metrics."""
    run = config_pb2.EvalRun(eval_config=tfma_config, version=VERSION, model_locations=models.by_name())
    with tf.io.gfile.GFile(os.path.join(directory, "eval_config.json"), "w") as file:
        file.write(json_format.MessageToJson(run))


def by_slice(extracts: dict[str, Any]) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Yield the row once for each of its slices."""
    inputs = {k: v for k, v in extracts.items() if k != constants.SLICE_KEY_TYPES_KEY}
    return ((key, inputs) for key in extracts[constants.SLICE_KEY_TYPES_KEY])


def write_slices(sliced: list[Any], directory: str) -> None:
    """Write the metrics of every slice as TFMA does, into the one file that its loaders expect."""
    path = os.path.join(directory, f"{constants.METRICS_KEY}-00000-of-00001.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for metrics in sliced:
            writer.write(metrics_plots_and_validations_writer.convert_slice_metrics_to_proto(metrics, None).SerializeToString())


def _cause(error: Exception) -> str:
    """Return the one line of TensorFlow's message that says what is wrong; the node's position `[[...]]` comes after it."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("[[")), type(error).__name__)


def _not_finite(model_name: str) -> str:
    return f"{N_NOT_FINITE}_{model_name or CANDIDATE}"


def read_batches(pattern: str) -> Iterator[list[bytes]]:
    """Yield the records of the files in batches of BATCH_SIZE."""
    found = itertools.chain.from_iterable(_records(file) for file in sorted(tf.io.gfile.glob(pattern)))
    while batch := list(itertools.islice(found, BATCH_SIZE)):
        yield batch


def _records(file: str) -> Iterator[bytes]:
    with tf.io.gfile.GFile(file, "rb") as opened:
        yield from records.records(opened, file)


@functools.lru_cache(maxsize=4)
def _saved_model(model_path: str) -> Any:
    """Return the model, loaded once per process."""
    return tf.saved_model.load(model_path)


def _load(model_path: str, name: str) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return a signature of the model as a function of the one tensor of serialized examples."""
    model = _saved_model(model_path)
    if name not in model.signatures:
        raise SignatureUnfit(f"{model_path}: {unknown_name('signature', name, model.signatures)}")
    signature = model.signatures[name]
    names = list(signature.structured_input_signature[1])
    if len(names) != 1:
        raise SignatureUnfit(f"{model_path}: {name}: expected one input of serialized examples; received {', '.join(names)}")

    def call(serialized: tf.Tensor, _model: Any = model) -> dict[str, tf.Tensor]:
        return signature(**{names[0]: serialized})

    return call


class _ExtractFn(beam.DoFn):
    """From a batch of serialized examples to TFMA's extracts, one per row, and aside to the rows that a sample is drawn from."""

    def __init__(self, config_json: str, models: Models) -> None:
        self._config_json = config_json
        self._models = models
        self._not_finite = {name: beam.metrics.Metrics.counter("waze_data_tfx", _not_finite(name)) for name in models.by_name()}

    def setup(self) -> None:
        self._config = Config.model_validate_json(self._config_json)
        self._types = self._config.column_types()
        self._slices = slice_columns(self._config)
        self._output = output_name(self._config.task)
        weight = [self._config.weight] if self._config.weight else []
        columns = {self._config.label, *weight, *(c for s in self._slices for c in s)}
        self._features = {c: tf.io.VarLenFeature(DTYPES[self._types[c]]) for c in columns}

    def process(self, serialized: list[bytes]) -> Iterator[Any]:
        parsed = tf.io.parse_example(tf.constant(serialized, tf.string), self._features)
        n_rows, config = len(serialized), self._config
        several = config.task == "multilabel_classification"
        columns = {name: column_values(parsed[name], n_rows) for name in self._features if not (several and name == config.label)}
        labels = _vectors(parsed[config.label], n_rows) if several else columns[config.label]
        weights = columns[config.weight] if config.weight else None
        keys = self._slice_keys(columns, n_rows)
        predictions = {name: self._predict(name, path, serialized) for name, path in self._models.by_name().items()}
        for i in range(n_rows):
            label = np.array([] if labels[i] is None else labels[i]).reshape(-1)
            weight = None if weights is None else np.array([weights[i]], float)
            yield {
                constants.LABELS_KEY: self._per_model(dict.fromkeys(predictions, label)),
                constants.PREDICTIONS_KEY: self._per_model({name: {self._output: v[i]} for name, v in predictions.items()}),
                constants.EXAMPLE_WEIGHTS_KEY: weights and self._per_model(dict.fromkeys(predictions, weight)),
                constants.SLICE_KEY_TYPES_KEY: keys[i],
            }
        yield beam.pvalue.TaggedOutput(_ROWS, sampling.rows_of(serialized, labels, predictions, keys, weights=weights))

    def _predict(self, name: str, path: str, serialized: list[bytes]) -> np.ndarray:
        try:
            values = predict(path, serialized, self._output).reshape(len(serialized), -1)
        except SignatureUnfit as error:
            raise SignatureUnfit(f"{BASELINE_FAILED if name == BASELINE else ''}{error.message}") from error
        self._not_finite[name].inc(int((~np.isfinite(values)).any(axis=1).sum()))
        return values

    def _per_model(self, values: dict[str, Any]) -> Any:
        return values if self._models.baseline else values[""]

    def _slice_keys(self, columns: dict[str, list[Any]], n_rows: int) -> list[list[tuple]]:
        """Return the slices of each row; a row that lacks a column is in no slice of it. A class is called by its name."""
        if self._config.classes and self._config.label in columns:
            classes = dict(enumerate(self._config.classes))
            columns = columns | {self._config.label: [classes.get(v, v) for v in columns[self._config.label]]}
        keys: list[list[tuple]] = [[()] for _ in range(n_rows)]
        for names in self._slices:
            for i, values in enumerate(zip(*(columns[n] for n in names), strict=True)):
                if None not in values:
                    keys[i].append(tuple(zip(names, values, strict=True)))
        return keys


def column_values(sparse: tf.SparseTensor, n_rows: int) -> list[Any]:
    """Return one plain value per row, None where it is missing."""
    values: list[Any] = [None] * n_rows
    for row, value in zip(sparse.indices.numpy()[:, 0].tolist(), sparse.values.numpy().tolist(), strict=True):
        values[row] = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    return values


def _vectors(sparse: tf.SparseTensor, n_rows: int) -> list[list[int] | None]:
    """Return the values of each row, None where it has none."""
    rows = np.split(sparse.values.numpy(), np.searchsorted(sparse.indices.numpy()[:, 0], np.arange(1, n_rows)))
    return [row.tolist() or None for row in rows]


def first_examples(file_patterns: Iterable[str], count: int) -> list[bytes]:
    """Return the first serialized examples of the files, in the order of their names."""
    files = sorted(f for pattern in file_patterns for f in tf.io.gfile.glob(pattern))
    return list(itertools.islice(itertools.chain.from_iterable(map(_records, files)), count))
