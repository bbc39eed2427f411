"""The `infra_validation` section: the budget within which a model must load and answer before it is pushed.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from .section import Section


class InfraValidation(Section):
    """What loading and answering in a process of its own may cost; asked before every push."""

    timeout_s: Annotated[
        PositiveFloat, Field(description="Seconds to import TensorFlow, load the model and give every answer.")
    ] = 120.0
    max_memory_mb: Annotated[
        PositiveInt, Field(description="Most memory the process may hold, TensorFlow's own included, MiB.")
    ] = 4096
    max_latency_ms: Annotated[
        PositiveFloat | None,
        Field(description="95th percentile of a call of serving_default with one row, ms; none: measured, not judged."),
    ] = None
    n_examples: Annotated[int, Field(ge=1, le=1024, description="Rows of the eval split that it is asked.")] = 32
