"""A backfill: the runs of a rolling window's past, one cycle after the other, and what came of each.

Called by the command line and, as `backfill`, from Python. Every cycle is an ordinary run of `commands` under its own run date.
A cycle that an earlier backfill has finished is left as it is: to judge it again would hold it against models of later cycles,
and push it over them. Imports nothing heavy at the top.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from . import commands, errors
from .config import Loaded
from .config.run_date import day_of
from .config.window import LAST_SURE_DAY, RUN_DATE, Window, before, counted

if TYPE_CHECKING:
    from .history.record import Run
    from .runners.cache import Planned

MAX_CYCLES = 1000
SETTLED = ("done", "refused", "stopped")
"""States of a run after which the next cycle begins."""
PARTIAL = ("skipped", "reused")
"""States of nodes in a run from --from or --to: no cycle, whatever it made."""


@dataclass(frozen=True)
class Cycle:
    """One cycle of a backfill.

    Attributes:
        run_date: the day that its run is of.
        start: first day of its window.
        end: first day after its window.
        state: waiting, or how its run ended: done, refused, stopped, failed, interrupted.
        earlier: whether the run is one of an earlier backfill, left as it was.
        run: id of the run; empty if there is none yet.
        rows: that were read; None if the run did not come so far.
        verdict: the gate's status; empty if it has not judged.
        version: that was pushed, or None.
        exit_code: of the run.
        message: why it was refused, stopped or failed.
    """

    run_date: date
    start: date
    end: date
    state: str = "waiting"
    earlier: bool = False
    run: str = ""
    rows: int | None = None
    verdict: str = ""
    version: int | None = None
    exit_code: int = 0
    message: str = ""

    @property
    def shown_state(self) -> str:
        """Return the state, and whether it is that of an earlier backfill."""
        return f"{self.state} before" if self.earlier else self.state


@dataclass(frozen=True)
class Backfill:
    """What to run, and how.

    Attributes:
        loaded: the config, without literal days.
        env: where it runs.
        cycles: in order of their dates.
        quiet: print nothing of the runs.
    """

    loaded: Loaded
    env: str
    cycles: tuple[Cycle, ...]
    quiet: bool = False

    def run(self) -> Iterator[Cycle]:
        """Run the cycles, each after the one before; yield what came of each; end after the first that failed."""
        for cycle in self.cycles:
            done = self._earlier(cycle) or self._run(cycle)
            yield done
            if done.state not in SETTLED:
                return

    def look(self) -> Iterator[Cycle]:
        """Yield the cycles as they are now; runs nothing."""
        for cycle in self.cycles:
            yield self._earlier(cycle) or cycle

    def command(self, cycle: Cycle) -> str:
        """Return what to type to go on from this cycle."""
        env = [] if self.env == "local" else ["--env", self.env]
        sets = [part for assignment in self.loaded.sets for part in ("--set", assignment)]
        days = ["--from", str(cycle.run_date), "--to", str(self.cycles[-1].run_date)]
        return shlex.join(["waze-tfx", "backfill", str(self.loaded.path), *env, *sets, *days])

    def _run(self, cycle: Cycle) -> Cycle:
        from .runners.cache import Selection

        if not self.quiet:
            number = self.cycles.index(cycle) + 1
            print(f"\ncycle {number} of {len(self.cycles)}: {cycle.run_date}, window {cycle.start} to {cycle.end}")
        loaded = commands.checked(self.loaded, run_date=cycle.run_date)
        done, _ = commands.execute(loaded, self.env, Selection(), resume=False, quiet=self.quiet)
        return _ended(cycle, done)

    def _earlier(self, cycle: Cycle) -> Cycle | None:
        """Return the cycle as an earlier run of the same day and config left it, if nothing that it would read has changed."""
        from . import runners
        from .config.run_date import dated
        from .runners.cache import Selection

        loaded = dated(self.loaded, cycle.run_date)
        run = _settled_run(loaded)
        if run is None:
            return None
        planned = runners.get(loaded.config.env.runner)(loaded, self.env).plan(Selection())
        return replace(_ended(cycle, run), earlier=True) if _same(run, planned) else None


def backfill_of(loaded: Loaded, start: str | date, end: str | date, *, env: str = "local", quiet: bool = False) -> Backfill:
    """Return the backfill of the run dates from `start` in steps of the window up to `end`.

    Raises:
        UserError: the config has no window, or one that every cycle would share; the dates make no sense.
    """
    window = loaded.config.data.window
    if window is None:
        raise errors.UserError(
            f"{loaded.where('data', 'window')}: a backfill runs a window's cycles; received no data.window",
            hint="add one, such as data.window: {length: 4w, overlap: 1w}",
        )
    if window.end != RUN_DATE:
        raise errors.UserError(
            f"{loaded.where('data', 'window', 'end')}: received '{window.end}', so every cycle would read the same days; "
            f"expected {RUN_DATE}"
        )
    days = run_dates(window, day_of(start, "--from"), day_of(end, "--to"))
    cycles = tuple(Cycle(day, *window.of_day(day).days) for day in days)
    return Backfill(loaded, env, cycles, quiet)


def run_dates(window: Window, start: date, end: date) -> list[date]:
    """Return the run dates from `start` to `end`, both included if they are reached, a step apart.

    Raises:
        UserError: `end` is before `start`, there are too many, or months are counted from a day that not every month has.
    """
    unit, _ = counted(window.stride)
    if end < start:
        raise errors.UserError(f"--from {start} --to {end}: ends before it begins")
    if unit == "months" and start.day > LAST_SURE_DAY:
        raise errors.UserError(
            f"--from {start}: not every month has a day {start.day}, so that windows a step of {window.stride} apart would not "
            f"meet; expected a day up to {LAST_SURE_DAY}",
            hint="begin on the first of a month: the window ends with the day before",
        )
    days, day = [], start
    while day <= end:
        days.append(day)
        day = before(start, window.stride, -len(days))
        if len(days) > MAX_CYCLES:
            raise errors.UserError(f"--from {start} --to {end}: more than {MAX_CYCLES} cycles of {window.stride}")
    return days


def backfill(
    config: commands.Source,
    start: str | date,
    end: str | date,
    *,
    env: str = "local",
    quiet: bool = False,
) -> list[Cycle]:
    """Run the cycles of the config's window as `waze-tfx backfill` does; return what came of each.

    Args:
        config: made in Python, or the path of a YAML file.
        start: run date of the first cycle.
        end: run date up to which there are cycles, itself included.
        env: where it runs.
        quiet: print nothing.

    Raises:
        WazeTfxError: the config, or a run that failed; the cycles before it are done.
    """
    loaded = commands.loaded_of(config, env)
    if not isinstance(config, str | Path):
        loaded, env = commands.saved(loaded, loaded), "local"
    found = backfill_of(loaded, start, end, env=env, quiet=quiet)
    cycles = []
    for cycle in found.run():
        cycles.append(cycle)
        if cycle.state not in SETTLED:
            error = commands.error_of(commands.run_of(cycle.run))
            error.add_note(f"cycle {cycle.run_date}; go on with {found.command(cycle)}")
            raise error
    return cycles


def exit_code(cycles: list[Cycle]) -> int:
    """Return 0 if every cycle is done, 3 if some were refused or stopped, the code of the one that failed if one did."""
    codes = [cycle.exit_code for cycle in cycles]
    failed = [cycle.exit_code for cycle in cycles if cycle.state not in (*SETTLED, "waiting")]
    return failed[0] if failed else max(codes, default=0)


def _ended(cycle: Cycle, run: "Run") -> Cycle:
    verdict = commands.verdict_of(run.folder)
    return replace(
        cycle,
        state=run.state,
        run=run.id,
        rows=_rows(run),
        verdict=verdict.status if verdict else "",
        version=run.pushed_version,
        exit_code=run.exit_code or 0,
        message=run.message,
    )


def _rows(run: "Run") -> int | None:
    """Return how many rows the run has read."""
    from .report import data
    from .report.source import Absent, open_source

    try:
        return int(data.rows(open_source(run))["rows_read"])
    except Absent:
        return None


def _settled_run(loaded: Loaded) -> "Run | None":
    """Return the newest run of this very config, days included, if it came to an end that counts."""
    from .history.record import load_run
    from .runners.local import open_run

    root, window = loaded.config.root, loaded.config.data.window
    assert root is not None
    assert window is not None
    for file in sorted((root / "runs").glob("*/run.json"), reverse=True):
        run = load_run(file.parent)
        if run.window.get("run_date") == window.run_date and run.config() == loaded.config:
            run = open_run(file.parent)
            whole = not any(node.state in PARTIAL for node in run.nodes.values())
            return run if run.state in SETTLED and whole else None
    return None


def _same(run: "Run", planned: "list[Planned]") -> bool:
    """Whether the run's nodes had the keys that they would have now, but for what depends on other runs' models."""
    moved: set[str] = set()
    for p in planned:
        if p.node.resolves_baseline or p.node.resolves_earlier or moved & set(p.node.read):
            moved.add(p.node.id)
        elif p.node.id not in run.nodes or (run.nodes[p.node.id].key != p.key):
            return False
    return True
