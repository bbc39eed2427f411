"""Run a pipeline on this machine: plan, then start ready nodes side by side, each in a process of its own.

The command line calls `LocalRunner.run`. This process never imports TFX: a fully cached run ends in about a second, and
a signal is answered at once. After every node it reads the state in MLMD and the artifacts that carry verdicts.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from .. import errors, pipelines
from ..config import Config, Loaded
from ..history import metadata
from ..history.record import FINISHED, NodeRecord, Run, load_run, new_run, runs_of, write_json, write_text
from ..pipelines.graph import Node, ordered
from . import verdicts
from .cache import Planned, Selection, plan
from .progress import Progress, show
from .zygote import COMPILE

POLL_S = 0.1
GRACE_S = 3.0


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

    def plan(self, selection: Selection, run_id: str = "") -> list[Planned]:
        """Decide what a run would do, without doing it."""
        return plan(self.config, self._nodes(), metadata.read_history(self.config), selection=selection, run=run_id)

    def run(self, selection: Selection, *, resume: bool = False) -> Run:
        """Run the pipeline and return its record; `record.exit_code` says how it ended.

        Raises:
            Locked: when another run holds the root.
            UserError: when there is nothing to resume or a node's name is unknown.
        """
        nodes = self._nodes()
        for flag, name in (("--from", selection.start), ("--to", selection.end)):
            if name is not None and name not in nodes:
                raise errors.UserError(f"{flag} {name}: {errors.unknown_name('node', name, nodes)}")
        with self._lock():
            run = self._resumable() if resume else None
            if run is not None and run.state == "done":
                return run
            planned = self.plan(selection, run.id if run else "")
            note = ""
            if run is not None and (changed := self._finished_but_planned(run, planned)):
                note = f"{changed.node.id} changed since run {run.id} ({changed.reason}), so a new run starts; the rest is reused"
                run, planned = None, self.plan(selection)
            if run is None:
                run = new_run(
                    self.config, config_path=self.loaded.path, env=self.env, partial=bool(selection.start or selection.end)
                )
            else:
                write_text(run.folder / "config.json", self.config.model_dump_json(by_alias=True, indent=1))
            _Execution(run, self.config, {p.node.id: p for p in planned}, quiet=self.quiet).run_all(note)
            return run

    def _finished_but_planned(self, run: Run, planned: list[Planned]) -> Planned | None:
        """Return a node that this run has finished and would have to execute again: TFX runs a node once per run id."""
        finished = metadata.read_history(self.config).of_run(run.id)
        return next(
            (
                p
                for p in planned
                if p.decision == "run" and p.node.id in finished and finished[p.node.id].state in metadata.SUCCESSFUL
            ),
            None,
        )

    def _nodes(self) -> dict[str, Node]:
        return ordered(pipelines.load(self.config.pipeline).nodes(self.config))

    def _resumable(self) -> Run:
        """Return the newest run; interrupted and failed runs go on, a finished one is returned as it is."""
        assert self.config.root is not None
        runs = runs_of(self.config.root)
        if not runs:
            raise errors.UserError(
                f"{self.loaded.path}: nothing to resume: no run below {self.config.root}",
                hint=f"start one with `waze-tfx run {self.loaded.path}`",
            )
        run = runs[0]
        run.pid = os.getpid()
        return run

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the root; the holder's identity stands beside the lock for the message."""
        assert self.config.root is not None
        try:
            self.config.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.config.root / "run.lock", timeout=0)
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


class _Stop(Exception):
    """Ends the scheduling loop; the record already says why."""


class _Execution:
    """One run in progress: the record, the zygote and the scheduling of nodes."""

    def __init__(self, run: Run, config: Config, planned: dict[str, Planned], *, quiet: bool) -> None:
        self._run = run
        self._config = config
        self._planned = planned
        self._zygote: subprocess.Popen[bytes] | None = None
        self._running: dict[str, int | None] = {}
        self._compiled = False
        self._began = time.time()
        run.state, run.exit_code, run.message, run.pid = "running", None, "", os.getpid()
        run.nodes = {id_: NodeRecord(id_, reason=p.reason, key=p.key) for id_, p in planned.items()}
        for id_, p in planned.items():
            write_json(run.folder / "nodes" / f"{id_}.parts.json", p.parts)
            run.result_path(id_).unlink(missing_ok=True)
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
        finally:
            self._end_processes()
            self._run.save()

    def _take_cached(self) -> None:
        """Publish what earlier runs made as this run's, and look again at the verdicts that it carries."""
        taken = [p for p in self._planned.values() if p.decision in ("cached", "reused")]
        if taken:
            with metadata.open_store(self._config) as store:
                for p in taken:
                    assert p.source is not None
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
            self._progress.changed(record)
            if p.source:
                self._judge(record, p.source)
        self._run.save()

    def _execute_rest(self) -> None:
        waiting = [p.node for p in self._planned.values() if p.decision == "run"]
        if not waiting:
            return
        self._start_zygote()
        while waiting or self._running:
            for node in list(waiting):
                if len(self._running) >= self._config.env.max_parallel or not self._compiled:
                    break
                if all(self._run.nodes[u].state in FINISHED for u in node.upstream):
                    waiting.remove(node)
                    self._start(node.id)
            self._wait()

    def _start_zygote(self) -> None:
        log = (self._run.folder / "logs" / "runner.log").open("ab")
        command = [sys.executable, "-c", "from waze_data_tfx.runners.zygote import main; main()"]
        self._zygote = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        log.close()
        self._selector = selectors.DefaultSelector()
        assert self._zygote.stdout is not None
        self._selector.register(self._zygote.stdout, selectors.EVENT_READ)
        self._buffer = b""
        data = self._planned[next(iter(self._planned))].parts.get("data", "")
        self._ask(COMPILE, data_fingerprint=data)

    def _ask(self, node: str, **more: Any) -> None:
        assert self._zygote is not None
        assert self._zygote.stdin is not None
        request = {"node": node, "run": str(self._run.folder), "log": str(self._run.log(node)), **more}
        try:
            self._zygote.stdin.write(json.dumps(request).encode() + b"\n")
            self._zygote.stdin.flush()
        except BrokenPipeError:
            raise self._zygote_died() from None
        self._running[node] = None

    def _start(self, node: str) -> None:
        record = self._run.nodes[node]
        record.state, record.started = "running", time.time()
        self._run.save()
        self._progress.changed(record)
        self._ask(node)

    def _wait(self) -> None:
        """Wait for reports of the zygote and act on them."""
        assert self._zygote is not None
        assert self._zygote.stdout is not None
        if not self._selector.select(POLL_S):
            self._progress.tick()
            return
        data = os.read(self._zygote.stdout.fileno(), 65536)
        if not data:
            raise self._zygote_died()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["event"] == "started":
                self._running[event["node"]] = event["pid"]
            elif event["event"] == "exited":
                del self._running[event["node"]]
                self._ended(event["node"], event["code"])

    def _zygote_died(self) -> errors.RunFailed:
        log = self._run.folder / "logs" / "runner.log"
        tail = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
        return errors.RunFailed(
            f"the process that imports TFX ended: {tail[0] if tail else 'it said nothing'}",
            hint=f"read {log}; check the installation with `waze-tfx doctor`",
        )

    def _ended(self, node: str, code: int) -> None:
        if node == COMPILE:
            if code:
                log = self._run.log(COMPILE)
                last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
                raise errors.RunFailed(f"the pipeline did not compile: {''.join(last)}", hint=f"read {log}")
            self._compiled = True
            return
        record = self._run.nodes[node]
        record.seconds = round(time.time() - (record.started or time.time()), 3)
        path = self._run.result_path(node)
        result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if code == 0 and result and result["state"] == "complete":
            record.state, record.execution_id = "complete", result["execution_id"]
            self._after(record)
            return
        record.state = "failed"
        record.error = (result or {}).get("error") or {
            "type": "RunFailed",
            "message": f"{node}: its process ended {_how(code)} without a word",
            "hint": f"read {self._run.log(node)}; out of memory is the usual reason for signal 9",
        }
        self._progress.changed(record)
        error = record.error
        exit_code = errors.BY_NAME.get(error["type"], errors.RunFailed).exit_code
        self._finish("failed", exit_code, f"{error['message']}\n  next: {error['hint']}" if error["hint"] else error["message"])
        raise _Stop

    def _after(self, record: NodeRecord) -> None:
        """Look at what a completed node left: anomalies, a verdict, a push."""
        execution = metadata.read_history(self._config).of_run(self._run.id).get(record.id)
        if execution is not None:
            self._judge(record, execution)
        self._run.save()
        self._progress.changed(record)

    def _judge(self, record: NodeRecord, execution: metadata.Execution) -> None:
        outcome = verdicts.read(record.id, execution, self._config, self._run)
        record.note = outcome.note
        if outcome.pushed_version is not None:
            self._run.pushed_version = outcome.pushed_version
        if outcome.state is None:
            return
        if outcome.state == "stopped":
            record.state = "stopped"
        self._progress.changed(record)
        self._finish(outcome.state, errors.Stopped.exit_code, outcome.message)
        raise _Stop

    def _interrupted(self) -> None:
        self._finish(
            "interrupted",
            errors.Interrupted.exit_code,
            f"interrupted; finished nodes are kept\n  next: waze-tfx run {self._run.config_path} --resume",
        )

    def _finish(self, state: Any, exit_code: int, message: str) -> None:
        self._end_processes()
        for record in self._run.nodes.values():
            if record.state in ("waiting", "running"):
                record.state = "not run"
        self._run.state, self._run.exit_code, self._run.message = state, exit_code, message
        self._run.seconds = round(time.time() - self._began, 3)
        self._run.save()

    def _end_processes(self) -> None:
        """End children first (SIGTERM, then SIGKILL), then the zygote."""
        if self._zygote is None:
            return
        pids = [pid for pid in self._running.values() if pid]
        for signal_ in (signal.SIGTERM, signal.SIGKILL):
            alive = [pid for pid in pids if _signal_group(pid, signal_)]
            deadline = time.time() + (GRACE_S if signal_ == signal.SIGTERM else 0.0)
            while alive and time.time() < deadline:
                time.sleep(0.05)
                alive = [pid for pid in alive if _signal_group(pid, 0)]
            if not alive:
                break
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        try:
            self._zygote.wait(timeout=1.0)
        except subprocess.TimeoutExpired:  # it is importing, and reads no request until that is done
            self._zygote.kill()
            self._zygote.wait()
        self._zygote = None
        self._running.clear()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM end the run as Ctrl-C does."""

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _signal_group(pid: int, signal_: int) -> bool:
    """Signal a child's process group; return whether it was there."""
    try:
        os.killpg(pid, signal_)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _how(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with code {code}"


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
