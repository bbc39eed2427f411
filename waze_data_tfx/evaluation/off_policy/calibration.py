"""Whether the logged propensities can be right: `bandits.estimators.calibration` by the actions' names.

Called by `estimates`. Imports nothing heavy.
"""

import numpy as np

from waze_data_tfx.bandits.estimators.calibration import ArmCounts
from waze_data_tfx.errors import DataError

from .results import Calibration
from .settings import CALIBRATION_TOLERANCE


def table(counts: ArmCounts, actions: tuple[str, ...], *, confidence: float) -> tuple[Calibration, ...]:
    """Return one entry per action; one that was hardly taken is not judged."""
    taken, eligible, expected = (np.rint(counts.taken), np.rint(np.diag(counts.eligible)), np.diag(counts.inverse))
    try:
        found = counts.calibration(confidence=confidence, tolerance=CALIBRATION_TOLERANCE)
    except DataError:  # no action was taken often enough to be judged
        found = None
    entries = []
    for k, name in enumerate(actions):
        ratio = float(expected[k] / eligible[k]) if eligible[k] else None
        judged = found is not None and bool(found.judged[k])
        interval = (float(found.lower[k]), float(found.upper[k])) if found and judged else None
        passed = bool(found.passed[k]) if found and judged else None
        entries.append(Calibration(name, int(taken[k]), int(eligible[k]), float(expected[k]), ratio, interval, passed))
    return tuple(entries)
