"""Which columns are watched by which measure, and whether they have moved further than the config allows.

Called by DistributionValidator with the statistics of the training rows and of what they are held against. Pure; imports nothing
heavy. Never stops a run: what a failed check means is the policy's, read by `runners.verdicts`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..config.monitoring import Measure, Watch
from ..config.schema import Config
from ..evaluation.verdict import Check, Verdict
from .distances import Distance, distance
from .statistics import Feature

Kind = Literal["drift", "skew"]
Columns = Mapping[str, Feature]
NO_EARLIER = "no earlier statistics to compare with"
MIN_ROWS = 200
"""With fewer rows on a side, chance alone moves a column by as much as the default thresholds allow (docs/monitoring.md)."""
OTHER: dict[Kind, str] = {"drift": "in the earlier rows", "skew": "in the serving rows"}


@dataclass(frozen=True)
class Watched:
    """How one column is judged: by which measure and threshold, or why not."""

    measure: Measure
    threshold: float
    unjudged: str = ""


def watch_of(config: Config, kind: Kind) -> Watch:
    """Return the section of the config; it must have been written."""
    watch = config.monitoring.drift if kind == "drift" else config.monitoring.skew
    assert watch is not None
    return watch


def watched(config: Config, watch: Watch) -> dict[str, Watched]:
    """Return how each column is judged; a column that is named under `columns` always is."""
    found = {}
    for column, type_ in config.column_types().items():
        own = watch.columns.get(column)
        categorical = type_ == "string" or (type_ == "int" and _is_category(config, column))
        measure = (own and own.measure) or ("l_infinity" if categorical else "jensen_shannon")
        default = watch.threshold.categorical if measure == "l_infinity" else watch.threshold.numeric
        threshold = own.threshold if own and own.threshold is not None else default
        found[column] = Watched(measure, threshold, "" if own else _unjudged(config, watch, column))
    return found


def settings(config: Config, kind: Kind) -> dict[str, Any]:
    """Return what the verdict depends on, for the cache key; the policy is not part of it."""
    return {column: vars(how) for column, how in watched(config, watch_of(config, kind)).items()}


def judge(
    config: Config,
    kind: Kind,
    now: Columns,
    other: Columns | None,
    *,
    data: dict[str, str],
    baseline: dict[str, str] | None,
    note: str = NO_EARLIER,
) -> Verdict:
    """Compare the training rows with the earlier or the serving rows.

    Args:
        config: the resolved config.
        kind: which section of `monitoring` holds.
        now: statistics of the training split by column.
        other: of the earlier run's training split, or of the serving rows; None if there are none.
        data: identity of `now`.
        baseline: identity of `other`.
        note: why there is no `other`; kept only then.

    Returns:
        A verdict with one check per column, named by its measure, the column as slice; refused if any has moved too far.
    """
    if other is None:
        return Verdict("blessed", (), {}, data, None, note)
    checks = tuple(_checks(config, kind, now, other))
    failed = [c.slice for c in checks if c.passed is False]
    hint = ""
    if failed:
        section = f"monitoring.{kind}"
        hint = (
            f"look into {', '.join(failed[:3])} in the report; if the change is meant, raise {section}.columns.{failed[0]}, "
            f"or accept it for one run with --set {section}.policy=warn"
        )
    return Verdict("refused" if failed else "blessed", checks, {}, data, baseline, "", hint)


def _checks(config: Config, kind: Kind, now: Columns, other: Columns) -> Iterator[Check]:
    n_rows = [max((f.n_rows for f in columns.values()), default=0) for columns in (other, now)]
    few = ""
    if min(n_rows) < MIN_ROWS:
        few = f"{n_rows[1]} rows against {n_rows[0]}, expected at least {MIN_ROWS}"
    for column, how in watched(config, watch_of(config, kind)).items():
        why = how.unjudged or _cannot(config, kind, column, other.get(column)) or few
        before, after = (columns.get(column) or _all_missing(column, n) for columns, n in zip((other, now), n_rows, strict=True))
        far = distance(before, after, how.measure)
        if far is None:
            yield _check(column, how, None, None, f"not judged: {why or _incomparable(kind, before, after)}")
            continue
        said = f"{how.measure} {far.value:.4g}"
        if why:
            yield _check(column, how, far.value, None, f"{said}, not judged: {why}")
            continue
        passed = far.value <= how.threshold
        moved = _moved(kind, before, after, far)
        yield _check(column, how, far.value, passed, f"{said} {'<=' if passed else '>'} {how.threshold:.4g}: {moved}")


def _check(column: str, how: Watched, value: float | None, passed: bool | None, reason: str) -> Check:
    return Check(how.measure, column, value, how.threshold, None, None, None, passed, reason)


def _cannot(config: Config, kind: Kind, column: str, other: Feature | None) -> str:
    """Return why a column cannot be held against the other side, which lacks it; a feature that no serving row has is skew."""
    if other is not None or (kind == "skew" and column in config.features.column_types()):
        return ""
    return f"no value {OTHER[kind]}"


def _incomparable(kind: Kind, other: Feature, now: Feature) -> str:
    if not now.n_present and not other.n_present:
        return "no value on either side"
    return f"{other.kind} {OTHER[kind]}, {now.kind} now"


def _moved(kind: Kind, before: Feature, now: Feature, far: Distance) -> str:
    """Return in a person's words what changed most."""
    names = ("earlier", "now") if kind == "drift" else ("serving", "training")

    def sides(words: Iterable[str]) -> str:
        return ", ".join(f"{name} {word}" for name, word in zip(names, words, strict=True))

    if far.moved:
        return f"share of '{far.moved}': {sides(f'{share:.1%}' for share in far.shares)}"
    both = (before, now)
    medians = sides(f"{f.numbers['median']:.4g}" if f.numbers else "none" for f in both)
    missing = sides(f"{f.missing:.1%}" for f in both) if before.n_missing or now.n_missing else ""
    return f"median: {medians}" + (f"; missing: {missing}" if missing else "")


def _is_category(config: Config, column: str) -> bool:
    return column in config.features.category or (column == config.label and bool(config.class_names))


def _unjudged(config: Config, watch: Watch, column: str) -> str:
    """Return why a column is not judged unless it is named."""
    if column in watch.ignore:
        return "ignored by the config"
    if column == config.key:
        return "it is the key"
    time = config.features.time.get(column)
    if time is not None and time.period is None:
        return "a moment moves by nature; give it a threshold under columns to have it judged"
    return ""


def _all_missing(column: str, n_rows: int) -> Feature:
    return Feature(column, "string", n_rows, n_rows, {}, (), (), {}, None)
