"""Which model a candidate is compared with and which it begins from; and whose statistics the rows are held against.

TFX 1.21's LatestBlessedModelStrategy takes the blessed model with the greatest id. After going back to an earlier model,
whose training came from the cache, that is the model that was left, not the one that was blessed again and pushed. The plan of
a run (`runners.cache`) follows the same rule. Imports TFX.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.dsl.components.common import resolver

from waze_data_tfx.history.metadata import History
from waze_data_tfx.pipelines.earlier import ROWS, STATISTICS, Against, accepted_model, earlier_statistics, rows_of


class NewestBlessingStrategy(resolver.ResolverStrategy):
    """Resolves the model of the newest blessing that was given, and that blessing; nothing before the first."""

    def resolve_artifacts(self, store: Any, input_dict: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return `model` and `model_blessing` with one artifact each, or both empty."""
        given = [b for b in input_dict["model_blessing"] if b.get_int_custom_property("blessed") == 1]
        for blessing in sorted(given, key=lambda b: -b.id):
            model_id = blessing.get_int_custom_property("current_model_id")
            models = [m for m in input_dict["model"] if m.id == model_id]
            if models:
                return {"model": models, "model_blessing": [blessing]}
        return {"model": [], "model_blessing": []}


class AcceptedModelStrategy(resolver.ResolverStrategy):
    """Resolves the model of `earlier.accepted_model`, from which a training begins; nothing before there is any."""

    def __init__(self, pipeline: str) -> None:
        """Look among the runs of `pipeline`."""
        self._pipeline = pipeline

    def resolve_artifacts(self, store: Any, input_dict: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return `examples` as given, this run's, and `model` with one artifact or none."""
        history = History(store, self._pipeline)
        [examples] = input_dict["examples"]
        run = next(e.run for e in history.of_node(ROWS) if examples.id in e.output_ids())
        found = accepted_model(history, rows=rows_of(history.of_run(run).get(ROWS)))
        return {"examples": [examples], "model": [a for a in input_dict["model"] if found and a.id == found.id]}


class EarlierStatisticsStrategy(resolver.ResolverStrategy):
    """Resolves the statistics of `earlier.earlier_statistics`; nothing before there are any."""

    def __init__(self, pipeline: str, against: Against, push_directory: str) -> None:
        """Look among the runs of `pipeline`."""
        self._pipeline, self._against, self._push_directory = pipeline, against, Path(push_directory)

    def resolve_artifacts(self, store: Any, input_dict: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return `statistics` as given, this run's, and `earlier` with one artifact or none."""
        history = History(store, self._pipeline)
        [statistics] = input_dict["statistics"]
        run = next(e.run for e in history.of_node(STATISTICS) if statistics.id in e.output_ids())
        found = earlier_statistics(
            history,
            run=run,
            rows=rows_of(history.of_run(run).get(ROWS)),
            against=self._against,
            push_directory=self._push_directory,
        )
        earlier = [a for a in input_dict["earlier"] if found and a.id == found.id]
        return {"statistics": [statistics], "earlier": earlier}
