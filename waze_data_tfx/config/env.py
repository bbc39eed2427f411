"""The `env` section: where a pipeline runs, and only that.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from .query_engine import QueryEngine
from .section import Section

LOCAL_BEAM_ARGS = ("--runner=FnApiRunner", "--sdk_container_image=in-process")
"""Beam in this process. Any value of the second flag keeps TFX 1.21 from packing itself into an sdist for workers that an
in-process runner does not have: one to two seconds per node."""


class Metadata(Section):
    """ML Metadata's store."""

    sqlite: Annotated[Path | None, Field(description="File; default: ROOT/metadata.sqlite.")] = None


class Env(Section):
    """Where the pipeline runs, and only that; usually from configs/env/NAME.yaml."""

    runner: Annotated[Literal["local"], Field(description="What runs the nodes.")] = "local"
    beam_args: Annotated[tuple[str, ...], Field(description="Beam options of every node.")] = LOCAL_BEAM_ARGS
    max_parallel: Annotated[PositiveInt, Field(description="Nodes that run side by side.")] = 2
    metadata: Annotated[Metadata, Field(description="ML Metadata's store.")] = Metadata()
    query: Annotated[QueryEngine, Field(description="What runs data.query.")] = QueryEngine()
