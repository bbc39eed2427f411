"""When the statistics that lie beside the examples are those that a StatisticsGen is asked for.

Called by executor.py; knows no TFX artifact. `waze_data_tfx.data.statistics` reads and writes them.
"""

import json
from collections.abc import Sequence
from typing import Any

from waze_data_tfx.data import statistics

N_QUANTILES_KEY = "_num_quantiles_histogram_buckets"
"""Where TFDV's StatsOptions.to_json has its num_quantiles_histogram_buckets (1.16.1)."""

TFDV_QUANTILES = 10


def made_by_example_gen(examples_uri: str, splits: Sequence[str], options_json: str | None) -> dict[str, Any] | None:
    """Return split -> DatasetFeatureStatisticsList; None if a split has none that was made with these options.

    Args:
        examples_uri: folder of the examples.
        splits: those that are asked for.
        options_json: TFDV's StatsOptions, as StatisticsGen has them; none means TFDV's own.
    """
    asked = json.loads(options_json or statistics.options(TFDV_QUANTILES).to_json())
    n_quantiles = asked.get(N_QUANTILES_KEY)
    if not splits or n_quantiles is None or asked != json.loads(statistics.options(n_quantiles).to_json()):
        return None
    found = {split: statistics.read(examples_uri, split, n_quantiles) for split in splits}
    return None if None in found.values() else found
