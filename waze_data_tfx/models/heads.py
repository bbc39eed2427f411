"""What a model ends with: from logits to the task's output, and the loss that belongs to it.

Called by every architecture, by `compiling` and by export. The same for every architecture. Imports Keras inside its
functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waze_data_tfx.config.model import Model
from waze_data_tfx.config.schema import Config

MAX_LOG_RATE = 20.0
"""The Poisson rate is exp(z) with z between -20 and 20, so 2e-9 to 4.9e8 in units of label_scale: never infinite, never 0."""
_LOSSES = {
    "binary_classification": "binary_crossentropy",
    "multiclass_classification": "sparse_categorical_crossentropy",
    "multilabel_classification": "binary_crossentropy",
}


@dataclass(frozen=True)
class Head:
    """The end of a model.

    Attributes:
        n_logits: numbers per row that it takes.
        finish: from logits [n, n_logits] to the output [n, n_logits].
    """

    n_logits: int
    finish: Callable[[Any], Any]

    def __call__(self, x: Any, *, kernel_regularizer: Any = None) -> Any:
        """Return the output of a last hidden layer [n, width]: a dense layer, finished."""
        import keras

        return self.finish(keras.layers.Dense(self.n_logits, kernel_regularizer=kernel_regularizer, name="head")(x))


def regression_head(settings: Model) -> Head:
    """Return the head of a regression: [n, 1] of the mean or the rate, or [n, n_quantiles], all in units of label_scale."""
    if settings.head == "quantile":
        return Head(len(settings.quantiles), ascending)
    return Head(1, poisson_rate if settings.head == "poisson" else lambda z: z)


def class_head(n_classes: int) -> Head:
    """Return the head of classes of which each row has one: of two, p(class 1) [n, 1]; of more, all, [n, n_classes]."""
    return Head(1, _activation("sigmoid")) if n_classes == 2 else Head(n_classes, _activation("softmax"))


def labels_head(n_labels: int) -> Head:
    """Return the head of labels of which a row may have any number: the probability of each, [n, n_labels]."""
    return Head(n_labels, _activation("sigmoid"))


def n_outputs(config: Config) -> int:
    """Return how many numbers per row a model of the task and head gives."""
    if config.task in ("multiclass_classification", "multilabel_classification"):
        assert config.n_classes is not None
        return config.n_classes
    return len(config.model.quantiles) if has_quantiles(config) else 1


def has_quantiles(config: Config) -> bool:
    """Whether the model gives quantiles."""
    return config.task == "regression" and config.model.head == "quantile"


def loss_of(config: Config) -> str | Callable[[Any, Any], Any]:
    """Return the loss: the config's, or that of its task and head."""
    if has_quantiles(config):
        return pinball_loss(config.model.quantiles)
    regression = "poisson" if config.model.head == "poisson" else "mae"
    return config.model.loss or _LOSSES.get(config.task, regression)


def pinball_loss(quantiles: tuple[float, ...]) -> Callable[[Any, Any], Any]:
    """Return the mean over the quantiles q of max(q e, (q - 1) e), e = label - prediction (Koenker and Bassett, 1978).

    Its function takes labels [n, 1] and predictions [n, n_quantiles], and returns [n]; for either generation of Keras.
    """
    import tensorflow as tf

    def pinball(y_true: Any, y_pred: Any) -> Any:
        q = tf.constant([quantiles], y_pred.dtype)
        error = tf.reshape(tf.cast(y_true, y_pred.dtype), [-1, 1]) - y_pred
        return tf.reduce_mean(tf.maximum(q * error, (q - 1) * error), axis=1)

    return pinball


def poisson_rate(z: Any) -> Any:
    """Return exp(z), z clipped to +-MAX_LOG_RATE."""
    import keras

    return keras.ops.exp(keras.ops.clip(z, -MAX_LOG_RATE, MAX_LOG_RATE))


def ascending(z: Any) -> Any:
    """Return quantiles that cannot cross: the first is z[0], each next one softplus(z[i]) more; [n, n_quantiles]."""
    import keras

    steps = keras.layers.Concatenate()([z[:, :1], keras.ops.softplus(z[:, 1:])])
    return keras.ops.cumsum(steps, axis=1)


def _activation(name: str) -> Callable[[Any], Any]:
    def finish(z: Any) -> Any:
        import keras

        return keras.layers.Activation(name)(z)

    return finish
