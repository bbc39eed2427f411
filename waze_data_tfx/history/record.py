"""A run's folder: what was asked, what each node did, where its logs are; and finding runs again.

    ROOT/runs/RUN/config.json      the resolved config
                  pipeline.pb      TFX's IR, run id filled in
                  run.json         state, times, nodes with decision, reason and error
                  nodes/NODE.json  what the process that ran the node says of its end
                  logs/NODE.log    everything that process printed
                  verdict.json     the gate's verdict, copied from the evaluation
                  infra_verdict.json  InfraValidator's, copied from its blessing

Written by the local runner, read by `runs`, `show` and `node`. Every file is replaced atomically.
"""

import json
import os
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..config import Config
from ..errors import RunFailed, UserError, did_you_mean

RunState = Literal["running", "done", "failed", "stopped", "refused", "interrupted"]
NodeState = Literal["waiting", "running", "complete", "cached", "done", "reused", "skipped", "failed", "stopped", "not run"]
VERDICT_FILE, INFRA_VERDICT_FILE = "verdict.json", "infra_verdict.json"
FINISHED: frozenset[str] = frozenset({"complete", "cached", "done", "reused", "skipped"})


@dataclass
class NodeRecord:
    """What happened to one node."""

    id: str
    state: NodeState = "waiting"
    reason: str = ""
    key: str = ""
    execution_id: int | None = None
    started: float | None = None
    seconds: float | None = None
    note: str = ""
    error: dict[str, Any] | None = None


@dataclass
class Run:
    """One run; `save` writes it."""

    id: str
    root: str
    pipeline: str
    config_path: str
    env: str = "local"
    sets: list[str] = field(default_factory=list)
    state: RunState = "running"
    exit_code: int | None = None
    started: str = ""
    seconds: float | None = None
    pid: int = 0
    message: str = ""
    pushed_version: int | None = None
    window: dict[str, str] = field(default_factory=dict)  # run_date, start, end (not part of it); empty without data.window
    nodes: dict[str, NodeRecord] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the run's folder."""
        return Path(self.root) / "runs" / self.id

    def resume_command(self) -> str:
        """Return what to type to go on with this run under the same settings."""
        env = [] if self.env == "local" else ["--env", self.env]
        sets = [part for assignment in self.sets for part in ("--set", assignment)]
        return shlex.join(["waze-tfx", "run", self.config_path, *env, *sets, "--resume"])

    def save(self) -> None:
        """Write run.json atomically."""
        write_json(self.folder / "run.json", asdict(self))

    def log(self, node: str) -> Path:
        """Return the node's log file."""
        return self.folder / "logs" / f"{node}.log"

    def result_path(self, node: str) -> Path:
        """Return the file in which the node's process says how it ended."""
        return self.folder / "nodes" / f"{node}.json"

    def config(self) -> Config:
        """Return the config that the run was started with."""
        return Config.model_validate_json((self.folder / "config.json").read_text(encoding="utf-8"))


def new_run(config: Config, *, config_path: Path, env: str, sets: Sequence[str] = ()) -> Run:
    """Make the folder of a new run; its id sorts by time."""
    assert config.root is not None
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}{secrets.token_hex(1)}"
    run = Run(run_id, str(config.root), config.name, str(config_path), env, list(sets), started=now.isoformat(timespec="seconds"))
    run.pid, run.window = os.getpid(), window_of(config)
    for sub in ("nodes", "logs"):
        (run.folder / sub).mkdir(parents=True)
    write_text(run.folder / "config.json", config.model_dump_json(by_alias=True, indent=1))
    _remember(config.root)
    return run


def window_of(config: Config) -> dict[str, str]:
    """Return the days of a resolved config's window, as run.json holds them."""
    window = config.data.window
    if window is None or not window.is_literal:
        return {}
    start, end = window.days
    return {"run_date": str(window.run_date), "start": start.isoformat(), "end": end.isoformat()}


def load_run(folder: Path) -> Run:
    """Read a run from its folder.

    Raises:
        RunFailed: when run.json is missing or damaged.
    """
    path = folder / "run.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        nodes = {k: NodeRecord(**v) for k, v in values.pop("nodes").items()}
        return Run(**values, nodes=nodes)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunFailed(
            f"{path}: not a readable run record: {error}", hint="the artifacts are untouched; start a new run"
        ) from error


def newest_run(root: Path) -> Run | None:
    """Return the newest run below a root, or None before the first."""
    folders = sorted((root / "runs").glob("*/run.json"))
    return load_run(folders[-1].parent) if folders else None


def find_run(text: str, roots: list[Path]) -> Run:
    """Return the run with this id, this unique beginning of an id, this folder, or the newest for `latest`.

    Raises:
        UserError: when there is none or more than one.
    """
    folder = Path(text)
    if (folder / "run.json").is_file():
        return load_run(folder.resolve())
    ids = {f.parent.name: f.parent for root in roots for f in (root / "runs").glob("*/run.json")}
    if text == "latest" and ids:
        return load_run(ids[max(ids)])
    matches = [i for i in ids if i.startswith(text)]
    if len(matches) == 1:
        return load_run(ids[matches[0]])
    if matches:
        raise UserError(f"run '{text}': more than one begins so: {', '.join(sorted(matches)[:5])}")
    known = sorted(ids, reverse=True)
    raise UserError(
        f"run '{text}': no such run; known: {', '.join(known[:5]) or 'none'}{did_you_mean(text, known)}",
        hint="list them with `waze-tfx runs CONFIG`",
    )


def known_roots() -> list[Path]:
    """Return the roots that this user has run pipelines in and that still exist."""
    try:
        values = json.loads(_index().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(v) for v in values if Path(v, "runs").is_dir()]


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step."""
    write_text(path, json.dumps(value, indent=1, default=str))


def _index() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "waze-tfx" / "roots.json"


def _remember(root: Path) -> None:
    """Note the root for `runs` and `show`; a home folder that cannot be written costs only that convenience."""
    roots = [str(r) for r in known_roots()]
    if str(root) not in roots:
        try:
            write_json(_index(), [*roots, str(root)])
        except OSError as error:
            print(f"note: {_index()} cannot be written ({error}); `waze-tfx runs` will need the config's path")
