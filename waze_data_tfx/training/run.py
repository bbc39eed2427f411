"""The one run_fn that TFX's Trainer gets, by this dotted path: reads examples, builds, fits, records and exports.

Everything it needs is in fn_args and the config inside it. Never reads raw data and never judges the model. Imports
TensorFlow at the top.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.tuner import applied, decoded
from waze_data_tfx.errors import UserCodeError
from waze_data_tfx.features.inputs import ModelInput, model_inputs
from waze_data_tfx.models.building import build_model, check_outputs, feeder, library_of, origin
from waze_data_tfx.models.compiling import compile_model, is_compiled
from waze_data_tfx.usercode import located, said

from . import callbacks
from . import checkpoints as saving
from .callbacks import NotFinite
from .examples import Arrange, Split, batches, class_weights, n_steps, read_split
from .export import export

HISTORY_FILE = "training.json"
_STEPS_PER_CALL = 64
_STEPS_PER_CALL_AND_EPOCH = 512


@dataclass(frozen=True)
class Fitted:
    """How a training went.

    Attributes:
        epochs: what each epoch measured, and its seconds.
        kept_epoch: the epoch, counted from 1, whose weights the model has.
        resumed_after: epochs that an interrupted training had done before.
        seconds: of the fit.
    """

    epochs: list[dict[str, float]]
    kept_epoch: int
    resumed_after: int
    seconds: float


def run_fn(fn_args: Any) -> None:
    """Train on fn_args.train_files, validate on eval_files, export to serving_model_dir, write training.json to model_run_dir.

    Raises:
        DataError: a split is empty or holds labels that cannot be learnt from.
        UserCodeError: the model cannot be built or does not fit the task.
        UserError: a setting is wrong, or the loss became NaN.
    """
    config, values = _tuned(fn_args)
    started = time.monotonic()
    transformed, inputs, train, evaluation = read(fn_args, config)
    read_s = time.monotonic() - started
    checkpoints = saving.folder_of(config, fn_args.transform_output, fn_args.train_files, fn_args.eval_files)
    model, arrange = make_model(inputs, train, config)
    try:
        fitted = fit(model, arrange, train, evaluation, config, checkpoints=checkpoints)
    except NotFinite as error:
        raise error.explained() from error
    started = time.monotonic()
    export(model, arrange, transformed, config, fn_args.serving_model_dir)
    record = {
        "epochs": fitted.epochs,
        "kept_epoch": fitted.kept_epoch,
        "resumed_after": fitted.resumed_after,
        "hyperparameters": values,
        "n_train_rows": train.n_rows,
        "n_eval_rows": evaluation.n_rows,
        "n_parameters": int(model.count_params()),
        "in_memory": train.columns is not None,
        "seconds": {"read": read_s, "fit": fitted.seconds, "export": time.monotonic() - started},
    }
    _write_record(fn_args.model_run_dir, record)
    if checkpoints is not None:
        shutil.rmtree(checkpoints, ignore_errors=True)


def read(fn_args: Any, config: Config) -> tuple[Any, dict[str, ModelInput], Split, Split]:
    """Return the transform's output, the model's inputs, and the splits to learn from and to validate on.

    Raises:
        DataError: a split is empty or holds labels that cannot be learnt from.
    """
    transformed = tft.TFTransformOutput(fn_args.transform_output or fn_args.transform_graph_path)
    spec = transformed.transformed_feature_spec()
    train, evaluation = (
        read_split(name, files, spec, config) for name, files in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
    )
    return transformed, model_inputs(transformed, config), train, evaluation


def _tuned(fn_args: Any) -> tuple[Config, dict[str, Any] | None]:
    """Return the config, with the tuner's best values in their places if there was one, and those values."""
    config = Config.model_validate_json(fn_args.custom_config["config"])
    if config.tuner is None or not fn_args.hyperparameters:
        return config, None
    values = decoded(config.tuner, fn_args.hyperparameters["values"])
    return applied(config, values), values


def make_model(inputs: dict[str, ModelInput], train: Split, config: Config) -> tuple[Any, Arrange]:
    """Return the config's model with seeded weights, checked on the first rows, and how it is fed.

    Raises:
        UserCodeError: it cannot be built or does not fit the task.
        UserError: a setting is wrong.
    """
    import keras

    keras.utils.set_random_seed(config.training.seed)
    model = build_model(inputs, config)
    arrange = feeder(model, list(inputs), config)
    output = _called(model, _first_rows(train, config, arrange), config)
    check_outputs(tuple(output.shape), config)
    return model, arrange


def _called(model: Any, inputs: Any, config: Config) -> Any:
    try:
        output = model(inputs, training=False)
    except Exception as exc:
        path = config.code.model
        where = located(exc, path) if path else "model"
        raise UserCodeError(f"{where}: the model, called on the first rows, raised {said(exc)}") from exc
    if not hasattr(output, "shape"):
        raise UserCodeError(
            f"{origin(config)}: the model's output: received {type(output).__name__}; expected one tensor",
            hint="let the model return one prediction per row",
        )
    return output


def fit(
    model: Any, arrange: Arrange, train: Split, evaluation: Split, config: Config, *, checkpoints: Path | None = None
) -> Fitted:
    """Fit the model; with a folder for checkpoints, go on from the one that is there.

    Raises:
        NotFinite: a loss became NaN or infinite.
        UserError: a setting is wrong.
    """
    training = config.training
    rank = 1 if config.task == "multiclass_classification" else len(model(_first_rows(train, config, arrange)).shape)
    by_class = class_weights(train, config)
    learn = batches(
        train, config, arrange, label_rank=rank, batch_size=training.batch_size, seed=training.seed, by_class=by_class
    )
    check = batches(
        evaluation, config, arrange, label_rank=rank, batch_size=training.eval_batch_size, seed=None, by_class=by_class
    )
    steps = n_steps(train, training.batch_size)
    # One call of the training function per epoch, and one iterator for all epochs: for small data both cost more than
    # the arithmetic. Keras overshoots an endless data set unless its steps are a multiple of steps_per_execution.
    own_rate = is_compiled(model)  # the builder chose optimizer and rate
    at_once = steps <= _STEPS_PER_CALL_AND_EPOCH and not own_rate
    compile_model(model, config, steps * training.epochs, steps_per_execution=steps if at_once else _STEPS_PER_CALL)
    watching = _watching(model, config, checkpoints, own_rate=own_rate)
    for _ in range(watching.n_done):
        iter(learn)  # an epoch's order follows from how many iterators were made before
    started = time.monotonic()
    model.fit(
        learn.repeat() if at_once else learn,
        steps_per_epoch=steps if at_once else None,
        validation_data=check,
        initial_epoch=watching.n_done,
        epochs=watching.n_done if watching.ended else training.epochs,
        shuffle=False,
        verbose=0,
        callbacks=watching.callbacks,
    )
    kept = callbacks.kept_epoch(watching.stopping, watching.epochs)
    return Fitted(watching.epochs, kept, watching.n_done, time.monotonic() - started)


@dataclass(frozen=True)
class _Watching:
    """What watches a fit, and how far an interrupted one had come."""

    epochs: list[dict[str, float]]
    stopping: Any
    callbacks: list[Any]
    n_done: int = 0
    ended: bool = False


def _watching(model: Any, config: Config, checkpoints: Path | None, *, own_rate: bool) -> _Watching:
    """Return the callbacks; the model, compiled, gets the state of the checkpoint if there is one."""
    library, epochs = library_of(model), list[dict[str, float]]()
    stopping = callbacks.early_stopping(library, config)
    watchers = [w for w in (stopping, None if own_rate else callbacks.plateau(library, config)) if w is not None]
    made = [callbacks.progress(library, config, epochs), *watchers]
    if checkpoints is None:
        return _Watching(epochs, stopping, made)
    saver = saving.saver(library, config, checkpoints, epochs, watchers)
    return _Watching(epochs, stopping, [*made, saver], *saver.restore(model))


def _first_rows(train: Split, config: Config, arrange: Arrange) -> Any:
    return next(iter(batches(train, config, arrange, label_rank=1, batch_size=2, seed=None)))[0]


def _write_record(directory: str, record: dict[str, Any]) -> None:
    path = os.path.join(directory, HISTORY_FILE)
    tf.io.gfile.makedirs(str(Path(directory)) if "://" not in directory else directory)
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(record, indent=1))
