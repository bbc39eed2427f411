"""The config's fields: what each means, its unit and its default.

Frozen and typed; unknown keys are refused. Read by `load`, which maps every problem back to a file and a line; imports
nothing heavy, so that `check`, `plan` and editors stay fast. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, StringConstraints, field_validator, model_validator

from .features import Features
from .section import Column, Fraction, Section
from .section import ColumnType as ColumnType  # what most of the package imports from here

Task = Literal["regression", "binary_classification", "multiclass_classification"]

LOCAL_BEAM_ARGS = ("--runner=FnApiRunner", "--sdk_container_image=in-process")
"""Beam in this process. Any value of the second flag keeps TFX 1.21 from packing itself into an sdist for workers that an
in-process runner does not have: one to two seconds per node."""

METRIC_DIRECTIONS: dict[str, Literal["lower", "higher"]] = {
    "mae": "lower",
    "mse": "lower",
    "rmse": "lower",
    "mape": "lower",
    "binary_crossentropy": "lower",
    "categorical_crossentropy": "lower",
    "accuracy": "higher",
    "auc": "higher",
    "auc_pr": "higher",
    "precision": "higher",
    "recall": "higher",
}
METRICS_BY_TASK: dict[str, tuple[str, ...]] = {
    "regression": ("mae", "mse", "rmse", "mape"),
    "binary_classification": ("binary_crossentropy", "accuracy", "auc", "auc_pr", "precision", "recall"),
    "multiclass_classification": ("categorical_crossentropy", "accuracy"),
}


class Rule(Section):
    """Rows to leave out, and why; the count of each rule is reported."""

    name: Annotated[str, Field(description="What these rows are, shown in the report.")]
    drop: Annotated[str, Field(description="SQL condition (DuckDB) over the row's columns; rows where it is true are dropped.")]


class Split(Section):
    """Which rows train and which evaluate, by a stable hash."""

    by: Annotated[
        tuple[Column, ...],
        Field(
            description="Columns whose hash decides; empty: all columns (of a TFRecord: the record), so equal rows stay together."
        ),
    ] = ()
    buckets: Annotated[dict[str, PositiveInt], Field(description="Shares per split; `train` and `eval` are required.")] = {
        "train": 2,
        "eval": 1,
    }

    @field_validator("buckets")
    @classmethod
    def _train_and_eval(cls, value: dict[str, int]) -> dict[str, int]:
        missing = {"train", "eval"} - set(value)
        if missing:
            raise ValueError(f"split '{sorted(missing)[0]}' is missing; both train and eval are needed")
        return value


class Data(Section):
    """Where the rows come from and which of them count."""

    input: Annotated[str, Field(description="File or glob, relative to the config; package://PKG/PATH for a file in a package.")]
    format: Annotated[
        Literal["csv", "parquet", "tfrecord"] | None, Field(description="Kind of file; default: from the file's ending.")
    ] = None
    rules: Annotated[tuple[Rule, ...], Field(description="Rows to leave out, applied in order.")] = ()
    max_dropped: Annotated[Fraction, Field(description="Share of rows that rules may drop before the run stops.")] = 0.5
    split: Annotated[Split, Field(description="How rows are split.")] = Split()


class Code(Section):
    """The user's Python files; both optional where ready-made transforms and models serve."""

    features: Annotated[
        Path | None, Field(description="File with preprocessing_fn(inputs) or preprocessing_fn(inputs, config).")
    ] = None
    model: Annotated[Path | None, Field(description="File with build_model(inputs, config) that returns a Keras model.")] = None


class SchemaSource(Section):
    """Where the data schema comes from."""

    file: Annotated[Path | None, Field(description="Curated schema (schema.pbtxt), imported; default: inferred from train.")] = (
        None
    )


class Anomalies(Section):
    """What happens when the data does not fit the schema."""

    policy: Annotated[Literal["stop", "warn"], Field(description="stop: the run ends with exit code 3; warn: it goes on.")] = (
        "stop"
    )


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


class Training(Section):
    """How long and in what portions the model learns."""

    epochs: Annotated[PositiveInt, Field(description="Passes over the training split.")] = 10
    batch_size: Annotated[PositiveInt, Field(description="Rows per step.")] = 256
    eval_batch_size: Annotated[PositiveInt, Field(description="Rows per step of validation.")] = 1024
    seed: Annotated[int, Field(ge=0, description="Seed of weights and shuffling.")] = 1


class MetricThreshold(Section):
    """One metric, its bounds and the change it may make against the baseline."""

    name: Annotated[str, Field(description="Metric.")]
    upper_bound: Annotated[float | None, Field(description="Largest value that is accepted.")] = None
    lower_bound: Annotated[float | None, Field(description="Smallest value that is accepted.")] = None
    absolute_change: Annotated[float | None, Field(description="How much worse than the baseline it may be.")] = None
    relative_change: Annotated[float | None, Field(description="How much worse, as a share of the baseline's value.")] = None

    @property
    def has_threshold(self) -> bool:
        """Whether this entry can refuse a model."""
        return any(v is not None for v in (self.upper_bound, self.lower_bound, self.absolute_change, self.relative_change))

    @property
    def direction(self) -> Literal["lower", "higher"]:
        """Which way is better."""
        return METRIC_DIRECTIONS[self.name]


class Slice(Section):
    """A part of the evaluation split that gets its own metrics and, if asked, its own thresholds."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1, description="Columns whose values make the slices.")]
    metrics: Annotated[tuple[MetricThreshold, ...], Field(description="Thresholds that hold for every slice.")] = ()
    min_examples: Annotated[PositiveInt, Field(description="Slices with fewer examples are shown, not judged.")] = 100


class Evaluation(Section):
    """The gate: what a model must reach to be blessed."""

    metrics: Annotated[tuple[MetricThreshold, ...], Field(min_length=1, description="Overall metrics; one needs a threshold.")]
    slices: Annotated[tuple[Slice, ...], Field(description="Slices; a list of columns, or {columns, metrics}.")] = ()
    baseline: Annotated[
        Literal["latest_blessed", "none"], Field(description="none: forget the baseline, for a model that cannot be compared.")
    ] = "latest_blessed"

    @field_validator("slices", mode="before", json_schema_input_type=list[Slice | Column | list[Column]])
    @classmethod
    def _slice_names(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        short = [[v] if isinstance(v, str) else v for v in value]
        return [{"columns": v} if isinstance(v, list | tuple) else v for v in short]


class Push(Section):
    """Where accepted models go."""

    directory: Annotated[Path | None, Field(description="Versions 1, 2, ... and CURRENT; default: ROOT/serving.")] = None
    keep: Annotated[int, Field(ge=2, description="Versions kept besides the current one's successor, for rollback.")] = 5


class Metadata(Section):
    """ML Metadata's store."""

    sqlite: Annotated[Path | None, Field(description="File; default: ROOT/metadata.sqlite.")] = None


class Env(Section):
    """Where the pipeline runs, and only that; usually from configs/env/NAME.yaml."""

    runner: Annotated[Literal["local"], Field(description="What runs the nodes.")] = "local"
    beam_args: Annotated[tuple[str, ...], Field(description="Beam options of every node.")] = LOCAL_BEAM_ARGS
    max_parallel: Annotated[PositiveInt, Field(description="Nodes that run side by side.")] = 2
    metadata: Annotated[Metadata, Field(description="ML Metadata's store.")] = Metadata()


class Config(Section):
    """One pipeline."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$"), Field(description="Pipeline name: lower case, digits, - and _.")
    ]
    pipeline: Annotated[Literal["supervised"], Field(description="Which graph is built.")] = "supervised"
    task: Annotated[Task, Field(description="What is learnt.")] = "regression"
    label: Annotated[Column, Field(description="Column to predict.")]
    key: Annotated[
        Column | None,
        Field(description="Column that passes through to the predictions unaltered; text, unless a feature reads it as int."),
    ] = None
    n_classes: Annotated[int | None, Field(ge=3, description="Classes 0..n-1 of a multi-class label.")] = None
    root: Annotated[Path | None, Field(description="Artifacts, metadata and runs; default: output/NAME beside the config.")] = (
        None
    )
    data: Annotated[Data, Field(description="Rows.")]
    schema_: Annotated[SchemaSource, Field(alias="schema", description="Data schema.")] = SchemaSource()
    anomalies: Annotated[Anomalies, Field(description="When data does not fit the schema.")] = Anomalies()
    features: Annotated[Features, Field(description="Columns the model may see.")] = Features()
    code: Annotated[Code, Field(description="Your Python files.")] = Code()
    model: Annotated[Model, Field(description="The model.")] = Model()
    training: Annotated[Training, Field(description="How it learns.")] = Training()
    evaluation: Annotated[Evaluation, Field(description="The gate.")]
    push: Annotated[Push, Field(description="Where accepted models go.")] = Push()
    env: Annotated[Env, Field(description="Where it runs.")] = Env()

    def column_types(self) -> dict[str, ColumnType]:
        """Return the type of every column that becomes part of an example: features, label, key and slice columns."""
        types = self.features.column_types()
        types[self.label] = "float" if self.task == "regression" else "int"
        extra = (*((self.key,) if self.key else ()), *(c for s in self.evaluation.slices for c in s.columns))
        for column in extra:
            types.setdefault(column, "string")
        return types

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        from .consistency import problems_of

        problems = list(problems_of(self))
        if problems:
            raise Inconsistent(problems)
        return self


class Inconsistent(ValueError):
    """Settings that are each valid and do not fit each other."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        """Hold `problems`: (dotted key, what is wrong)."""
        super().__init__("; ".join(f"{key}: {what}" for key, what in problems))
        self.problems = problems
