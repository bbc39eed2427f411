"""The `anomalies` section: what happens when the data does not fit its schema.

One part of the config, put together by `schema`; imports nothing heavy. Never reads a file.
"""

from typing import Annotated, Literal

from pydantic import Field

from .section import Section


class Anomalies(Section):
    """What happens when the data does not fit the schema."""

    policy: Annotated[Literal["stop", "warn"], Field(description="stop: the run ends with exit code 3; warn: it goes on.")] = (
        "stop"
    )
