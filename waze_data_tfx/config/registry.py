"""The `registry` section: where accepted models are kept with their history.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from .section import Section


class Registry(Section):
    """Where pushed models are kept, generation by generation."""

    directory: Annotated[Path | None, Field(description="Generations 1, 2, ... and CURRENT; default: ROOT/registry.")] = None
    keep: Annotated[int, Field(ge=2, description="Newest generations that are kept beside the current one.")] = 20

    @field_validator("directory", mode="before")
    @classmethod
    def _is_a_path(cls, value: Any) -> Any:
        if isinstance(value, str) and "://" in value:
            raise ValueError(
                "expected a path: CURRENT may only be replaced if nobody else has done so, and the filesystem library in use "
                "(tf.io.gfile) has no such write for object stores; mount the bucket as a folder"
            )
        return value
