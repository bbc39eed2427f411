"""The whole config: what each top-level key means, and what holds between them.

Frozen and typed; unknown keys are refused. One module per section; the ones that the package imports from here are named
below. Read by `load`, which maps every problem back to a file and a line. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from .anomalies import Anomalies
from .data import Code, Data, SchemaSource
from .env import Env
from .evaluation import Evaluation
from .features import Features
from .model import Model
from .push import Push
from .section import Column, ColumnType, Section, Task
from .training import Training
from .tuner import Tuner


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
    tuner: Annotated[Tuner | None, Field(description="A search for better settings before the training; default: none.")] = None
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

    def __init__(self, problems: list[tuple[str | tuple[str | int, ...], str]]) -> None:
        """Hold `problems`: (dotted key, or its parts where one of them holds dots; what is wrong)."""
        super().__init__("; ".join(f"{k if isinstance(k, str) else '.'.join(map(str, k))}: {what}" for k, what in problems))
        self.problems = problems
