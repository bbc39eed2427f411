"""What the commands do, for the command line and for Python: check, plan, run, compare, predict.

`cli` prints what comes back; `from waze_data_tfx import run` hands it to the caller. Every function takes a config as it was made
in Python (relative paths: to the working directory), or the path of a YAML file. Imports nothing heavy at the top.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import errors
from .config import Config, Loaded
from .config.change import change
from .config.load import from_python
from .config.load import load as load_file
from .config.run_date import dated
from .config.writing import to_yaml
from .history.record import VERDICT_FILE

if TYPE_CHECKING:
    from .data.engines import Cost
    from .evaluation.verdict import Verdict
    from .history.record import Run
    from .runners.cache import Planned, Selection

__all__ = [
    "Result",
    "change",
    "check",
    "checked",
    "compare",
    "costs",
    "error_of",
    "execute",
    "load",
    "loaded_of",
    "plan",
    "predict",
    "run",
    "run_date_of",
    "run_of",
    "saved",
    "to_yaml",
    "verdict_of",
]
FROM_PYTHON = "from_python.yaml"
"""Below the root: the YAML of the config of the last run from Python, for the commands that a run's messages name."""
FUNCTIONS = (
    ("features", "preprocessing_fn", (1, 2)),
    ("model", "build_model", (2, 2)),
    ("pipeline", "nodes", (1, 1)),
    ("pipeline", "build", (2, 2)),
)
Source = Config | str | os.PathLike[str]
Day = str | date


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        id: the run's.
        state: done, refused (by the gate or InfraValidator) or stopped (by anomalies, drift or skew); a failed run raises.
        exit_code: what the command line would exit with: 0 for done, 3 for the others.
        message: why it was refused or stopped.
        verdict: the gate's, or None if the run did not come so far.
        version: that was pushed, or None.
        report: the run's report, or None if it could not be written.
        folder: the run's.
        seconds: it took.
    """

    id: str
    state: str
    exit_code: int
    message: str
    verdict: "Verdict | None"
    version: int | None
    report: Path | None
    folder: Path
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the whole evaluation split, by name."""
        checks = self.verdict.checks if self.verdict else []
        return {c.name: c.value for c in checks if not c.slice and c.value is not None}


def load(path: str | os.PathLike[str], *, env: str = "local", sets: Iterable[str] = ()) -> Config:
    """Return the config of a YAML file, with absolute paths.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    return load_file(path, env=env, sets=sets).config


def check(config: Source, *, env: str = "local", run_date: Day | None = None) -> None:
    """Check what can be checked without running: the config, the columns it names, rules and the functions in your files.

    Args:
        config: made in Python, or the path of a YAML file.
        env: where it runs.
        run_date: the day that a run would be of, for a config with a window; default: today.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    checked(loaded_of(config, env), run_date=run_date)


def plan(
    config: Source,
    *,
    env: str = "local",
    start: str | None = None,
    end: str | None = None,
    force: bool = False,
    run_date: Day | None = None,
) -> "list[Planned]":
    """Return for each node what a run would do and why: `node.id`, `decision`, `reason`; runs nothing.

    Raises:
        UserError: the config, or a node's name, is wrong.
    """
    from . import runners
    from .runners.cache import Selection

    loaded = checked(loaded_of(config, env), run_date=run_date)
    planned: list[Planned] = runners.get(loaded.config.env.runner)(loaded, env).plan(Selection(start, end, force))
    return planned


def costs(config: Source, *, env: str = "local", run_date: Day | None = None) -> "list[Cost]":
    """Return what running the config's query reads, by table: rows and bytes; BigQuery's dry run where it is the engine.

    Nothing is read and nothing billed. Empty where the rows come from files.

    Raises:
        NoCredentials: BigQuery is the engine and nobody is logged in.
        DataError: the query cannot be run.
    """
    from .data.engines import engine_of

    loaded = dated(loaded_of(config, env), run_date)
    return engine_of(loaded.config).costs() if loaded.config.data.query else []


def run(
    config: Source,
    *,
    env: str = "local",
    start: str | None = None,
    end: str | None = None,
    resume: bool = False,
    force: bool = False,
    run_date: Day | None = None,
    quiet: bool = False,
) -> Result:
    """Run the pipeline as `waze-tfx run` does; return how it ended, pushed, refused or stopped by its data.

    Args:
        config: made in Python, or the path of a YAML file.
        env: where it runs.
        start: node to start at; what comes before is taken from earlier runs.
        end: node to stop after.
        resume: go on with the newest run after a failure or a kill.
        force: reuse nothing.
        run_date: the day that the run is of, for a config with a window; default: today, or that of the run that is resumed.
        quiet: print nothing.

    Raises:
        WazeTfxError: as the tree in `waze_data_tfx.errors` says; with the report's path as a note where a run had begun.
    """
    from .report.text import print_end
    from .runners.cache import Selection

    undated = loaded_of(config, env)
    loaded = checked(undated, run_date=run_date_of(undated, run_date, resume=resume))
    if isinstance(config, Config):
        loaded, env = saved(undated, loaded), "local"  # the file holds what the environment's overlay said
    done, report = execute(loaded, env, Selection(start, end, force), resume=resume, quiet=quiet)
    if done.state not in ("done", "refused", "stopped"):
        error = error_of(done)
        error.add_note(f"report: {report}")
        raise error
    result = _result(done, report)
    if not quiet:
        print_end(done, result.verdict, report)
    return result


def compare(first: "Result | str", second: "Result | str", *, output: Path | None = None) -> Path:
    """Write two runs side by side and return the page; a run is its result, its id or its folder.

    Raises:
        UserError: no such run.
    """
    from .report import compare as comparison

    return Path(comparison.write(run_of(first), run_of(second), output))


def run_of(named: "Result | str | os.PathLike[str]") -> "Run":
    """Return the record of a run, given as its result, its id, a unique beginning of it, its folder, or `latest`.

    Raises:
        UserError: no such run.
        RunFailed: its record is damaged.
    """
    from .history.record import find_run, known_roots
    from .runners.local import open_run

    name = str(named.folder) if isinstance(named, Result) else os.fspath(named)
    return open_run(find_run(name, known_roots()).folder)


def predict(
    config: Source, rows: Any, *, env: str = "local", version: int | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return for each row every output of the pushed model, then the row's columns.

    Args:
        config: of the pipeline that pushed the model.
        rows: a file, a list of dicts, a dict of columns, or a pandas DataFrame.
        env: where the pipeline runs.
        version: pushed version; default: the current one.
        limit: rows to predict; default: all.

    Raises:
        UserError: nothing pushed yet, no such version or file.
        DataError: the rows do not have the columns or types that the model reads.
    """
    from .prediction import predict_file, predict_rows

    loaded = loaded_of(config, env).config
    if isinstance(rows, str | os.PathLike):
        return predict_file(loaded, Path(rows), version=version, limit=limit)
    return predict_rows(loaded, rows, version=version, limit=limit)


def checked(loaded: Loaded, *, run_date: Day | None = None) -> Loaded:
    """Return the config of a day's run, its days literal, checked as far as that goes without running.

    Args:
        loaded: the config.
        run_date: the day that a run is of; default: today. Only a config with a window has one.

    Raises:
        ConfigError: with every problem found, one line each.
        UserError: a run date that is none, or that nothing would read.
    """
    from .config.agent import own_classes
    from .data.problems import check_columns
    from .data.query import window_problems
    from .usercode import check_class, check_function, offer

    loaded = dated(loaded, run_date)
    problems = window_problems(loaded)
    try:
        problems = problems or check_columns(loaded)  # without its parameters, no query has columns
    except errors.NoCredentials as error:  # the graph can be shown all the same; a run will say it again
        print(f"not checked: the query and its columns: {error}", file=sys.stderr)
    for section, function, n_args in FUNCTIONS:
        if file := getattr(loaded.config.code, section):
            try:
                check_function(file, function, n_args)
            except errors.UserCodeError as error:
                problems.append(str(error))
    if loaded.config.code.agent:
        offer(loaded.config.code.agent)
    for key, name in own_classes(loaded.config.bandit.agent, ("bandit", "agent")) if loaded.config.bandit else ():
        try:
            check_class(name)
        except errors.UserCodeError as error:
            problems.append(f"{loaded.where(*key)}: '{name}': {error}")
    if problems:
        raise errors.ConfigError(problems)
    return loaded


def run_date_of(loaded: Loaded, given: Day | None, *, resume: bool) -> Day | None:
    """Return the day that a run is of: a run that goes on keeps its own, even tomorrow.

    Raises:
        UserError: another day is asked for than that of the run that would go on.
    """
    from .history.record import newest_run

    if not resume or loaded.config.data.window is None:
        return given
    assert loaded.config.root is not None
    newest = newest_run(loaded.config.root)
    own = newest.window.get("run_date") if newest else None
    if newest and given and own and str(given) != own:
        raise errors.UserError(
            f"--resume --run-date {given}: run {newest.id} is of {own}",
            hint="take one of the two away: --resume keeps the run's day",
        )
    return own or given


def execute(loaded: Loaded, env: str, selection: "Selection", *, resume: bool, quiet: bool) -> "tuple[Run, str]":
    """Run a checked config and write its report; return the run's record, and the report's path or why there is none.

    Raises:
        UserError: what `resume` and `force` ask for together, or a node's name, makes no sense.
        Locked: another run holds the root.
    """
    from . import runners

    if resume and selection.force:
        raise errors.UserError("--resume --force: contradict each other; expected one of them")
    run = runners.get(loaded.config.env.runner)(loaded, env, quiet=quiet).run(selection, resume=resume)
    return run, _write_report(run)


def verdict_of(folder: Path, name: str = VERDICT_FILE) -> "Verdict | None":
    """Return the gate's verdict of the run in the folder, or INFRA_VERDICT_FILE's; None if the run did not come so far."""
    from .evaluation.verdict import Verdict

    path = folder / name
    return Verdict.from_json(path.read_text("utf-8")) if path.is_file() else None


def loaded_of(config: Source, env: str) -> Loaded:
    """Return the config with its environment and absolute paths, of no day yet.

    Raises:
        ConfigError: with every problem found, one line each.
    """
    return from_python(config, env=env) if isinstance(config, Config) else load_file(config, env=env)


def saved(undated: Loaded, loaded: Loaded) -> Loaded:
    """Write the YAML of a config from Python below its root, where the commands in a run's messages find it.

    Args:
        undated: the config as it was given, of no day.
        loaded: the same of the run's day, which is returned with the file's path.
    """
    from .history.record import write_text

    assert loaded.config.root is not None
    path = loaded.config.root / FROM_PYTHON
    text = f"# The config of the last run from Python; written by waze_data_tfx.run.\n{to_yaml(undated.config)}"
    try:
        write_text(path, text)
    except OSError as error:
        raise errors.UserError(
            f"{loaded.where('root')}: {path.parent} cannot be written: {error.strerror}", hint="give Config another root"
        ) from error
    return Loaded(loaded.config, path, loaded.positions)


def error_of(run: "Run") -> errors.WazeTfxError:
    """Return the error that a failed or interrupted run ended with."""
    noted: Mapping[str, str] | None = next((n.error for n in run.nodes.values() if n.state == "failed" and n.error), None)
    if noted:
        return errors.BY_NAME.get(noted["type"], errors.RunFailed)(noted["message"], hint=noted["hint"])
    kind = {c.exit_code: c for c in (errors.UserError, errors.RunFailed, errors.Interrupted)}.get(run.exit_code or 1)
    return (kind or errors.RunFailed)(run.message)


def _write_report(run: "Run") -> str:
    """Write a run's report and return where, or why not: a report that fails changes nothing of how the run ended."""
    from .history import environment
    from .report import page

    try:
        environment.record(run.folder)
        return str(page.write(run))
    except Exception as error:  # noqa: BLE001  whatever is wrong with the page, the run has ended as it has
        return f"not written: {type(error).__name__}: {error}"


def _result(run: "Run", report: str) -> Result:
    page = Path(report)
    return Result(
        id=run.id,
        state=run.state,
        exit_code=run.exit_code or 0,
        message=run.message,
        verdict=verdict_of(run.folder),
        version=run.pushed_version,
        report=page if page.is_file() else None,
        folder=run.folder,
        seconds=run.seconds or 0.0,
    )
