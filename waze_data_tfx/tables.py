"""What a config's data holds and what a run found, as plain rows and charts, for notebooks: `DataFrame(tables.metrics(run))`.

Called by users. A run is given as its `Result`, its id, a unique beginning of it, its folder, or `latest`; the facts are those
of its report. Reads only, and imports neither TensorFlow nor TFX.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .commands import Result, run_of
from .config.run_date import of_day
from .config.schema import Config
from .errors import UserError, unknown_name
from .evaluation.verdict import Check
from .report import compare as comparison
from .report import data, model
from .report.figure import Figure
from .report.source import Absent, Source, open_source

if TYPE_CHECKING:
    from .data.profile import FirstRows

__all__ = [
    "anomalies",
    "changes",
    "checks",
    "columns",
    "compared",
    "curves",
    "distributions",
    "history",
    "metrics",
    "rows",
    "schema",
    "schema_file",
    "splits",
    "statistics",
]
AnyRun = Result | str | os.PathLike[str]
Row = dict[str, Any]
T = TypeVar("T")


def rows(config: Config, n: int = 500) -> list[Row]:
    """Return the first rows of the config's first input file, or of its query; no rule is applied.

    Of a window it is today's, unless `data.window.run_date` says otherwise.

    Raises:
        DataError: there is no file or table, or it cannot be read or has no rows.
        UserError: TFRecord files, which have no header.
    """
    found: list[Row] = _first_rows(config, n).table.to_pylist()
    return found


def columns(config: Config) -> list[Row]:
    """Return a row per column of the config's first input file or of its query: type, use in the config, what it holds.

    Looks at no more than the first 200,000 rows; no node is run and no rule is applied.

    Raises:
        DataError: there is no file or table, or it cannot be read or has no rows.
        UserError: TFRecord files, which have no header.
    """
    from .data.profile import MAX_ROWS, profile

    found = profile(_first_rows(config, MAX_ROWS), config.label)
    return [
        {
            "column": c.name,
            "type": c.type,
            "used as": ", ".join(_uses(config, c.name)),
            "rows": c.n_rows,
            "missing": c.n_missing,
            "distinct": c.n_distinct,
            "least": c.least,
            "greatest": c.greatest,
            "most frequent": c.frequent[0][0] if c.frequent else None,
        }
        for c in found
    ]


def _first_rows(config: Config, n: int) -> "FirstRows":
    from .data.profile import of_file, of_query
    from .data.sources import file_format, input_files

    if config.data.query:
        return of_query(of_day(config), n)
    file = input_files(config)[0]
    kind = file_format(config, file)
    if kind == "tfrecord":
        raise UserError(
            f"{file}: a TFRecord file has no header to read columns from; expected CSV or Parquet",
            hint="run(config, end='StatisticsGen'), then tables.statistics",
        )
    return of_file(file, kind, n)


def splits(run: AnyRun) -> list[Row]:
    """Return a row per split: its name and number of rows; and one per rule: what it dropped."""
    rows = _read(run, data.rows)
    kept = [{"rows": name, "n": n, "what": "split"} for name, n in rows["splits"].items()]
    return [*kept, *({"rows": name, "n": n, "what": "dropped by this rule"} for name, n in rows["dropped"].items())]


def statistics(run: AnyRun) -> list[Row]:
    """Return a row per column and split: what StatisticsGen counted; numbers of text columns and texts of numbers are absent."""
    found = _read(run, data.splits_of)
    return [
        {
            "column": name,
            "split": split,
            "type": feature.kind,
            "rows": feature.n_rows,
            "missing": feature.n_missing,
            **feature.numbers,
            **({"distinct": feature.n_unique} if feature.n_unique is not None else {}),
            **({"most frequent": next(iter(feature.values))} if feature.values else {}),
        }
        for name in sorted({name for features in found.values() for name in features})
        for split, features in found.items()
        if (feature := features.get(name))
    ]


def distributions(run: AnyRun, columns: Sequence[str] | None = None) -> Figure:
    """Return a chart per column with all splits: densities of numbers, shares of the most frequent texts.

    Raises:
        UserError: a column that the run has no statistics of.
    """
    found = _read(run, data.splits_of)
    known = sorted({name for features in found.values() for name in features})
    for name in columns or ():
        if name not in known:
            raise UserError(f"columns: {unknown_name('column', name, known)}")
    series = {name: {s: f[name] for s, f in found.items() if name in f} for name in columns or known}
    return Figure(list(found), [(n, data.chart_of(s, f"{n}: {', '.join(s)}")) for n, s in series.items()])


def schema(run: AnyRun) -> list[Row]:
    """Return a row per column of the schema that the run's rows were checked with, inferred or curated."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    parsed = text_format.Parse(schema_file(run).read_text("utf-8"), schema_pb2.Schema())
    domains = {d.name: list(d.value) for d in parsed.string_domain}
    return [
        {
            "column": f.name,
            "type": schema_pb2.FeatureType.Name(f.type),
            "least share of rows with a value": f.presence.min_fraction,
            "values": _domain(f, domains),
        }
        for f in parsed.feature
    ]


def schema_file(run: AnyRun) -> Path:
    """Return the schema.pbtxt of the run: to copy, edit, and name under `schema.file`."""
    source = open_source(run_of(run))
    node = "ImportSchemaGen" if source.config.schema_.file else "SchemaGen"
    return _found(source, lambda s: s.artifact(node, "schema")) / "schema.pbtxt"


def anomalies(run: AnyRun) -> list[Row]:
    """Return a row per anomaly that ExampleValidator found: split and what; none is the good news."""
    return [{"split": split, "anomaly": line} for split, lines in _read(run, data.anomalies).items() for line in lines]


def history(run: AnyRun) -> list[Row]:
    """Return a row per epoch: every measure that the training noted, `val_` before those of the evaluation split."""
    return [{"epoch": i, **epoch} for i, epoch in enumerate(_read(run, model.read_training)["epochs"], 1)]


def metrics(run: AnyRun) -> list[Row]:
    """Return a row per slice and metric: of the candidate, and of the baseline where there is one."""
    return [
        {"slice": row["slice"] or "all rows", "metric": name, "value": value, "baseline": (row["baseline"] or {}).get(name)}
        for row in _read(run, model.read_metrics)
        for name, value in row["candidate"].items()
    ]


def checks(run: AnyRun) -> list[Row]:
    """Return a row per check of the gate's verdict."""
    verdict = _read(run, Source.verdict)
    return [{name: getattr(check, name) for name in Check.__dataclass_fields__} for check in verdict.checks]


def changes(first: AnyRun, second: AnyRun) -> list[Row]:
    """Return a row per dotted key of the config that the two runs do not share: its values."""
    both = [open_source(run_of(r)) for r in (first, second)]
    return [{"key": key, "first": a, "second": b} for key, a, b in comparison.config_changes(*both)]


def compared(first: AnyRun, second: AnyRun) -> list[Row]:
    """Return a row per metric and slice that both have, as `compare` shows it: values, change, its 95 % interval.

    `better` is None where the change may be chance. Numbers are rounded text, as on the page; `metrics` has them whole.
    """
    before, now = (open_source(run_of(r)) for r in (first, second))
    return _found(now, lambda s: comparison.metrics(before, s))


def curves(first: AnyRun, second: AnyRun | None = None) -> Figure:
    """Return a chart per measure of training: train and eval of one run; or two runs' eval, solid the first."""
    if second is None:
        return Figure(("train", "eval"), _read(first, model.training).curves)
    before, now = (open_source(run_of(r)) for r in (first, second))
    return Figure(comparison.NAMES, _found(now, lambda s: comparison.curves(before, s)))


def _read(run: AnyRun, read: Callable[[Source], T]) -> T:
    return _found(open_source(run_of(run)), read)


def _found(source: Source, read: Callable[[Source], T]) -> T:
    try:
        return read(source)
    except Absent as absent:
        raise UserError(f"run '{source.run.id}': {absent}", hint="run the config as far as that node, then ask again") from None


def _uses(config: Config, column: str) -> list[str]:
    """Return what the config makes of a column, by its keys."""
    named = [key for key in ("label", "key", "weight") if getattr(config, key) == column]
    groups = [f"features.{keys[0]}" for keys, name in config.features.columns() if name == column]
    slices = ["slices"] if any(column in s.columns for s in config.evaluation.slices) else []
    return list(dict.fromkeys([*named, *groups, *slices]))


def _domain(feature: Any, domains: Mapping[str, Sequence[str]]) -> str:
    """Return which values a schema's feature may have: the texts, or the range; "" for any."""
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        return ", ".join(domains.get(feature.domain, ()))
    if kind == "string_domain":
        return ", ".join(feature.string_domain.value)
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        low, high = (f"{getattr(domain, end):g}" if domain.HasField(end) else "" for end in ("min", "max"))
        return f"{low} to {high}"
    return kind or ""
