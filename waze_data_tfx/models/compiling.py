"""Optimizer, schedule, loss and metrics of the config, given to a model that its builder left uncompiled.

Called by training. For both generations of Keras, each with optimizers of its own. Imports neither at the top.
"""

from typing import Any

from waze_data_tfx.config.model import Optimizer
from waze_data_tfx.config.schema import Config

from .building import library_of
from .heads import loss_of
from .names import check_loss, check_metric

DECAY_RATE = 0.95
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad"}


def compile_model(model: Any, config: Config, n_steps: int, *, steps_per_execution: int = 1) -> Any:
    """Compile the model unless its builder did; return it.

    Args:
        model: keras.Model or tf_keras.Model.
        config: `model` and `task` are read.
        n_steps: steps of all configured epochs, over which the schedule decays; early stopping ends it on the way.
        steps_per_execution: steps that one call of the training function runs.

    Raises:
        UserError: a loss or metric that Keras does not know, or settings that do not fit each other.
    """
    if is_compiled(model):
        return model
    library = library_of(model)
    loss = loss_of(config)
    if isinstance(loss, str):
        check_loss(loss, library)
    for metric in config.model.metrics:
        check_metric(metric, library)
    model.compile(
        optimizer=build_optimizer(config, n_steps, library),
        loss=loss,
        metrics=list(config.model.metrics),
        steps_per_execution=steps_per_execution,
        jit_compile=False,
    )
    return model


def is_compiled(model: Any) -> bool:
    """Whether the builder has called compile()."""
    return getattr(model, "optimizer", None) is not None


def build_optimizer(config: Config, n_steps: int, library: Any) -> Any:
    """Return the optimizer of the Keras generation `library`.

    A plateau's rate is a constant here; the callback of `training` lowers it.
    """
    settings = config.model.optimizer
    options: dict[str, Any] = {"learning_rate": settings.learning_rate}
    if settings.schedule == "cosine":
        options["learning_rate"] = _cosine(settings, max(1, n_steps), library)
    elif settings.schedule == "exponential":
        options["learning_rate"] = library.optimizers.schedules.ExponentialDecay(
            settings.learning_rate, max(1.0, n_steps / config.training.epochs), settings.decay_rate or DECAY_RATE
        )
    if settings.name == "adamw":
        options["weight_decay"] = settings.weight_decay
    if settings.ema is not None:
        options |= {"use_ema": True, "ema_momentum": settings.ema}
    return getattr(library.optimizers, _OPTIMIZERS[settings.name])(**options)


def _cosine(settings: Optimizer, n_steps: int, library: Any) -> Any:
    """Return a schedule that rises linearly over the warm-up's share of the steps, then falls to zero on a cosine."""
    decay = library.optimizers.schedules.CosineDecay
    n_warmup = round(settings.warmup * n_steps)
    if not n_warmup:
        return decay(settings.learning_rate, n_steps)
    return decay(0.0, max(1, n_steps - n_warmup), warmup_target=settings.learning_rate, warmup_steps=n_warmup)
