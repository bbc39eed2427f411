"""The same sums as a Beam combiner, so that a log is summed by as many workers as there are. Imports Beam at the top."""

from collections.abc import Iterable

import apache_beam as beam

from waze_data_tfx.bandits.decisions import Batch
from waze_data_tfx.bandits.linear.log import LinearLog
from waze_data_tfx.bandits.linear.statistics import DailyStatistics


class SumDecisions(beam.CombineFn):
    """Combines `Batch`es of NumPy columns into one `DailyStatistics`."""

    def __init__(self, log: LinearLog) -> None:
        """Hold how a batch enters the sums; it travels to the workers."""
        super().__init__()
        self._log = log

    def create_accumulator(self) -> DailyStatistics:
        """Return sums without rows."""
        return self._log.statistics()

    def add_input(self, accumulator: DailyStatistics, batch: Batch) -> DailyStatistics:
        """Add a batch."""
        self._log.add(batch, accumulator)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[DailyStatistics]) -> DailyStatistics:
        """Return the sums of all."""
        merged = self._log.statistics()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def compact(self, accumulator: DailyStatistics) -> DailyStatistics:
        """Return sums without pending rows, before they are sent."""
        accumulator.compact()
        return accumulator

    def extract_output(self, accumulator: DailyStatistics) -> DailyStatistics:
        """Return the sums."""
        return accumulator
