"""Plans, runs and verdicts as text for a terminal. Called by the command line; decides nothing."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..history.record import Run
from .numbers import duration, number
from .origins import origins

if TYPE_CHECKING:
    from ..evaluation.verdict import Verdict
    from ..history.metadata import Execution
    from ..registry import Generation


N_SHOWN = 12


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their headings, as wide as they need on a pipe and as the terminal allows on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console(width=_width()).print(table)


def print_costs(reads: Sequence[Mapping[str, Any]]) -> None:
    """Print what a query reads: one line per table, unknown figures left empty."""
    from rich.filesize import decimal

    def size(n: int | None) -> str:
        return "" if n is None else decimal(n)

    rows = [(r["what"], "" if r["n_rows"] is None else f"{r['n_rows']:,}", size(r["n_bytes"]), r["note"]) for r in reads]
    print_table(("READS", "ROWS", "BYTES", ""), rows)


def print_predictions(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what a model answers: one line per row, its first columns as far as they fit, numbers with six digits."""
    names = list(rows[0])
    cells = {name: [_cell(row[name]) for row in rows] for name in names}
    widths = {name: max(len(name), *map(len, cells[name])) + 2 for name in names}
    shown = list(names)
    while len(shown) > 2 and sum(widths[name] for name in shown) > _width():
        del shown[-2]
    print_table(shown, zip(*(cells[name] for name in shown), strict=True))
    if hidden := len(names) - len(shown):
        print(f"and {hidden} columns more, which --json prints")


def print_end(run: Run, verdict: "Verdict | None", report: str, *, then: str = "") -> None:
    """Print how a run ended: the verdict, what was pushed or why not (to standard error), the next command, the report."""
    if verdict:
        print()
        print_verdict(verdict)
    print()
    if run.state == "done":
        pushed = f"; version {run.pushed_version} is pushed" if run.pushed_version else ""
        print(f"done in {run.seconds} s{pushed}")
        if then:
            print(f"  next: {then}")
    else:
        print(f"{run.state}: {run.message}", file=sys.stderr)
    print(f"  report: {report}")


def print_lab(summary: Iterable[Mapping[str, Any]], notes: Iterable[str]) -> None:
    """Print what a lab's environment says of itself, and how each agent ended: means over the seeds and deviations."""

    def spread(row: Mapping[str, Any], measure: str) -> str:
        deviation = row[f"{measure}_sd"]
        return number(row[measure]) + ("" if deviation is None else f" ± {number(deviation)}")

    for note in notes:
        print(note)
    print()
    measures = ("suboptimal", "regret", "cumulative_regret", "reward")
    rows = (
        (r["agent"], *(spread(r, m) for m in measures), number(r["steps_per_second"]), duration(r["seconds"])) for r in summary
    )
    print_table(("AGENT", "SUBOPTIMAL", "REGRET", "CUMULATIVE REGRET", "REWARD", "STEPS/S", "TIME"), rows)


def print_generations(generations: "Iterable[Generation]") -> None:
    """Print one line per generation of the registry."""
    print_table(
        ("GENERATION", "", "REGISTERED", "RUN", "PUSHED", "VERDICT", "METRICS", "MODEL"),
        (
            (
                g.number,
                "current" if g.is_current else "",
                g.record.get("registered"),
                g.record.get("run"),
                g.record.get("pushed_version"),
                g.record.get("status"),
                ", ".join(f"{name} {v:.4g}" for name, v in g.record.get("metrics", {}).items() if v is not None),
                g.record.get("digest", "")[:12],
            )
            for g in generations
        ),
    )


def print_runs(runs: Iterable[Run]) -> None:
    """Print one line per run."""
    print_table(
        ("RUN", "PIPELINE", "STATE", "EXIT", "STARTED", "SECONDS", "PUSHED"),
        ((r.id, r.pipeline, r.state, r.exit_code, r.started, r.seconds, _pushed(r)) for r in runs),
    )


def print_run(run: Run, verdict: "Verdict | None", executions: "dict[str, Execution]", infra: "Verdict | None" = None) -> None:
    """Print a run's nodes, artifacts, lineage and verdicts; of a bandit, what its policies are worth, too."""
    print(f"run {run.id} of {run.pipeline}: {run.state}" + (f", exit code {run.exit_code}" if run.exit_code is not None else ""))
    print(f"config {run.config_path} (env {run.env}); started {run.started}; {run.seconds} s; folder {run.folder}\n")
    if run.window:
        days = f"{run.window['start']} to {run.window['end']}, the last day not part of it"
        print(f"run date {run.window['run_date']}; window {days}\n")
    rows = [(n.id, n.state, f"{n.seconds:.1f}" if n.seconds else "", n.reason, n.note) for n in run.nodes.values()]
    print_table(("NODE", "STATE", "SECONDS", "WHY", "NOTE"), rows)
    if executions:
        print()
        print_table(("ARTIFACT", "MADE BY", "USED BY", "WHERE"), _lineage(executions))
        if facts := list(origins(executions)):
            print()
            print_table(("ROWS OF", "", ""), facts)
    if verdict:
        print()
        print_verdict(verdict)
    if infra:
        print()
        print_verdict(infra, "infra validation")
    _print_policies(executions)
    if run.message:
        print(f"\n{run.message}")


def print_verdict(verdict: "Verdict", whose: str = "verdict") -> None:
    """Print a verdict's checks: all that were judged, and the first of those that are only shown."""
    note = f" ({verdict.note})" if verdict.note else ""
    print(f"{whose}: {verdict.status}{note}")
    shown = [c for c in verdict.checks if c.passed is None]
    hidden = shown[N_SHOWN:]
    print_table(
        ("", "METRIC", "SLICE", "VALUE", "BOUND", "BASELINE", "ALLOWED CHANGE", "REASON"),
        (
            (
                {True: "ok", False: "NO", None: "--"}[c.passed],
                c.name,
                c.slice or "overall",
                _number(c.value),
                _number(c.bound),
                _number(c.baseline),
                _number(c.allowed_change),
                c.reason,
            )
            for c in verdict.checks
            if c not in hidden
        ),
    )
    if hidden:
        print(f"and {len(hidden)} more that are not judged; all of them: --json")


def _print_policies(executions: "dict[str, Execution]") -> None:
    """Print what a bandit's policies are worth on all rows, and what its pushed graph does; nothing for any other run."""
    from .bandit.evaluated import label, off_policy_of

    found = off_policy_of(executions)
    overall = found.of("") if found else None
    if found is None or overall is None:
        return
    print(f"\npolicy value by {found.estimator}, {found.interval} interval at {found.confidence:g}; {overall.n_rows:,} decisions")
    rows = []
    for p in overall.policies:
        value, lost = p.estimates.get(found.estimator), p.unsubscribe_rate
        low, high = (value.interval(found.interval) if value else None) or (None, None)
        numbers = (
            value.value if value else None,
            low,
            high,
            lost.value if lost else None,
            p.effective_sample_size,
            p.mean_weight,
        )
        rows.append((label(p), *map(_number, numbers)))
    print_table(("POLICY", "VALUE", "LOWER", "UPPER", "UNSUBSCRIBED", "EFFECTIVE ROWS", "MEAN WEIGHT"), rows)
    for artifact in executions["Pusher"].outputs.get("pushed_model", ()) if "Pusher" in executions else ():
        if criteria := artifact.properties.get("criteria"):
            print(f"decision criteria: {criteria}")


def _lineage(executions: "dict[str, Execution]") -> Iterable[tuple[str, str, str, str]]:
    for execution in executions.values():
        for key, artifacts in execution.outputs.items():
            for artifact in artifacts:
                users = [e.node for e in executions.values() if any(artifact.id in ids for ids in e.inputs.values())]
                yield f"{artifact.type} #{artifact.id}", f"{execution.node}.{key}", ", ".join(users), artifact.uri


def _width() -> int:
    """Return the terminal's width, and 200 where there is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_cell, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _pushed(run: Run) -> str:
    return f"version {run.pushed_version}" if run.pushed_version else ""
