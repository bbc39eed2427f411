"""The `training` section: how long and in what portions a model learns.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from .section import Section


class EarlyStopping(Section):
    """When training ends before its last epoch, and which epoch's weights are kept."""

    monitor: Annotated[str, Field(description="Measure of an epoch, such as val_loss or val_auc.")] = "val_loss"
    patience: Annotated[PositiveInt, Field(description="Epochs without improvement after which training stops.")] = 5
    min_delta: Annotated[float, Field(ge=0, description="A smaller change is no improvement; in the measure's unit.")] = 0.0
    restore_best: Annotated[bool, Field(description="Keep the weights of the best epoch; false: of the last one.")] = True


class Training(Section):
    """How long and in what portions the model learns."""

    epochs: Annotated[PositiveInt, Field(description="Passes over the training split; with early_stopping, at most.")] = 10
    batch_size: Annotated[PositiveInt, Field(description="Rows per step.")] = 256
    eval_batch_size: Annotated[PositiveInt, Field(description="Rows per step of validation.")] = 1024
    seed: Annotated[int, Field(ge=0, description="Seed of weights, shuffling and the tuner's search.")] = 1
    early_stopping: Annotated[
        EarlyStopping | None, Field(description="Stop when a measure no longer improves; a number is the patience; null: never.")
    ] = None
    checkpoint_every: Annotated[
        NonNegativeInt | None,
        Field(description="Epochs between checkpoints, for going on after a kill; 0: none; default: at most one a minute."),
    ] = None
    class_weights: Annotated[
        Literal["balanced"] | dict[str, NonNegativeFloat] | None,
        Field(
            description="Weight of each class in the loss, times the row's own; a class that is left out weighs 1. "
            "balanced: rows / (classes * rows of the class), counted in the training split."
        ),
    ] = None

    @field_validator("early_stopping", mode="before", json_schema_input_type=EarlyStopping | PositiveInt | None)
    @classmethod
    def _patience_alone(cls, value: Any) -> Any:
        return {"patience": value} if isinstance(value, int) and not isinstance(value, bool) else value

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
