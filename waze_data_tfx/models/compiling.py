"""Optimizer, schedule, loss and metrics of the config, given to a model that its builder left uncompiled.

Called by training. For both generations of Keras, each with optimizers of its own. Imports neither at the top.
"""

from typing import Any

from waze_data_tfx.config.model import Optimizer
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError

from .building import library_of
from .heads import loss_of
from .names import check_loss, check_metric

_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad"}


def compile_model(model: Any, config: Config, n_steps: int, *, steps_per_execution: int = 1) -> Any:
    """Compile the model unless its builder did; return it.

    Args:
        model: keras.Model or tf_keras.Model.
        config: `model` and `task` are read.
        n_steps: steps of the whole training, over which the schedule decays.
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

    Raises:
        UserError: weight_decay with an optimizer other than adamw.
    """
    settings = config.model.optimizer
    options: dict[str, Any] = {"learning_rate": settings.learning_rate}
    if settings.schedule == "cosine":
        options["learning_rate"] = _cosine(settings, max(1, n_steps), library)
    if settings.name == "adamw":
        options["weight_decay"] = settings.weight_decay
    elif settings.weight_decay:
        raise UserError(
            f"model.optimizer.weight_decay: only adamw uses it; received optimizer '{settings.name}'",
            hint="set model.optimizer.name: adamw, or weight_decay: 0",
        )
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
