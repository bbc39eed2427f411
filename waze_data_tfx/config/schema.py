"""The config's fields: what each means, its unit and its default.

Frozen and typed; unknown keys are refused. Read by `load`, which maps every problem back to a file and a line; imports
nothing heavy, so that `check`, `plan` and editors stay fast. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

Column = Annotated[str, StringConstraints(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Task = Literal["regression", "binary_classification", "multiclass_classification"]
ColumnType = Literal["float", "int", "string"]
DenseTransform = Literal["z_score", "min_max", "log_z_score", "none"]
Imputation = Literal["mean", "median", "zero"]

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


class Section(BaseModel):
    """Base of every part of the config: frozen, no unknown keys, no infinite or missing numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("true and false do not fit here")
        return value


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


class Dense(Section):
    """A numeric feature."""

    transform: Annotated[DenseTransform, Field(description="Scaling; log_z_score is log1p of max(x, 0), then z-score.")] = (
        "z_score"
    )
    impute: Annotated[Imputation, Field(description="What stands in for a missing value, before scaling.")] = "mean"
    indicator: Annotated[bool, Field(description="Add NAME_missing: 1 where the value was missing.")] = False


class Bucket(Section):
    """A numeric feature cut at quantiles of the training split."""

    count: Annotated[int, Field(ge=2, description="Number of buckets.")]


class Vocabulary(Section):
    """A text (or integer) feature looked up in the training split's most frequent values."""

    top_k: Annotated[PositiveInt | None, Field(description="How many values are kept; default: all.")] = None
    num_oov_buckets: Annotated[PositiveInt, Field(description="Buckets for values outside the vocabulary.")] = 1


class Category(Section):
    """An integer feature in 0..size-1."""

    size: Annotated[int, Field(ge=2, description="Number of values; a missing or larger value gets an id of its own.")]
    encoding: Annotated[Literal["one_hot", "id"], Field(description="one_hot: a float vector; id: an integer to embed.")] = (
        "one_hot"
    )


class Features(Section):
    """The columns a model may see, by how they are prepared. A column may stand in several groups."""

    dense: Annotated[dict[Column, Dense], Field(description="Numeric features; a list of names, or name: settings.")] = {}
    bucket: Annotated[dict[Column, Bucket], Field(description="Numeric features cut at quantiles; name: count.")] = {}
    vocabulary: Annotated[dict[Column, Vocabulary], Field(description="Text features; name: {top_k, num_oov_buckets}.")] = {}
    category: Annotated[dict[Column, Category], Field(description="Integer features of known cardinality; name: size.")] = {}
    custom: Annotated[
        dict[Column, ColumnType], Field(description="Columns that only your preprocessing_fn reads; name: float | int | string.")
    ] = {}

    @field_validator("dense", mode="before", json_schema_input_type=list[Column] | dict[Column, Dense | None])
    @classmethod
    def _dense_list(cls, value: Any) -> Any:
        return {name: {} for name in value} if isinstance(value, list | tuple) else _none_to_empty(value)

    @field_validator("bucket", mode="before", json_schema_input_type=dict[Column, Bucket | int])
    @classmethod
    def _bucket_count(cls, value: Any) -> Any:
        return _short(value, "count")

    @field_validator("category", mode="before", json_schema_input_type=dict[Column, Category | int])
    @classmethod
    def _category_size(cls, value: Any) -> Any:
        return _short(value, "size")

    @field_validator("vocabulary", mode="before", json_schema_input_type=dict[Column, Vocabulary | int | None])
    @classmethod
    def _vocabulary_top_k(cls, value: Any) -> Any:
        return _short(value, "top_k")

    def groups(self) -> dict[str, dict[str, Any]]:
        """Return the ready-made groups by name, `custom` left out."""
        return {"dense": self.dense, "bucket": self.bucket, "vocabulary": self.vocabulary, "category": self.category}

    def column_types(self) -> dict[str, ColumnType]:
        """Return the type of every feature column."""
        types: dict[str, ColumnType] = dict(self.custom)
        types.update(dict.fromkeys(self.vocabulary, "string"))
        types.update(dict.fromkeys(self.category, "int"))
        types.update(dict.fromkeys((*self.bucket, *self.dense), "float"))
        return types


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


def _none_to_empty(value: Any) -> Any:
    return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


def _short(value: Any, field: str) -> Any:
    """Let `name: 5` stand for `name: {field: 5}`."""
    if not isinstance(value, dict):
        return value
    return {k: v if isinstance(v, dict) else ({} if v is None else {field: v}) for k, v in value.items()}
