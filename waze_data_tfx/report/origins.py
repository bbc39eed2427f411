"""Where a run's rows came from, as ExampleGen noted it on its artifact: the query, its values, the state of its tables.

Called by `text` and by the report's page. See query_example_gen/plan.py, which makes the notes.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..history.metadata import Execution

ORIGINS = ("rows", "input", "files", "query", "query_sha256", "parameters", "tables", "engine", "engine_facts")
"""Custom properties of the examples' artifact that are shown, in this order."""


def origins(executions: "Mapping[str, Execution]") -> Iterator[tuple[str, str, str]]:
    """Yield (node, what, value) of every node that read rows; the node's name only in its first line."""
    for execution in executions.values():
        for artifact in (a for artifacts in execution.outputs.values() for a in artifacts if a.type == "Examples"):
            for i, name in enumerate(n for n in ORIGINS if n in artifact.properties):
                yield "" if i else execution.node, name, str(artifact.properties[name])
