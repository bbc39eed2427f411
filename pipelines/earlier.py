"""Whose statistics a run's rows are held against, and which policy it begins from: the one rule under the plan and the resolver.

Called by `runners.cache` before a run, without TFX, and by the strategies of `baseline` within it. See docs/decisions/0005. Never
reads statistics or models.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from waze_data_tfx import versions
from waze_data_tfx.history.metadata import SUCCESSFUL, Artifact, Execution, History

ROWS, STATISTICS, VALIDATOR, TRAINER, PUSHER = "ExampleGen", "StatisticsGen", "DriftValidator", "Trainer", "Pusher"
EVALUATOR = "Evaluator"
Against = Literal["previous", "pushed"]


def earlier_statistics(
    history: History, *, run: str, rows: Mapping[str, Any], against: Against, push_directory: Path
) -> Artifact | None:
    """Return the statistics that this run is compared with; None before there are any.

    Args:
        history: every run of the pipeline.
        run: id of this run; empty if it has none yet.
        rows: the parts of this run's ExampleGen key, see `rows_of`.
        against: previous: of the newest earlier run that trained a model on other rows (one that was stopped before is no
            measure of what is usual); pushed: of the run whose model is current.
        push_directory: where `pushed` is looked up.
    """
    found = _pushed_run(history, push_directory) if against == "pushed" else _previous_run(history, run, rows)
    if found is None:
        return None
    if against == "pushed" and rows_of(found.get(ROWS)) == dict(rows):  # its own rows: what it was itself compared with
        return _compared_with(history, found)
    return _statistics(found)


def accepted_model(history: History, *, rows: Mapping[str, Any]) -> Artifact | None:
    """Return the model that was blessed last among those of other rows than these; None before there is one.

    Of other rows, so that running again without a change begins from where the run before it began.
    """
    for execution in history.of_node(EVALUATOR):
        for blessing in execution.outputs.get("blessing", ()) if execution.state in SUCCESSFUL else ():
            if blessing.properties.get("blessed") != 1 or rows_of(history.of_run(execution.run).get(ROWS)) == dict(rows):
                continue
            model = history.artifact(blessing.properties["current_model_id"])
            if model is not None and model.is_whole:
                return model
    return None


def rows_of(execution: Execution | None) -> dict[str, Any]:
    """Return what made an ExampleGen's rows: data and settings, of all that its key holds."""
    return rows_in(json.loads(execution.cache_parts) if execution and execution.cache_parts else {})


def rows_in(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a key that decide which rows there are, as JSON has them."""
    chosen = {name: value for name, value in parts.items() if name == "data" or name.startswith(("config ", "table "))}
    return json.loads(json.dumps(chosen, default=str))


def _previous_run(history: History, run: str, rows: Mapping[str, Any]) -> dict[str, Execution] | None:
    for execution in history.of_node(STATISTICS):
        if execution.run == run or execution.state not in SUCCESSFUL:
            continue
        found = history.of_run(execution.run)
        trained = found.get(TRAINER)
        if trained and trained.state in SUCCESSFUL and rows_of(found.get(ROWS)) != dict(rows) and _statistics(found):
            return found
    return None


def _pushed_run(history: History, push_directory: Path) -> dict[str, Execution] | None:
    current = versions.current(push_directory)
    for execution in history.of_node(PUSHER):
        made = execution.outputs.get("pushed_model", ())
        if current and execution.state == "complete" and any(a.properties.get("pushed_version") == current for a in made):
            return history.of_run(execution.run)
    return None


def _statistics(run: Mapping[str, Execution]) -> Artifact | None:
    execution = run.get(STATISTICS)
    made = execution.outputs.get("statistics", ()) if execution and execution.state in SUCCESSFUL else ()
    return made[0] if made and made[0].is_whole else None


def _compared_with(history: History, run: Mapping[str, Execution]) -> Artifact | None:
    execution = run.get(VALIDATOR)
    ids = execution.inputs.get("baseline_statistics", ()) if execution else ()
    return history.artifact(ids[0]) if ids else None
