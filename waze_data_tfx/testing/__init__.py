"""What your own tests import: rows in, transformed rows out, in seconds and without a pipeline; and checks built on it.

May import anything of the project; nothing of the project imports it. Importing it costs nothing: the work is done by one
worker process per test session, started at its first use. Under pytest, `plugin` gives the same as fixtures;
`strategies` makes rows for Hypothesis.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from .properties import assert_finite, assert_ids_within, assert_in_range

__all__ = [
    "assert_finite",
    "assert_ids_within",
    "assert_in_range",
    "check_no_leak",
    "check_parity",
    "check_template",
    "transform_rows",
]

Rows = Sequence[Mapping[str, Any]]
"""Column -> value; a column that is left out or None is missing, and so are "", NaN and infinities, as in a file."""


def transform_rows(config_path: str | Path, rows: Rows, *, fit_rows: Rows | None = None) -> list[dict[str, Any]]:
    """Fit the config's features on `fit_rows` and return `rows` transformed.

    Reads the rows as ExampleGen reads a file, fits the very preprocessing_fn that the Transform node runs with the
    node's own code, and applies the exported graph.

    Args:
        config_path: the pipeline's YAML file.
        rows: what to transform. The label may be left out.
        fit_rows: what the analyzers see; default: `rows`.

    Returns:
        One dict per row: output name -> number, string, or list for vectors; label, weight and key left out.

    Raises:
        WazeTfxError: as the ExampleGen and Transform nodes would.
    """
    from .session import ask

    return ask("transform", config_path, rows=_plain(rows), fit_rows=_plain(fit_rows))


def check_parity(config_path: str | Path, rows: Rows, *, fit_rows: Rows | None = None) -> list[dict[str, Any]]:
    """Check that the rows are transformed alike on every road, and return them transformed.

    The roads: `training` (the Transform node's transformed examples), `graph` (the saved transform graph, all rows in one
    batch), `serving_default` (serialized tf.Examples, one row per call; NaN, infinities and "" are sent as they are), `raw`
    (typed columns, in which NaN, "" and -2**63 mean missing) and `fitted again` (the analyzers, run a second time on the
    same rows).

    Raises:
        AssertionError: naming feature, row, both values and the road.
        WazeTfxError: as the ExampleGen and Transform nodes would.
    """
    from .comparison import told
    from .session import ask

    answer = ask("parity", config_path, rows=_plain(rows), fit_rows=_plain(fit_rows))
    if answer["differences"]:
        hint = "let a feature depend only on its row and on analyzers: no random, counted or batch-wide value"
        raise AssertionError(told("the rows are not transformed alike", answer["differences"], hint))
    return answer["rows"]


def check_no_leak(
    config_path: str | Path,
    rows: Rows | None = None,
    *,
    n_rows: int = 2000,
    threshold: float = 0.99,
    allow: Sequence[str] = (),
) -> dict[str, float]:
    """Check that no feature gives the label away, and return how well each column and feature predicts it alone.

    Structure: with the labels in another order, and without labels, every transformed feature stays the same.
    Statistics: a decision tree (scikit-learn, depth 8) on each input column and each transformed feature alone, fitted on
    every other row and scored on the rest: R2 in regression, else the area under the ROC curve, one class against the rest.

    Args:
        config_path: the pipeline's YAML file.
        rows: rows with a label; default: the first `n_rows` of the config's own data that its rules keep.
        n_rows: how many rows of the config's data are read.
        threshold: score from which on a column or feature is called a leak.
        allow: columns and features that may score higher.

    Raises:
        AssertionError: naming each column or feature above the threshold, and its score.
        UserError: an unknown name in `allow`, too few rows, or scikit-learn is not installed.
    """
    from .leaks import judged
    from .session import ask

    answer = ask("leaks", config_path, rows=_plain(rows), n_rows=n_rows)
    judged(answer, threshold=threshold, allow=allow)
    return answer["scores"]


def check_template(folder: str | Path, *, steps: Sequence[Literal["check", "test", "run"]] = ("check", "test", "run")) -> None:
    """Check that an untouched copy of a template passes `waze-tfx check`, its own tests and a run that pushes.

    Args:
        folder: a folder with a config.yaml, as `waze-tfx new` makes them; or the name of one of this package's templates.
        steps: what to do with the copy.

    Raises:
        AssertionError: with the command that failed and what it printed.
        UserError: no such folder or template.
    """
    from .template import check

    check(folder, steps)


def _plain(rows: Rows | None) -> list[dict[str, Any]] | None:
    return None if rows is None else [dict(row) for row in rows]
