"""The `model` section: a ready-made model's settings, and which of them each kind of model reads.

One part of the config, put together by `schema`; the keyword settings of `waze_data_tfx.models` are these fields too.
`model_problems` says which do not fit each other. Imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from .section import Column, Fraction, Section

ModelType = Literal["linear", "dnn", "wide_deep", "deep_cross", "two_tower", "rnn", "cnn"]
Outputs = Annotated[tuple[Column, ...], Field(min_length=1)]
"""Names of outputs of the transform."""
_HIDDEN = ("hidden_units", "activation", "dropout", "batch_norm", "l2", "embedding_dim")
_SEQUENCE = ("sequence_columns", "deep_columns", *_HIDDEN)
READS: dict[str, tuple[str, ...]] = {
    "linear": ("wide_columns", "l2"),
    "dnn": ("deep_columns", *_HIDDEN),
    "wide_deep": ("wide_columns", "deep_columns", *_HIDDEN),
    "deep_cross": ("deep_columns", "n_cross_layers", "cross_rank", *_HIDDEN),
    "two_tower": ("towers", "tower_dim", *_HIDDEN),
    "rnn": (*_SEQUENCE, "cell", "rnn_units", "bidirectional"),
    "cnn": (*_SEQUENCE, "filters", "kernel_size"),
}
"""The settings that depend on the type, by type; all others are read by every one."""


class Optimizer(Section):
    """How weights are updated."""

    name: Annotated[Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"], Field(description="Keras optimizer.")] = "adam"
    learning_rate: Annotated[float, Field(gt=0, description="Initial learning rate.")] = 0.001
    schedule: Annotated[
        Literal["constant", "cosine", "exponential", "plateau"],
        Field(description="cosine: to zero over all epochs; exponential: by decay_rate per epoch; plateau: by factor."),
    ] = "constant"
    warmup: Annotated[
        float, Field(ge=0, lt=1, description="Share of the steps over which the rate first rises from 0; cosine only.")
    ] = 0.0
    decay_rate: Annotated[
        float | None, Field(gt=0, lt=1, description="Multiplies the rate once per epoch; exponential only; default: 0.95.")
    ] = None
    factor: Annotated[
        float | None,
        Field(gt=0, lt=1, description="Multiplies the rate when val_loss no longer improves; plateau only; default: 0.5."),
    ] = None
    patience: Annotated[
        PositiveInt | None, Field(description="Epochs without improvement of val_loss; plateau only; default: 3.")
    ] = None
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay; adamw only.")] = 0.0
    ema: Annotated[Fraction | None, Field(description="Momentum of an exponential moving average of the weights.")] = None


class Towers(Section):
    """Which outputs each tower sees; the towers meet only in the dot product."""

    query: Annotated[Outputs, Field(description="Outputs of the side that asks: a rider, a user.")]
    candidate: Annotated[Outputs, Field(description="Outputs of the side that is looked for: a driver, an item.")]


class Model(Section):
    """The ready-made model's settings; the same section is handed to a build_model of your own."""

    type: Annotated[ModelType, Field(description="Ready-made model; unused with code.model.")] = "dnn"
    head: Annotated[
        Literal["mean", "poisson", "quantile"],
        Field(description="What a regression predicts: one number; the rate of a count, exp(z); or quantiles."),
    ] = "mean"
    quantiles: Annotated[
        tuple[float, ...], Field(description="Quantiles of head quantile, ascending, in (0, 1), with 0.5: the prediction.")
    ] = (0.1, 0.5, 0.9)
    wide_columns: Annotated[
        Outputs | None,
        Field(description="Outputs of the linear part; default: every id and one-hot output, and for type linear all."),
    ] = None
    deep_columns: Annotated[
        Outputs | None, Field(description="Outputs of the hidden layers; default: all, for rnn and cnn all but the sequences.")
    ] = None
    sequence_columns: Annotated[
        Outputs | None, Field(description="Outputs read step by step, of equal max_length; default: all of features.sequence.")
    ] = None
    towers: Annotated[Towers | None, Field(description="Outputs of each tower: {query: [...], candidate: [...]}.")] = None
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(description="Units per hidden layer.")] = (64, 32)
    activation: Annotated[str, Field(description="Activation of the hidden layers.")] = "relu"
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of units dropped in training.")] = 0.0
    batch_norm: Annotated[bool, Field(description="Batch normalization before the activation of each hidden layer.")] = False
    l2: Annotated[
        float, Field(ge=0, description="Penalty l2 * sum of squares on the weights of linear, hidden and cross layers.")
    ] = 0.0
    embedding_dim: Annotated[
        PositiveInt | None, Field(description="Dimensions per embedded id; default: min(32, round(1.6 * n^0.56)).")
    ] = None
    n_cross_layers: Annotated[PositiveInt, Field(description="Cross layers of deep_cross.")] = 2
    cross_rank: Annotated[
        PositiveInt | None, Field(description="Rank of a cross layer's matrix, for many inputs; default: full.")
    ] = None
    tower_dim: Annotated[PositiveInt, Field(description="Dimensions of both towers' embeddings.")] = 32
    cell: Annotated[Literal["lstm", "gru", "simple"], Field(description="Recurrent cell of rnn.")] = "lstm"
    rnn_units: Annotated[PositiveInt, Field(description="Units of the recurrent cell, per direction.")] = 32
    bidirectional: Annotated[bool, Field(description="Read the sequence backwards, too.")] = False
    filters: Annotated[PositiveInt, Field(description="Filters of cnn's convolution.")] = 32
    kernel_size: Annotated[PositiveInt, Field(description="Steps that a filter sees.")] = 3
    loss: Annotated[str | None, Field(description="Keras loss; default: by task and head.")] = None
    label_scale: Annotated[float, Field(gt=0, description="The label is divided by this in training; predictions are not.")] = 1.0
    optimizer: Annotated[Optimizer, Field(description="How weights are updated.")] = Optimizer()
    metrics: Annotated[tuple[str, ...], Field(description="Keras metrics shown while training.")] = ()
    params: Annotated[dict[str, Any], Field(description="Anything else that your build_model reads.")] = {}
