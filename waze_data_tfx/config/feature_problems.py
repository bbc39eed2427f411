"""Which settings under `features`, each valid, do not fit each other.

Called by `consistency`. Never reads a file; whether the data has the columns is for `data`.
"""

from collections.abc import Iterator
from itertools import pairwise

from .features import Bucket, Category, Dense, Features, Geo, Sequence, Text, Time

Problem = tuple[str, str]


def feature_problems(features: Features, label: str) -> Iterator[Problem]:
    """Yield (dotted key, what is wrong) of every feature that cannot be made."""
    types = features.column_types()
    if not (types or features.geo):
        groups = ", ".join(features.groups())
        yield "features", f"no feature; name at least one under {groups} or custom"
    yield from ((f"features.{_dotted(keys)}", "the label cannot be a feature") for keys, c in features.columns() if c == label)
    for keys, column in features.columns():
        wanted = features.read_as(str(keys[0])).get(column, types[column])
        if types[column] != wanted:
            yield (
                f"features.{_dotted(keys)}",
                f"is read as {types[column]} by another group and as {wanted} here; keep one of them",
            )
    yield from _within_groups(features)
    yield from _cross_problems(features)


def _dotted(keys: tuple[str | int, ...]) -> str:
    return ".".join(str(key) for key in keys)


def _within_groups(features: Features) -> Iterator[Problem]:
    for group, members in features.groups().items():
        for name, settings in members.items():
            for key, what in _of_one(settings):
                yield f"features.{group}.{name}{'.' if key else ''}{key}", what
    types = features.column_types()
    for name, time in features.time.items():
        if time.period is not None and types[name] == "string":
            yield f"features.time.{name}", "is read as string by another group; a cycle of a period needs a number"


def _of_one(settings: object) -> Iterator[Problem]:
    match settings:
        case Dense():
            yield from _dense_problems(settings)
        case Bucket():
            yield from _bucket_problems(settings)
        case Category(encoding="one_hot" | "id", separator=str()):
            yield "separator", f"only encoding multi_hot reads it; received encoding {settings.encoding}"
        case Text(ngrams=(shortest, longest)) if longest < shortest:
            yield "ngrams", f"the longest must not be shorter than the shortest; received [{shortest}, {longest}]"
        case Sequence(of="numbers"):
            yield from _given(settings, ("top_k", "num_oov_buckets"), "only ids read it; received of: numbers")
        case Time(period=float()):
            yield from _given(settings, ("format", "cycles", "utc_offset"), "does not go with period")
        case Geo():
            yield from _geo_problems(settings)


def _given(settings: object, keys: tuple[str, ...], what: str) -> Iterator[Problem]:
    yield from ((key, what) for key in keys if getattr(settings, key) is not None)


def _dense_problems(dense: Dense) -> Iterator[Problem]:
    if dense.clip:
        low, high = dense.clip
        if low is None and high is None:
            yield "clip", "expected a least or a greatest value; received neither"
        if low is not None and high is not None and low >= high:
            yield "clip", f"the least must be below the greatest; received [{low:g}, {high:g}]"
    if dense.winsorize and dense.winsorize[0] >= dense.winsorize[1]:
        low, high = dense.winsorize
        yield "winsorize", f"the lower quantile must be below the upper; received [{low:g}, {high:g}]"


def _bucket_problems(bucket: Bucket) -> Iterator[Problem]:
    if (bucket.count is None) == (bucket.boundaries is None):
        yield "", f"expected count or boundaries; received {'neither' if bucket.count is None else 'both'}"
    boundaries = bucket.boundaries or ()
    if any(a >= b for a, b in pairwise(boundaries)):
        yield "boundaries", f"must ascend; received {list(boundaries)}"


def _geo_problems(geo: Geo) -> Iterator[Problem]:
    ends = (geo.from_ is not None) + (geo.to is not None)
    if (geo.at is None) == (ends == 0) or ends == 1:
        received = [name for name, value in (("at", geo.at), ("from", geo.from_), ("to", geo.to)) if value]
        yield "", f"expected at, or from and to; received {' and '.join(received) or 'none of them'}"
    elif geo.at is None:
        yield from _given(geo, ("cell", "top_k"), "only a position given by at reads it")


def _cross_problems(features: Features) -> Iterator[Problem]:
    types = features.column_types()
    for name, cross in features.cross.items():
        for i, column in enumerate(cross.columns):
            if types[column] == "float" and column not in features.bucket:
                yield (
                    f"features.cross.{name}.columns.{i}",
                    f"'{column}' is read as float, and nearly every row would have its own combination; name it under bucket too",
                )
