"""The one run_fn that TFX's Trainer gets, by this dotted path: reads examples, builds, fits, records and exports.

Everything it needs is in fn_args and the config inside it. Never reads raw data and never judges the model. Imports
TensorFlow at the top.
"""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, UserCodeError, UserError
from waze_data_tfx.features.inputs import ModelInput, model_inputs
from waze_data_tfx.models.building import build_model, check_outputs, feeder, library_of, origin
from waze_data_tfx.models.compiling import compile_model, is_compiled
from waze_data_tfx.usercode import located, said

from .examples import Arrange, Split, batches, class_weights, n_steps, read_split
from .export import export

HISTORY_FILE = "training.json"
_STEPS_PER_CALL = 64
_STEPS_PER_CALL_AND_EPOCH = 512


def run_fn(fn_args: Any) -> None:
    """Train on fn_args.train_files, validate on eval_files, export to serving_model_dir, write training.json to model_run_dir.

    Raises:
        DataError: a split is empty or holds labels that cannot be learnt from.
        UserCodeError: the model cannot be built or does not fit the task.
        UserError: a setting is wrong, or the loss became NaN.
    """
    config = Config.model_validate_json(fn_args.custom_config["config"])
    started = time.monotonic()
    transformed = tft.TFTransformOutput(fn_args.transform_output)
    inputs = model_inputs(transformed, config)
    spec = transformed.transformed_feature_spec()
    train, evaluation = (
        read_split(name, files, spec, config) for name, files in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
    )
    read_s = time.monotonic() - started
    model, arrange = _model(inputs, train, config)
    history, fit_s = _fit(model, arrange, train, evaluation, config)
    started = time.monotonic()
    export(model, arrange, transformed, config, fn_args.serving_model_dir)
    record = {
        "epochs": history,
        "n_train_rows": train.n_rows,
        "n_eval_rows": evaluation.n_rows,
        "n_parameters": int(model.count_params()),
        "in_memory": train.columns is not None,
        "seconds": {"read": read_s, "fit": fit_s, "export": time.monotonic() - started},
    }
    _write_record(fn_args.model_run_dir, record)


def _model(inputs: dict[str, ModelInput], train: Split, config: Config) -> tuple[Any, Arrange]:
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


def _fit(model: Any, arrange: Arrange, train: Split, evaluation: Split, config: Config) -> tuple[list[dict[str, float]], float]:
    """Fit; return what each epoch measured, and the seconds it all took."""
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
    at_once = steps <= _STEPS_PER_CALL_AND_EPOCH and not is_compiled(model)
    compile_model(model, config, steps * training.epochs, steps_per_execution=steps if at_once else _STEPS_PER_CALL)
    progress = _progress(library_of(model), config)
    started = time.monotonic()
    model.fit(
        learn.repeat() if at_once else learn,
        steps_per_epoch=steps if at_once else None,
        validation_data=check,
        epochs=training.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[progress],
    )
    return progress.epochs, time.monotonic() - started


def _first_rows(train: Split, config: Config, arrange: Arrange) -> Any:
    return next(iter(batches(train, config, arrange, label_rank=1, batch_size=2, seed=None)))[0]


def _progress(library: Any, config: Config) -> Any:
    """Return a callback of the model's own Keras that prints a line per epoch, keeps it, and stops at a loss of NaN."""

    class Progress(library.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[dict[str, float]] = []
            self._started = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._started = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            _check_loss(values, epoch + 1)
            self.epochs.append({**values, "seconds": time.monotonic() - self._started})
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            print(f"epoch {epoch + 1}/{config.training.epochs}  {shown}", flush=True)

    return Progress()


def _check_loss(values: dict[str, float], epoch: int) -> None:
    wrong = [name for name in ("loss", "val_loss") if name in values and not math.isfinite(values[name])]
    if wrong == ["val_loss"]:
        raise DataError(
            f"training: val_loss is {values['val_loss']} after epoch {epoch}; expected a finite number",
            hint="a feature of the eval split is NaN or infinite: impute it (features.impute), or lower the learning rate",
        )
    if wrong:
        raise UserError(
            f"training: the loss is {values['loss']} after epoch {epoch}; expected a finite number",
            hint="lower model.optimizer.learning_rate, raise model.label_scale, or look for NaN in features of your own",
        )


def _write_record(directory: str, record: dict[str, Any]) -> None:
    path = os.path.join(directory, HISTORY_FILE)
    tf.io.gfile.makedirs(str(Path(directory)) if "://" not in directory else directory)
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(record, indent=1))
