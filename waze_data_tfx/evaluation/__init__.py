"""The gate: which metrics are computed (spec), how (measure), what was computed (results) and what follows (verdict).

Called by the Evaluator. Importing this package imports nothing heavy; `spec`, `measure` and `results` import TFMA when called.
"""

from .verdict import OVERALL, Check, Metrics, SliceKey, Verdict, judge, slice_name

__all__ = ["OVERALL", "Check", "Metrics", "SliceKey", "Verdict", "judge", "slice_name"]
