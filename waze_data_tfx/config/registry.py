"""The `registry` section: where accepted models are kept with their history.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from .section import Section

_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^/\n\r]+)*")


class Registry(Section):
    """Where pushed models are kept, generation by generation."""

    directory: Annotated[
        Path | str | None,
        Field(description="Generations 1, 2, ... and CURRENT: a folder or gs://BUCKET/PATH; default: ROOT/registry."),
    ] = None
    keep: Annotated[int, Field(ge=2, description="Newest generations that are kept beside the current one.")] = 20

    @field_validator("directory", mode="plain", json_schema_input_type=Path | str | None)
    @classmethod
    def _is_a_folder_or_a_bucket(cls, value: Any) -> Path | str | None:
        wanted = "expected a path or gs://BUCKET/PATH"
        if isinstance(value, Path) and str(value).startswith("gs:/"):
            raise ValueError(f"{wanted}, the latter as text: a path joins its slashes")
        if not isinstance(value, str):
            if value is None or isinstance(value, Path):
                return value
            raise ValueError(wanted)
        if "://" not in value:
            return Path(value)
        if not _BUCKET.fullmatch(value.rstrip("/")):
            raise ValueError(f"{wanted}; other object stores: mount them as a folder")
        return value.rstrip("/")
