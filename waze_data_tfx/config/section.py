"""What every part of a config is: frozen, typed, closed to unknown keys; and the types that several parts use.

Read by every module of the config; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

Column = Annotated[str, StringConstraints(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
ColumnType = Literal["float", "int", "string"]
Task = Literal["regression", "binary_classification", "multiclass_classification", "multilabel_classification"]


class Section(BaseModel):
    """Base of every part of the config: frozen, no unknown keys, no infinite or missing numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("true and false do not fit here")
        return value
