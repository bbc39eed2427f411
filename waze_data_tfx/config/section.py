"""What every part of a config is: frozen, typed, closed to unknown keys; and the types that several parts use.

Read by every module of the config; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic._internal._model_construction import ModelMetaclass  # pydantic 2.14 has no public name for it

Column = Annotated[str, StringConstraints(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
ColumnType = Literal["float", "int", "string"]
Task = Literal["regression", "binary_classification", "multiclass_classification", "multilabel_classification", "bandit"]


class CalledInPython(ModelMetaclass):
    """What is different when a person calls a section in Python, and not when pydantic makes it from YAML.

    A mistake is a ConfigError in the project's words with the line of the call, and a field whose key is a word of Python's
    or a name of pydantic's (`from`, `schema`) is also known with an underscore behind it.
    """

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """Make the section.

        Raises:
            ConfigError: with every problem found, one line each.
        """
        aliases = {name: field.alias for name, field in cls.model_fields.items() if field.alias}  # type: ignore[attr-defined]
        try:
            return super().__call__(*args, **{aliases.get(name, name): value for name, value in values.items()})
        except ValidationError as error:
            from .problems import in_python

            raise in_python(error, cls) from None  # type: ignore[arg-type]


class Section(BaseModel, metaclass=CalledInPython):
    """Base of every part of the config: frozen, no unknown keys, no infinite or missing numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and not _takes_truth(cls.model_fields[info.field_name].annotation):
            raise ValueError("true and false do not fit here")
        return value


def _takes_truth(annotation: Any) -> bool:
    return annotation is bool or bool in get_args(annotation)
