"""The `push` section: where accepted models go.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .section import Section


class Push(Section):
    """Where accepted models go."""

    directory: Annotated[Path | None, Field(description="Versions 1, 2, ... and CURRENT; default: ROOT/serving.")] = None
    keep: Annotated[int, Field(ge=2, description="Versions kept besides the current one's successor, for rollback.")] = 5
