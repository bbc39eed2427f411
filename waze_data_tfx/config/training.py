"""The `training` section: how long and in what portions a model learns.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator

from .section import Section


class Training(Section):
    """How long and in what portions the model learns."""

    epochs: Annotated[PositiveInt, Field(description="Passes over the training split.")] = 10
    batch_size: Annotated[PositiveInt, Field(description="Rows per step.")] = 256
    eval_batch_size: Annotated[PositiveInt, Field(description="Rows per step of validation.")] = 1024
    seed: Annotated[int, Field(ge=0, description="Seed of weights and shuffling.")] = 1
    class_weights: Annotated[
        Literal["balanced"] | dict[str, NonNegativeFloat] | None,
        Field(
            description="Weight of each class in the loss, times the row's own; a class that is left out weighs 1. "
            "balanced: rows / (classes * rows of the class), counted in the training split."
        ),
    ] = None

    @field_validator("class_weights", mode="before")
    @classmethod
    def _balanced_or_numbers(cls, value: Any) -> Any:
        if value is None or value == "balanced":
            return value
        if not isinstance(value, dict):
            raise ValueError("expected balanced, or {class: weight}")
        for name, weight in value.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
                raise ValueError(f"class {name}: expected a number of 0 or more, received {weight!r}")
        return {str(name): weight for name, weight in value.items()}
