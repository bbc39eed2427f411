"""Run a pipeline on this machine: plan, then start ready nodes side by side, each in a process of its own.

The command line calls `LocalRunner.run`. This process never imports TFX: a fully cached run ends in about a second, and
a signal is answered at once. After every node it reads the state in MLMD and the artifacts that carry verdicts.
"""

import json
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from .. import errors, pipelines
from ..config import Config, Loaded
from ..data.engines import engine_of
from ..history import metadata
from ..history.record import FINISHED, NodeRecord, Run, RunState, load_run, new_run, newest_run, window_of, write_json, write_text
from ..pipelines.graph import Node, downstream_of
from . import verdicts
from .cache import Planned, Selection, plan
from .node import COMPILE
from .progress import Progress, show
from .workers import Workers

POLL_S = 0.1
LOCK_S = 0.5  # `runs` and `show` take the lock for a moment to see whether a run is alive
FULL_BYTES = 16 << 10
"""Less free space than this: a file of a few lines no longer fits."""


@dataclass(frozen=True)
class LocalRunner:
    """Runs one config's pipeline on this machine."""

    loaded: Loaded
    env: str = "local"
    quiet: bool = False

    @property
    def config(self) -> Config:
        """Return the config."""
        return self.loaded.config

    def plan(self, selection: Selection, run: Run | None = None) -> list[Planned]:
        """Decide what a run, or `run` if it went on, would do, without doing it.

        Raises:
            UserError: when a node's name is unknown, or the selection is empty.
        """
        nodes = self._nodes()
        _check_selection(selection, nodes)
        recorded = {node.id: node.key for node in run.nodes.values()} if run else None
        history = metadata.read_history(self.config)
        return plan(self.config, nodes, history, selection=selection, run=run.id if run else "", recorded=recorded)

    def run(self, selection: Selection, *, resume: bool = False) -> Run:
        """Run the pipeline and return its record; `record.exit_code` says how it ended.

        Raises:
            Locked: when another run holds the root.
            UserError: when there is nothing to resume or a node's name is unknown.
        """
        _check_selection(selection, self._nodes())
        with self._lock():
            self._check_push_directory()
            run = self._resumable() if resume else None
            planned = self.plan(selection, run)
            note = ""
            if run is not None and run.state == "done" and all(p.decision != "run" for p in planned):
                return run
            if run is not None and (changed := self._finished_but_planned(run, planned)):
                note = f"run {run.id} has finished {changed.node.id} ({changed.reason}): a new run starts and reuses the rest"
                run, planned = None, self.plan(selection)
            if any(p.node.queries and p.decision == "run" for p in planned):
                engine_of(self.config).check_login()  # now, not in a node that first imports TFX
            if run is None:
                run = new_run(self.config, config_path=self.loaded.path, env=self.env, sets=self.loaded.sets)
            else:
                run.env, run.sets, run.window = self.env, list(self.loaded.sets), window_of(self.config)
                write_text(run.folder / "config.json", self.config.model_dump_json(by_alias=True, indent=1))
            _Execution(run, self.config, {p.node.id: p for p in planned}, quiet=self.quiet).run_all(note)
            return run

    def _finished_but_planned(self, run: Run, planned: list[Planned]) -> Planned | None:
        """Return a node that this run has finished and would have to execute again: TFX runs a node once per run id."""
        finished = {n for n, e in metadata.read_history(self.config).of_run(run.id).items() if e.state in metadata.SUCCESSFUL}
        again = (p for p in planned if p.decision == "run" and (p.node.id in finished or run.state == "done"))
        return next(again, None)

    def _nodes(self) -> dict[str, Node]:
        return pipelines.nodes(self.config)

    def _resumable(self) -> Run:
        """Return the newest run; interrupted and failed runs go on, a finished one is returned as it is."""
        assert self.config.root is not None
        run = newest_run(self.config.root)
        if run is None:
            raise errors.UserError(
                f"{self.loaded.path}: nothing to resume: no run below {self.config.root}",
                hint=f"start one with `waze-tfx run {self.loaded.path}`",
            )
        return run

    def _check_push_directory(self) -> None:
        """Find out now, not after the training, that nothing could be pushed."""
        directory = self.config.push.directory
        assert directory is not None
        existing = next(p for p in (directory, *directory.parents) if p.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise errors.UserError(
                f"{self.loaded.where('push', 'directory')}: {directory} cannot be written",
                hint="choose another folder with --set push.directory=OTHER",
            )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the root; the holder's identity stands beside the lock for the message."""
        assert self.config.root is not None
        try:
            self.config.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.config.root / "run.lock", timeout=LOCK_S)
            lock.acquire()
        except Timeout:
            raise errors.Locked(
                f"{self.config.root}: another run holds this pipeline root: {self._holder()}",
                hint="wait for it, or give this run a root of its own with --set root=OTHER",
            ) from None
        except OSError as error:
            raise errors.UserError(
                f"{self.loaded.where('root')}: {self.config.root} cannot be written: {error.strerror}",
                hint="choose another folder with --set root=OTHER",
            ) from error
        try:
            write_json(self.config.root / "run.holder.json", {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")})
            yield
        finally:
            lock.release()

    def _holder(self) -> str:
        assert self.config.root is not None
        try:
            holder = json.loads((self.config.root / "run.holder.json").read_text(encoding="utf-8"))
            return f"process {holder['pid']} since {holder['since']}"
        except (OSError, ValueError, KeyError):
            return "a process that has just started"


def _check_selection(selection: Selection, nodes: Mapping[str, Node]) -> None:
    for flag, name in (("--from", selection.start), ("--to", selection.end)):
        if name is not None and name not in nodes:
            raise errors.UserError(f"{flag} {name}: {errors.unknown_name('node', name, nodes)}")
    if selection.start and selection.end and selection.end not in downstream_of(nodes, selection.start):
        raise errors.UserError(
            f"--from {selection.start} --to {selection.end}: nothing lies between; "
            f"known after {selection.start}: {', '.join(n for n in nodes if n in downstream_of(nodes, selection.start))}"
        )


class _Stop(Exception):
    """Ends the scheduling loop; the record already says why."""


class _Execution:
    """One run in progress: the record, the zygote and the scheduling of nodes."""

    def __init__(self, run: Run, config: Config, planned: dict[str, Planned], *, quiet: bool) -> None:
        self._run = run
        self._config = config
        self._planned = planned
        self._workers: Workers | None = None
        self._began = time.time()
        run.state, run.exit_code, run.message, run.pid = "running", None, "", os.getpid()
        run.nodes = {id_: NodeRecord(id_, reason=p.reason, key=p.key) for id_, p in planned.items()}
        for id_, p in planned.items():
            write_json(run.folder / "nodes" / f"{id_}.parts.json", p.parts)
            run.result_path(id_).unlink(missing_ok=True)
        run.result_path(COMPILE).unlink(missing_ok=True)
        run.save()
        self._progress: Progress = show(run, quiet=quiet)

    def run_all(self, note: str) -> None:
        """Take what is cached, execute the rest, and leave a record that says how it ended."""
        try:
            with self._signals(), self._progress:
                if note:
                    self._progress.message(note)
                self._progress.message(f"run {self._run.id} of {self._config.name}")
                try:
                    self._take_cached()
                    self._execute_rest()
                    self._finish("done", errors.EXIT_DONE, "")
                except _Stop:
                    pass
                except KeyboardInterrupt:
                    self._interrupted()
        except errors.WazeTfxError as error:
            self._finish("failed", error.exit_code, str(error))
        except (OSError, ValueError, KeyError) as error:  # a full disk, or an artifact that was changed from outside
            with suppress(OSError), (self._run.folder / "logs" / "runner.log").open("a") as log:
                traceback.print_exc(file=log)
            self._finish("failed", errors.RunFailed.exit_code, str(self._own_failure(error)))
        finally:
            self._end_workers()

    def _own_failure(self, error: Exception) -> errors.RunFailed:
        full = errors.disk_is_full(error)
        what = "the disk is full" if full else "an artifact or record could not be read"
        hint = "free some space" if full else "if files were changed by hand, run with --force"
        return errors.RunFailed(f"{self._run.root}: {what}: {type(error).__name__}: {error}", hint=f"{hint}; then run again")

    def _take_cached(self) -> None:
        """Publish what earlier runs made as this run's, and look again at the verdicts that it carries."""
        taken = [p for p in self._planned.values() if p.decision in ("cached", "reused", "done")]
        if taken:
            with metadata.open_store(self._config) as store:
                for p in taken:
                    assert p.source is not None
                    if p.decision == "done":
                        metadata.set_cache_key(store, p.source.id, p.key, json.dumps(p.parts, default=str))
                    if p.source.run == self._run.id:
                        continue
                    self._run.nodes[p.node.id].execution_id = metadata.publish_cached(
                        store, p.source.id, self._config.name, self._run.id
                    )
        for p in self._planned.values():
            if p.decision == "run":
                continue
            record = self._run.nodes[p.node.id]
            record.state = "skipped" if p.decision == "skip" else p.decision
            if p.source and record.execution_id is None:
                record.execution_id = p.source.id
            self._show(record, p.source)
        self._run.save()

    def _execute_rest(self) -> None:
        waiting = [p.node for p in self._planned.values() if p.decision == "run"]
        if not waiting:
            return
        self._progress.message("importing TFX")
        self._workers = workers = Workers(self._run.folder)
        data = next((_rows_read(p.parts) for p in self._planned.values() if _rows_read(p.parts)), "")
        workers.ask(COMPILE, self._run.log(COMPILE), data_fingerprint=data)
        while waiting or workers.running:
            for node in list(waiting):
                if len(workers.running) >= self._config.env.max_parallel or COMPILE in workers.running:
                    break
                if all(self._run.nodes[u].state in FINISHED for u in node.upstream):
                    waiting.remove(node)
                    self._start(node.id, workers)
            for name, code in workers.ended(POLL_S):
                self._ended(name, code)
            self._progress.tick()

    def _start(self, node: str, workers: Workers) -> None:
        record = self._run.nodes[node]
        record.state, record.started = "running", time.time()
        self._run.save()
        self._progress.changed(record)
        workers.ask(node, self._run.log(node))

    def _ended(self, node: str, code: int) -> None:
        """Record how a process ended; a failed one ends the run."""
        path = self._run.result_path(node)
        result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if node == COMPILE:
            if code:
                raise _failure(self._said(node, code, result))
            return
        record = self._run.nodes[node]
        record.seconds = round(time.time() - (record.started or time.time()), 3)
        if code == 0 and result.get("state") == "complete":
            record.state, record.execution_id = "complete", result["execution_id"]
            self._show(record, metadata.read_run(self._config, self._run.id).get(node))
            self._run.save()
            return
        record.state = "failed"
        record.error = self._said(node, code, result)
        self._progress.changed(record)
        failure = _failure(record.error)
        self._finish("failed", failure.exit_code, str(failure))
        raise _Stop

    def _said(self, node: str, code: int, result: dict[str, Any]) -> dict[str, str]:
        """Return the error that a process noted, or what is known of one that could not note it."""
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        full = shutil.disk_usage(self._run.root).free < FULL_BYTES
        noted: dict[str, str] | None = result.get("error")
        return noted or {
            "type": "RunFailed",
            "message": f"{node}: the disk is full" if full else f"{node}: its process ended {how} without a word",
            "hint": f"free some space below {self._run.root}, then {self._run.resume_command()}"
            if full
            else f"read {self._run.log(node)}; out of memory is the usual reason for signal 9",
        }

    def _show(self, record: NodeRecord, execution: metadata.Execution | None) -> None:
        """Show a finished node and what its artifacts say: anomalies, a verdict, a push; end the run if they say so."""
        outcome = verdicts.read(record.id, execution, self._config, self._run) if execution else verdicts.Outcome()
        record.note = outcome.note
        if outcome.pushed_version is not None:
            self._run.pushed_version = outcome.pushed_version
        if outcome.state == "stopped":
            record.state = "stopped"
        self._progress.changed(record)
        if outcome.state is not None:
            self._finish(outcome.state, errors.Stopped.exit_code, outcome.message)
            raise _Stop

    def _interrupted(self) -> None:
        self._finish(
            "interrupted",
            errors.Interrupted.exit_code,
            f"interrupted; finished nodes are kept\n  next: {self._run.resume_command()}",
        )

    def _end_workers(self) -> None:
        if self._workers is not None:
            self._workers.end()

    def _finish(self, state: RunState, exit_code: int, message: str) -> None:
        """End what still runs and write the record; a disk too full even for that leaves the message, which is what counts."""
        self._end_workers()
        for record in self._run.nodes.values():
            if record.state in ("waiting", "running"):
                record.state = "not run"
        self._run.state, self._run.exit_code, self._run.message = state, exit_code, message
        self._run.seconds = round(time.time() - self._began, 3)
        try:
            self._run.save()
        except OSError as error:
            if not errors.disk_is_full(error):
                self._run.message += f"\n  (the run's record could not be written: {error})"

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM and a closed terminal end the run as Ctrl-C does; a thread of a program of one's own gets no signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _rows_read(parts: Mapping[str, Any]) -> str:
    """Return the identity of the rows that a node reads: of its files, or of each table of its query."""
    tables = {name: version for name, version in parts.items() if name.startswith("table ")}
    return json.dumps(tables) if tables else parts.get("data", "")


def _failure(error: Mapping[str, str]) -> errors.WazeTfxError:
    return errors.BY_NAME.get(error["type"], errors.RunFailed)(error["message"], hint=error["hint"])


def open_run(folder: Path) -> Run:
    """Read a run; one whose process is gone counts as interrupted."""
    run = load_run(folder)
    if run.state == "running":
        lock = FileLock(Path(run.root) / "run.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return run
        lock.release()
        run.state = "interrupted"
    return run
