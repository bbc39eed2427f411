"""The commands of `waze-tfx`. Every heavy import stands inside a function: `--help` and `check` never load TensorFlow.

Each command reads like the road that data takes: load the config, plan, run, show. Errors end here, in `main`.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import errors

app = typer.Typer(
    name="waze-tfx",
    help="Config + preprocessing_fn + model builder -> a complete TFX pipeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The pipeline's YAML file.")]
EnvName = Annotated[str, typer.Option("--env", help="Overlay: where it runs.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as training.epochs=3.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, a run's folder, or latest.")]
OfConfig = Annotated[Path | None, typer.Option("--config", help="Look only at this pipeline's runs.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="HTML file; default: in the run's folder.")]
From = Annotated[str | None, typer.Option("--from", metavar="NODE", help="Start here; nodes before are taken from earlier runs.")]
To = Annotated[str | None, typer.Option("--to", metavar="NODE", help="Stop after this node.")]
RunDate = Annotated[
    str | None,
    typer.Option("--run-date", metavar="DATE", help="Day that the run is of, for data.window; default: today in its time zone."),
]
Force = Annotated[bool, typer.Option("--force", help="Reuse nothing.")]


def _list_templates(asked: bool) -> None:
    """Print the templates and leave, if that is what was asked for."""
    if not asked:
        return
    from . import scaffold
    from .report.text import print_table

    print_table(("TEMPLATE", "WHAT IT IS"), scaffold.summaries().items())
    raise typer.Exit()


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Folder to make; its last part becomes the pipeline's name.")],
    template: Annotated[
        str | None, typer.Option("--template", "-t", help="What to fork; default: taxi; --list shows them.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="List the templates.", is_eager=True, callback=_list_templates, show_default=False)
    ] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Instead: a config for this CSV or Parquet file.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Column to predict, of --data; default: a guess.")] = None,
) -> None:
    """Fork a template: a config, your features, your model and their test. Or begin with your own file: a config for it."""
    from . import proposal, scaffold

    target = Path(name).expanduser()
    if template and data:
        raise errors.UserError("--template --data: contradict each other; expected one of them")
    if label and not data:
        raise errors.UserError("--label: names a column of --data; received no --data", hint="add --data FILE")
    if data:
        path, proposed = proposal.create(target, data.expanduser(), label)
        print(path)
        print(f"  {proposed.task.replace('_', ' ')} of {proposed.label}: {proposed.label_note}")
        print(f"  {len(proposed.features)} features" + "".join(f"\n  left out: {n}: {why}" for n, why in proposed.left_out))
    else:
        for path in scaffold.create(target, template or "taxi"):
            print(path)
    print(f"\nnext: waze-tfx run {target / 'config.yaml'}")


@app.command()
def check(
    config: ConfigPath, env: EnvName = "local", sets: Sets = None, run_date: RunDate = None, as_json: AsJson = False
) -> None:
    """Validate a config, the columns it names and the functions in your files; in under a second."""
    loaded = _checked(config, env, sets, run_date)
    if as_json:
        _print_json({"ok": True, "config": str(loaded.path), "name": loaded.config.name})
    else:
        print(f"{config}: ok; next: waze-tfx plan {config}")


@app.command()
def plan(
    config: ConfigPath,
    env: EnvName = "local",
    sets: Sets = None,
    start: From = None,
    end: To = None,
    force: Force = False,
    run_date: RunDate = None,
    as_json: AsJson = False,
) -> None:
    """Show the graph, what would be executed or reused and why, and where things go; runs nothing."""
    from . import runners
    from .runners.cache import Selection

    loaded = _checked(config, env, sets, run_date)
    runner = runners.get(loaded.config.env.runner)(loaded, env)
    planned = runner.plan(Selection(start, end, force))
    places = {
        "root": loaded.config.root,
        "metadata": loaded.config.env.metadata.sqlite,
        "push": loaded.config.push.directory,
        "registry": loaded.config.registry.directory,
        "runner": loaded.config.env.runner,
    }
    reads = _costs(loaded.config)
    window = loaded.config.data.window
    if window is not None:
        places["window"] = window.described()
    if as_json:
        nodes = [
            {"id": p.node.id, "upstream": p.node.upstream, "decision": p.decision, "reason": p.reason, "key": p.key}
            for p in planned
        ]
        _print_json({"nodes": nodes, "places": places, "reads": reads})
        return
    from .report.text import print_costs, print_table

    print_table(
        ("NODE", "AFTER", "WOULD", "WHY"), ((p.node.id, ", ".join(p.node.upstream), p.decision, p.reason) for p in planned)
    )
    if reads:
        print()
        print_costs(reads)
    print()
    print_table(("WHAT", "WHERE"), places.items())


@app.command()
def run(
    config: ConfigPath,
    env: EnvName = "local",
    sets: Sets = None,
    start: From = None,
    end: To = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run after a failure or a kill.")] = False,
    force: Force = False,
    run_date: RunDate = None,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline; ends with a pushed model, or says why not.

    Exit codes: 0 pushed or a clean partial run, 1 failed, 2 your mistake, 3 refused or stopped by its data, 75 another
    run holds the root, 130 interrupted and resumable.
    """
    from .commands import execute, verdict_of
    from .report.text import print_end
    from .runners.cache import Selection

    loaded = _checked(config, env, sets, run_date, resume=resume)
    done, report = execute(loaded, env, Selection(start, end, force), resume=resume, quiet=as_json)
    if as_json:
        from dataclasses import asdict

        _print_json({**asdict(done), **_verdicts_json(done.folder), "report": report})
    else:
        print_end(done, verdict_of(done.folder), report, then=_next(done, config))
    raise typer.Exit(done.exit_code or 0)


@app.command()
def backfill(
    config: ConfigPath,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="Run date of the first cycle.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Run date up to which there are cycles, itself included.")],
    env: EnvName = "local",
    sets: Sets = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cycles and what has come of them; run nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the cycles of the config's window, one after the other: a run date every step from --from to --to.

    A cycle that an earlier backfill has finished is left as it is; a refused one is noted and the next goes on; the first that
    fails ends it. Exit codes: 0 all done, 3 some refused or stopped by their data, else that of the run that failed.
    """
    from .config import load
    from .cycles import SETTLED, backfill_of, exit_code
    from .report.text import print_table

    found = backfill_of(load(config, env=env, sets=sets or ()), start, end, env=env, quiet=as_json)
    cycles = []
    try:
        for cycle in found.look() if dry_run else found.run():
            cycles.append(cycle)
    finally:  # also when a cycle cannot begin: those before it have run
        if cycles and not as_json:
            rows = ((c.run_date, f"{c.start} to {c.end}", c.shown_state, c.rows, c.verdict, c.version, c.run) for c in cycles)
            print()
            print_table(("CYCLE", "WINDOW", "STATE", "ROWS", "VERDICT", "VERSION", "RUN"), rows)
    failed = next((c for c in cycles if c.state not in (*SETTLED, "waiting")), None)
    go_on = found.command(failed) if failed else None
    if as_json:
        from dataclasses import asdict

        _print_json({"cycles": [asdict(c) for c in cycles], "exit_code": exit_code(cycles), "next": go_on})
    elif failed:
        print(f"{failed.state}: cycle {failed.run_date}: {failed.message}\n  next: {go_on}", file=sys.stderr)
    raise typer.Exit(exit_code(cycles))


@app.command()
def runs(
    config: Annotated[Path | None, typer.Argument(metavar="[CONFIG]", help="Only this pipeline's runs.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Newest runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from dataclasses import asdict

    from .runners.local import open_run

    folders = sorted((f.parent for root in _roots(config) for f in (root / "runs").glob("*/run.json")), key=lambda f: f.name)
    found = []
    for folder in reversed(folders[-limit:]):
        try:
            found.append(open_run(folder))
        except errors.RunFailed as error:
            print(f"left out: {error.message}", file=sys.stderr)
    if as_json:
        _print_json([asdict(r) for r in found])
    elif found:
        from .report.text import print_runs

        print_runs(found)
    else:
        print("no runs yet")


@app.command()
def show(name: RunName, config: OfConfig = None, as_json: AsJson = False) -> None:
    """Show a run: states, times, artifacts, lineage and the gate's verdict."""
    from .history.metadata import read_history
    from .history.record import INFRA_VERDICT_FILE, find_run
    from .runners.local import open_run

    found = open_run(find_run(name, _roots(config)).folder)
    executions = read_history(found.config()).of_run(found.id)
    if as_json:
        from dataclasses import asdict

        artifacts = {n: {k: [a.uri for a in v] for k, v in e.outputs.items()} for n, e in executions.items()}
        _print_json({**asdict(found), "artifacts": artifacts, **_verdicts_json(found.folder)})
        return
    from .commands import verdict_of
    from .report.text import print_run

    print_run(found, verdict_of(found.folder), executions, verdict_of(found.folder, INFRA_VERDICT_FILE))


@app.command()
def report(name: RunName, config: OfConfig = None, output: Output = None) -> None:
    """Write a run's report: one HTML file that opens without a network."""
    from .history.record import find_run
    from .report import page
    from .runners.local import open_run

    print(page.write(open_run(find_run(name, _roots(config)).folder), output))


@app.command()
def compare(first: RunName, second: RunName, config: OfConfig = None, output: Output = None) -> None:
    """Write two runs side by side: what was changed and what came of it."""
    from .history.record import find_run
    from .report import compare as comparison
    from .runners.local import open_run

    one, other = (open_run(find_run(name, _roots(config)).folder) for name in (first, second))
    print(comparison.write(one, other, output))


@app.command()
def predict(
    config: ConfigPath,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="CSV, Parquet or TFRecord file with the feature columns; default: the query's rows."),
    ] = None,
    env: EnvName = "local",
    sets: Sets = None,
    version: Annotated[int | None, typer.Option("--version", help="Pushed version; default: the current one.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows to predict.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Try the pushed model on rows of a file, or on the first rows of the config's query."""
    from .config import load
    from .prediction import predict_file, predict_rows

    loaded = load(config, env=env, sets=sets or ()).config
    if input_file is not None:
        rows = predict_file(loaded, input_file, version=version, limit=limit)
    elif loaded.data.query is None:
        raise errors.UserError("predict: expected --input; received none", hint="add --input FILE, with the feature columns")
    else:
        from .config.run_date import of_day
        from .data.profile import of_query

        rows = predict_rows(loaded, of_query(of_day(loaded), limit).table.to_pylist(), version=version, limit=limit)
    if as_json:
        _print_json(rows)
        return
    from .report.text import print_predictions

    print_predictions(rows)


@app.command()
def rollback(
    config: ConfigPath,
    to: Annotated[int | None, typer.Option("--to", help="Version; default: the one before the current.")] = None,
    env: EnvName = "local",
    sets: Sets = None,
) -> None:
    """Make an earlier pushed version the current one in the push directory, which serves; the registry is left as it is."""
    from . import versions
    from .config import load

    directory = load(config, env=env, sets=sets or ()).config.push.directory
    assert directory is not None
    before = versions.usable_current(directory)
    print(f"{directory}: version {versions.rollback(directory, to)} is current; was {before or 'none'}")


registered = typer.Typer(
    help="The model registry: list its generations, choose the current one; what serves is left as it is.", no_args_is_help=True
)
app.add_typer(registered, name="registry")


@registered.command("list")
def list_generations(config: ConfigPath, env: EnvName = "local", sets: Sets = None, as_json: AsJson = False) -> None:
    """List the registry's generations, the newest first: which is current, and what is known of each."""
    from . import registry

    directory = _registry_of(config, env, sets)
    found = registry.generations(directory)
    if as_json:
        from dataclasses import asdict

        _print_json([asdict(g) for g in found])
    elif found:
        from .report.text import print_generations

        print_generations(found)
    else:
        print(f"{directory}: no generations yet")


@registered.command()
def promote(
    config: ConfigPath,
    generation: Annotated[int, typer.Argument(metavar="GENERATION", help="Its number; `registry list` shows them.")],
    env: EnvName = "local",
    sets: Sets = None,
) -> None:
    """Make a generation of the registry the current one."""
    from . import registry

    directory = _registry_of(config, env, sets)
    before = registry.usable_current(directory)
    registry.promote(directory, generation)
    print(f"{directory}: generation {generation} is current; was {before or 'none'}")


@registered.command("rollback")
def back_one_generation(config: ConfigPath, env: EnvName = "local", sets: Sets = None) -> None:
    """Make the generation before the current one current in the registry; `waze-tfx rollback` is for what serves."""
    from . import registry

    directory = _registry_of(config, env, sets)
    before = registry.usable_current(directory)
    print(f"{directory}: generation {registry.rollback(directory)} is current; was {before or 'none'}")


@app.command()
def node(
    name: Annotated[str, typer.Argument(metavar="NODE", help="Node of the compiled pipeline.")],
    run_folder: Annotated[Path, typer.Option("--run", metavar="RUN", help="Folder of a run that has been compiled.")],
) -> None:
    """Execute one node of a compiled pipeline: what every runner calls."""
    from .history.record import find_run
    from .runners.node import execute, prepare_process, result_error

    folder = find_run(str(run_folder), _roots(None)).folder
    prepare_process()
    code = execute(folder, name)
    if code:
        raise result_error(folder, name)


@app.command("bandit-lab")
def bandit_lab(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The lab's YAML file, such as configs/lab/ratings.yaml.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as steps=500.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play bandit agents in an environment, over several seeds; ends with a page of curves: regret and suboptimal choices."""
    from .lab import bandit_lab as play

    result = play(config, sets=tuple(sets or ()), quiet=as_json)
    if as_json:
        _print_json({"page": result.page, "directory": result.directory, "notes": result.notes, "agents": result.summary()})
        return
    from .report.text import print_lab

    print_lab(result.summary(), result.notes)
    print(f"\n{result.page}\nnext: tensorboard --logdir {result.directory / 'tensorboard'}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look whether this machine can run a pipeline."""
    from dataclasses import asdict

    from .doctor import examine

    findings = examine()
    if as_json:
        _print_json([asdict(f) for f in findings])
    else:
        from .report.text import print_table

        print_table(
            ("", "WHAT", "FOUND", "REMEDY"),
            (("ok" if f.ok else "NO", f.what, f.found, "" if f.ok else f.remedy) for f in findings),
        )
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


@app.command()
def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="What every key does, as a page to read: docs/config.md.")] = False,
) -> None:
    """Print the JSON Schema of a config, for editors, or what every key does, for people."""
    from .config import Config
    from .config.reference import reference

    if markdown:
        print(reference(), end="")
        return
    _print_json(Config.model_json_schema(by_alias=True))


def _checked(path: Path, env: str, sets: list[str] | None, run_date: str | None = None, *, resume: bool = False) -> Any:
    """Load a config and check what can be checked without running: columns, rules and the user's functions."""
    from .commands import checked, run_date_of
    from .config import load

    loaded = load(path, env=env, sets=sets or ())
    return checked(loaded, run_date=run_date_of(loaded, run_date, resume=resume))


def _costs(config: Any) -> list[dict[str, Any]]:
    """Return what the query reads, as plain values; why it is unknown where nobody is logged in to ask."""
    from dataclasses import asdict

    from .data.engines import engine_of

    if config.data.query is None:
        return []
    try:
        return [asdict(cost) for cost in engine_of(config).costs()]
    except errors.NoCredentials as error:
        return [{"what": "query", "n_rows": None, "n_bytes": None, "note": f"unknown: {error.message}"}]


def _registry_of(path: Path, env: str, sets: list[str] | None) -> Path | str:
    from .config import load

    directory: Path | str | None = load(path, env=env, sets=sets or ()).config.registry.directory
    assert directory is not None
    return directory


def _roots(config: Path | None) -> list[Path]:
    from .config import load
    from .history.record import known_roots

    if config is None:
        return known_roots()
    root = load(config).config.root
    assert root is not None
    return [root]


def _verdicts_json(folder: Path) -> dict[str, Any]:
    """Return the gate's verdict and that of InfraValidator, None where it has not judged."""
    from .history.record import INFRA_VERDICT_FILE, VERDICT_FILE

    paths = [folder / name for name in (VERDICT_FILE, INFRA_VERDICT_FILE)]
    return {path.stem: json.loads(path.read_text("utf-8")) if path.is_file() else None for path in paths}


def _next(run: Any, config: Path) -> str:
    given = "" if run.config().data.query else " --input FILE"
    tried = f", or try the model: waze-tfx predict {config}{given}" if run.pushed_version else ""
    return f"waze-tfx show {run.id}{tried}"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, default=str))


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; a person's mistakes are printed without a traceback."""
    wants_json = "--json" in (arguments if arguments is not None else sys.argv)
    try:
        app(args=arguments, prog_name="waze-tfx", standalone_mode=True)
    except errors.WazeTfxError as error:
        if wants_json:
            _print_json({"error": {"type": type(error).__name__, "message": error.message, "hint": error.hint}})
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `waze-tfx runs | head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if not errors.disk_is_full(error):
            raise
        print(f"error: the disk is full: {error}\n  next: free some space, then run again with --resume", file=sys.stderr)
        sys.exit(errors.RunFailed.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(errors.Interrupted.exit_code)


if __name__ == "__main__":
    main()
