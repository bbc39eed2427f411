"""What watches a training epoch by epoch: progress, early stopping, the rate on a plateau, a loss that is no number.

Called by `run`, for both generations of Keras; each callback is of the model's own. Imports neither at the top.
"""

import math
import time
from typing import Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.tuner import better
from waze_data_tfx.errors import DataError, UserError, WazeTfxError, unknown_name

PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.5, 3


class NotFinite(Exception):
    """A loss became NaN or infinite."""

    def __init__(self, values: dict[str, float], epoch: int) -> None:
        """Hold what epoch `epoch`, counted from 1, measured."""
        names = [name for name in ("loss", "val_loss") if not math.isfinite(values.get(name, 0.0))]
        super().__init__(f"the {'loss' if 'loss' in names else 'val_loss'} is {values[names[0]]} after epoch {epoch}")
        self._only_validation = names == ["val_loss"]

    def explained(self) -> WazeTfxError:
        """Return the error with a remedy."""
        message = f"training: {str(self).removeprefix('the ' if self._only_validation else '')}; expected a finite number"
        if self._only_validation:
            return DataError(
                message,
                hint="a feature of the eval split is NaN or infinite: impute it (features.impute), or lower the learning rate",
            )
        return UserError(
            message,
            hint="lower model.optimizer.learning_rate, raise model.label_scale, or look for NaN in features of your own",
        )


def progress(library: Any, config: Config, epochs: list[dict[str, float]]) -> Any:
    """Return a callback that prints a line per epoch and adds what it measured, and its seconds, to `epochs`.

    It raises NotFinite at a loss of NaN, and UserError where early stopping waits for a measure that there is not.
    """

    class Progress(library.callbacks.Callback):
        _started = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._started = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            if not all(math.isfinite(values.get(name, 0.0)) for name in ("loss", "val_loss")):
                raise NotFinite(values, epoch + 1)
            stopping = config.training.early_stopping
            if stopping and stopping.monitor not in values:
                raise UserError(f"training.early_stopping.monitor: {unknown_measure(stopping.monitor, values)}")
            epochs.append({**values, "seconds": time.monotonic() - self._started})
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            print(f"epoch {epoch + 1}/{config.training.epochs}  {shown}", flush=True)

    return Progress()


def unknown_measure(name: str, values: dict[str, float]) -> str:
    """Return the message for a measure that no epoch has."""
    return f"{unknown_name('measure', name, [n for n in values if n != 'seconds'])}; add metrics under model.metrics"


def early_stopping(library: Any, config: Config) -> Any:
    """Return Keras' EarlyStopping with the config's settings, or None.

    By itself tf_keras (2.21) takes a lower precision or recall for a better one.
    """
    settings = config.training.early_stopping
    if settings is None:
        return None
    return library.callbacks.EarlyStopping(
        monitor=settings.monitor,
        mode=better(settings.monitor) or "auto",
        patience=settings.patience,
        min_delta=settings.min_delta,
        restore_best_weights=settings.restore_best,
    )


def plateau(library: Any, config: Config) -> Any:
    """Return Keras' ReduceLROnPlateau with the config's settings, or None."""
    settings = config.model.optimizer
    if settings.schedule != "plateau":
        return None
    return library.callbacks.ReduceLROnPlateau(
        monitor="val_loss",
        factor=settings.factor or PLATEAU_FACTOR,
        patience=settings.patience or PLATEAU_PATIENCE,
        min_delta=0.0,
    )


def kept_epoch(stopping: Any, epochs: list[dict[str, float]]) -> int:
    """Return the epoch, counted from 1, whose weights a finished training left in the model."""
    return stopping.best_epoch + 1 if stopping is not None and stopping.restore_best_weights else len(epochs)
