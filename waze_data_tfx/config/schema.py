"""The whole config: what each top-level key means, and what holds between them.

Frozen and typed; unknown keys are refused. One module per section; the ones that the package imports from here are named
below. Read by `load`, which maps every problem back to a file and a line. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from .anomalies import Anomalies
from .bandit import Bandit
from .data import Code, Data, SchemaSource
from .env import Env
from .evaluation import Evaluation
from .features import Features
from .infra_validation import InfraValidation
from .model import Model
from .monitoring import Monitoring
from .push import Push
from .registry import Registry
from .section import Column, ColumnType, Section, Task
from .training import Training
from .tuner import Tuner


class Config(Section):
    """One pipeline."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$"), Field(description="Pipeline name: lower case, digits, - and _.")
    ]
    pipeline: Annotated[Literal["supervised", "bandit"], Field(description="Which graph is built.")] = "supervised"
    task: Annotated[Task, Field(description="What is learnt.")] = "regression"
    label: Annotated[Column, Field(description="Column to predict; of a bandit, the reward.")]
    key: Annotated[
        Column | None,
        Field(description="Column that passes through to the predictions unaltered; text, unless a feature reads it as int."),
    ] = None
    n_classes: Annotated[
        int | None,
        Field(ge=2, description="Classes 0..n-1 of a multi-class or multi-label label; default: as `classes`."),
    ] = None
    classes: Annotated[
        tuple[Column, ...] | None,
        Field(
            json_schema_extra={"items": {"type": ["string", "integer"]}},
            description="Names of the label's classes, in the order of their numbers; binary: the second is the positive one.",
        ),
    ] = None
    label_separator: Annotated[
        str, StringConstraints(min_length=1), Field(description="What parts the classes in the text of a multi-label label.")
    ] = "|"
    label_empty: Annotated[
        Literal["error", "no_class"],
        Field(description="What an empty multi-label label means: a mistake, or no class."),
    ] = "error"
    weight: Annotated[
        Column | None, Field(description="Column with each row's weight (0 or more) in the loss and in the metrics.")
    ] = None
    root: Annotated[Path | None, Field(description="Artifacts, metadata and runs; default: output/NAME beside the config.")] = (
        None
    )
    data: Annotated[Data, Field(description="Rows.")]
    schema_: Annotated[SchemaSource, Field(alias="schema", description="Data schema.")] = SchemaSource()
    anomalies: Annotated[Anomalies, Field(description="When data does not fit the schema.")] = Anomalies()
    monitoring: Annotated[Monitoring, Field(description="How far the data may move.")] = Monitoring()
    features: Annotated[Features, Field(description="Columns the model may see.")] = Features()
    code: Annotated[Code, Field(description="Your Python files.")] = Code()
    model: Annotated[Model, Field(description="The model.")] = Model()
    bandit: Annotated[Bandit | None, Field(description="Actions, log and agent of pipeline bandit.")] = None
    training: Annotated[Training, Field(description="How it learns.")] = Training()
    tuner: Annotated[Tuner | None, Field(description="A search for better settings before the training; default: none.")] = None
    evaluation: Annotated[Evaluation, Field(description="The gate.")]
    infra_validation: Annotated[
        InfraValidation, Field(description="What loading and answering may cost in a process of its own.")
    ] = InfraValidation()
    push: Annotated[Push, Field(description="Where accepted models go.")] = Push()
    registry: Annotated[Registry, Field(description="Where pushed models are kept with their history.")] = Registry()
    env: Annotated[Env, Field(description="Where it runs.")] = Env()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the name of each class of a classification: `classes`, or else the numbers as text; none for a regression."""
        if self.task in ("regression", "bandit"):
            return ()
        return self.classes or tuple(str(i) for i in range(self.n_classes or 2))

    def column_types(self) -> dict[str, ColumnType]:
        """Return the type of every column that becomes part of an example: features, label, weight, key and slice columns."""
        types = self.features.column_types()
        types[self.label] = "float" if self.task in ("regression", "bandit") else "int"
        if self.weight:
            types.setdefault(self.weight, "float")
        if self.bandit:
            types |= self.bandit.columns.types()
        extra = (*((self.key,) if self.key else ()), *(c for s in self.evaluation.slices for c in s.columns))
        for column in extra:
            types.setdefault(column, "string")
        return types

    @property
    def beside_features(self) -> tuple[str, ...]:
        """Return the transform's outputs that no model may see: label, weight, key and a bandit's log."""
        log = tuple(self.bandit.columns.types()) if self.bandit else ()
        return tuple(name for name in (self.label, self.weight, self.key, *log) if name is not None)

    def file_types(self) -> dict[str, ColumnType]:
        """Return the type that the input files' values of these columns are read as: names of classes are text there."""
        named = self.classes is not None or self.task == "multilabel_classification"
        return {**self.column_types(), **({self.label: "string"} if named else {})}

    @field_validator("classes", mode="before")
    @classmethod
    def _names_as_text(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        if any(isinstance(v, bool) for v in value):
            raise ValueError("true and false are no names here; put them in quotes")
        return [str(v) if isinstance(v, int) else v for v in value]

    @model_validator(mode="before")
    @classmethod
    def _task_of_pipeline(cls, values: Any) -> Any:
        """A bandit's task goes without saying."""
        given = isinstance(values, dict) and values.get("pipeline") == "bandit" and "task" not in values
        return {**values, "task": "bandit"} if given else values

    @model_validator(mode="before")
    @classmethod
    def _n_classes_of_names(cls, values: Any) -> Any:
        """Fill in n_classes from the names, so that whoever reads the config finds it."""
        if not isinstance(values, dict) or values.get("n_classes") is not None:
            return values
        classes, task = values.get("classes"), values.get("task")
        several = task in ("multiclass_classification", "multilabel_classification")
        return {**values, "n_classes": len(classes)} if several and isinstance(classes, list | tuple) and classes else values

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        from .consistency import problems_of

        problems = list(problems_of(self))
        if problems:
            raise Inconsistent(problems)
        return self


class Inconsistent(ValueError):
    """Settings that are each valid and do not fit each other."""

    def __init__(self, problems: list[tuple[str | tuple[str | int, ...], str]]) -> None:
        """Hold `problems`: (dotted key, or its parts where one of them holds dots; what is wrong)."""
        super().__init__("; ".join(f"{k if isinstance(k, str) else '.'.join(map(str, k))}: {what}" for k, what in problems))
        self.problems = problems
