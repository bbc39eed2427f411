"""What DistributionValidator does, without TFX: read two sets of statistics, judge, write the verdict and TFX's anomalies.

Called by executor.py. The distances and the judgement are `waze_data_tfx.monitoring`'s, which the report reads too. Imports
tensorflow_metadata inside a function.
"""

from dataclasses import dataclass
from pathlib import Path

from waze_data_tfx.config.monitoring import SERVING
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.evaluation.verdict import Verdict
from waze_data_tfx.monitoring.judge import Columns, Kind, judge
from waze_data_tfx.monitoring.statistics import read

KINDS: dict[str, Kind] = {"drift": "drift", "skew": "skew"}
TRAIN = "train"
OTHER_SPLIT: dict[Kind, str] = {"drift": TRAIN, "skew": SERVING}
VERDICT_FILE, ANOMALIES_FILE = "verdict.json", "SchemaDiff.pb"


@dataclass(frozen=True)
class Statistics:
    """A folder of StatisticsGen, and its identity in the verdict."""

    folder: Path
    identity: dict[str, str]


def pair(kind: Kind) -> str:
    """Return the name that TFX gives to a pair of splits."""
    return f"{TRAIN}_{OTHER_SPLIT[kind]}"


def validate(config: Config, kind: Kind, now: Statistics, other: Statistics | None, directory: Path) -> Verdict:
    """Judge, write verdict.json and SplitPair-*/SchemaDiff.pb into `directory`, and return the verdict.

    Raises:
        RunFailed: a split of the statistics is missing.
    """
    verdict = judge(
        config,
        kind,
        _columns(now, TRAIN),
        _columns(other, OTHER_SPLIT[kind]) if other else None,
        data=now.identity,
        baseline=other.identity if other else None,
    )
    (directory / VERDICT_FILE).write_text(verdict.to_json(), encoding="utf-8")
    if other:
        folder = directory / f"SplitPair-{pair(kind)}"
        folder.mkdir()
        (folder / ANOMALIES_FILE).write_bytes(_anomalies(verdict, kind))
    return verdict


def summary(verdict: Verdict) -> str:
    """Return the verdict in a few lines for the node's log."""
    return "\n".join(
        [f"{verdict.status}{': ' + verdict.note if verdict.note else ''}", *(f"  {c.slice}: {c.reason}" for c in verdict.checks)]
    )


def _columns(statistics: Statistics, split: str) -> Columns:
    found = read(statistics.folder)
    if split not in found:
        raise RunFailed(
            f"{statistics.folder}: no statistics of split '{split}'; known: {', '.join(found) or 'none'}",
            hint="run StatisticsGen again with --force",
        )
    return found[split]


def _anomalies(verdict: Verdict, kind: Kind) -> bytes:
    """Return a serialized Anomalies message: every measurement, and an anomaly for each failed check."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2, path_pb2

    types, measures = anomalies_pb2.AnomalyInfo.Type, anomalies_pb2.DriftSkewInfo.Measurement.Type
    of = {
        "l_infinity": (measures.L_INFTY, types.COMPARATOR_L_INFTY_HIGH),
        "jensen_shannon": (measures.JENSEN_SHANNON_DIVERGENCE, types.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH),
    }
    message = anomalies_pb2.Anomalies(anomaly_name_format=anomalies_pb2.Anomalies.AnomalyNameFormat.SERIALIZED_PATH)
    for check in verdict.checks:
        if check.value is None:
            continue
        path, (measure, anomaly) = path_pb2.Path(step=[check.slice]), of[check.name]
        info = message.drift_skew_info.add(path=path)
        measurements = info.drift_measurements if kind == "drift" else info.skew_measurements
        measurements.add(type=measure, value=check.value, threshold=check.bound)
        if check.passed is False:
            found = message.anomaly_info[check.slice]
            found.path.CopyFrom(path)
            found.severity = anomalies_pb2.AnomalyInfo.Severity.ERROR
            found.short_description, found.description = f"High {kind}", check.reason
            found.reason.add(type=anomaly, short_description=f"High {kind}", description=check.reason)
    return message.SerializeToString(deterministic=True)
