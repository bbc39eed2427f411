"""The `training` section: how long and in what portions a model learns.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated

from pydantic import Field, PositiveInt

from .section import Section


class Training(Section):
    """How long and in what portions the model learns."""

    epochs: Annotated[PositiveInt, Field(description="Passes over the training split.")] = 10
    batch_size: Annotated[PositiveInt, Field(description="Rows per step.")] = 256
    eval_batch_size: Annotated[PositiveInt, Field(description="Rows per step of validation.")] = 1024
    seed: Annotated[int, Field(ge=0, description="Seed of weights and shuffling.")] = 1
