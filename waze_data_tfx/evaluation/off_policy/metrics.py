"""The off-policy metrics as TFMA's: every estimate, with its intervals, of any slice and in any of TFMA's pipelines.

All metrics of an evaluation share one private computation per slice, whose value is a `SliceResult`; each public metric picks its
number from it. An eval config names `OffPolicyMetric` and this module, so that TFMA finds it. Extracts hold, per row or for many
rows at once:

    predictions: probabilities [K], eval_probabilities [K] (may be absent), scores [K]; of two models, by model name
    features: action, propensity, reward, group, eligible [K], q_hat [K], and unsubscribed and q_unsubscribed [K] where there are

Called by `measure` and by TFMA. Imports Beam and TFMA at the top. Never reads a file or asks a model.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types

from waze_data_tfx.evaluation.spec import CANDIDATE

from . import estimates
from .evidence import Evidence
from .numbers import number
from .results import SliceResult
from .rows import Rows
from .settings import Settings

RESULT_KEY = metric_types.MetricKey("_off_policy")
FEATURES = ("action", "propensity", "reward", "group", "eligible", "q_hat", "unsubscribed", "q_unsubscribed")
PENDING_ROWS = 4096
"""Rows that a combiner collects before it adds them up; TFMA's own pipeline brings them one by one."""


class OffPolicyMetric(metric_types.Metric):
    """One number of one policy: an estimator's value, a bound of its interval, or a diagnostic.

    Names: those of METRICS_BY_TASK["bandit"] and example_count; `NAME_bootstrap_lower`, `_bootstrap_upper`, `_bernstein_lower`
    and `_bernstein_upper` for the bounds of an estimate's intervals; max_weight, mean_weight, clipped_share and support.
    """

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        """Hold the metric's name and `Settings.to_dict()`."""
        super().__init__(_computations, name=name, settings=settings)

    @property
    def compute_confidence_interval(self) -> bool:
        """TFMA's jackknife is not asked for: the intervals are metrics of their own."""
        return False


metric_types.register_metric(OffPolicyMetric)


def _computations(name: str, settings: dict[str, Any], model_names: list[str] | None = None) -> list[Any]:
    """Return the shared computation and the metric's own number of every model."""
    own = Settings.from_dict(settings)
    names = model_names or [""]
    keys = {model: metric_types.MetricKey(name, model_name=model) for model in names}

    def pick(metrics: Mapping[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
        return {key: number(metrics[RESULT_KEY], name, model) for model, key in keys.items()}

    shared = metric_types.MetricComputation([RESULT_KEY], [RowsPreprocessor(own)], EvidenceFn(own))
    return [shared, metric_types.DerivedMetricComputation(list(keys.values()), pick)]


class RowsPreprocessor(metric_types.Preprocessor):
    """Makes `Rows` of extracts; it runs before slicing, and what it makes is all that travels on."""

    def __init__(self, settings: Settings) -> None:
        """Hold the settings."""
        super().__init__(name="off_policy_rows")
        self._settings = settings

    def process(self, extracts: dict[str, Any]) -> Iterator[Rows]:
        """Yield the rows of one extract."""
        features = extracts[constants.FEATURES_KEY]
        predictions = extracts[constants.PREDICTIONS_KEY]
        models = predictions if self._settings.baseline else {CANDIDATE: predictions}
        columns = {name: np.asarray(features[name], np.float64) for name in FEATURES if features.get(name) is not None}
        yield Rows.of(columns, models, n_actions=len(self._settings.actions))


class EvidenceFn(beam.CombineFn):
    """Adds rows up and, in the end, makes the slice's result."""

    def __init__(self, settings: Settings) -> None:
        """Hold the settings."""
        self._settings = settings

    def create_accumulator(self) -> "_Collected":
        """Return no evidence and no pending rows."""
        return _Collected(Evidence(self._settings), [])

    def add_input(self, accumulator: "_Collected", rows: Rows) -> "_Collected":
        """Add the rows of one extract."""
        accumulator.pending.append(rows)
        accumulator.n_pending += len(rows)
        if accumulator.n_pending >= PENDING_ROWS:
            accumulator.flush()
        return accumulator

    def merge_accumulators(self, accumulators: "Iterable[_Collected]") -> "_Collected":
        """Add the parts up."""
        made = self.create_accumulator()
        for part in accumulators:
            made.evidence.merge(part.flush())
        return made

    def compact(self, accumulator: "_Collected") -> "_Collected":
        """Add up what is pending before it travels."""
        accumulator.flush()
        return accumulator

    def extract_output(self, accumulator: "_Collected") -> dict[metric_types.MetricKey, SliceResult]:
        """Return the slice's result, without the slice's name."""
        return {RESULT_KEY: estimates.slice_result(accumulator.flush())}


@dataclass
class _Collected:
    """Evidence and the rows that wait to be added to it."""

    evidence: Evidence
    pending: list[Rows]
    n_pending: int = 0

    def flush(self) -> Evidence:
        if self.pending:
            self.evidence.add(Rows.concatenate(self.pending))
            self.pending, self.n_pending = [], 0
        return self.evidence
