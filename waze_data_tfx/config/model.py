"""The `model` section: a ready-made model's settings.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from .section import Fraction, Section


class Optimizer(Section):
    """How weights are updated."""

    name: Annotated[Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"], Field(description="Keras optimizer.")] = "adam"
    learning_rate: Annotated[float, Field(gt=0, description="Initial learning rate.")] = 0.001
    schedule: Annotated[Literal["constant", "cosine"], Field(description="cosine: decays to zero over all steps.")] = "constant"
    warmup: Annotated[
        float, Field(ge=0, lt=1, description="Share of the steps over which the rate first rises from 0; cosine only.")
    ] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay; adamw only.")] = 0.0
    ema: Annotated[Fraction | None, Field(description="Momentum of an exponential moving average of the weights.")] = None


class Model(Section):
    """The ready-made model's settings; the same section is handed to a build_model of your own."""

    type: Annotated[
        Literal["dnn_regressor", "dnn_classifier"] | None, Field(description="Ready-made model; default: by the task.")
    ] = None
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(description="Units per hidden layer.")] = (64, 32)
    activation: Annotated[str, Field(description="Activation of the hidden layers.")] = "relu"
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of units dropped in training.")] = 0.0
    embedding_dim: Annotated[
        PositiveInt | None, Field(description="Dimensions per embedded id; default: min(32, round(1.6 * n^0.56)).")
    ] = None
    loss: Annotated[str | None, Field(description="Keras loss; default: by the task.")] = None
    label_scale: Annotated[float, Field(gt=0, description="The label is divided by this in training; predictions are not.")] = 1.0
    optimizer: Annotated[Optimizer, Field(description="How weights are updated.")] = Optimizer()
    metrics: Annotated[tuple[str, ...], Field(description="Keras metrics shown while training.")] = ()
    params: Annotated[dict[str, Any], Field(description="Anything else that your build_model reads.")] = {}
