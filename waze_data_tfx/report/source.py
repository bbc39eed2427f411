"""Where a report's facts come from: one run's record, config and executions, and the artifacts that they name.

Called by every module that fills a section. What is not there is an `Absent` with the reason that the page shows. Reads only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..config import Config
from ..errors import RunFailed, WazeTfxError
from ..evaluation.verdict import Verdict
from ..history.metadata import SUCCESSFUL, Execution, History, read_history
from ..history.record import VERDICT_FILE, Run

T = TypeVar("T")


class Absent(Exception):
    """Why a section has nothing to show, in words for a person."""


@dataclass(frozen=True)
class Section(Generic[T]):
    """What a section shows, or why it shows nothing."""

    data: T | None
    absent: str = ""


@dataclass(frozen=True)
class Source:
    """One run and everything that is known of it."""

    run: Run
    config: Config
    history: History
    executions: dict[str, Execution]

    def artifact(self, node: str, key: str) -> Path:
        """Return the folder of what a node of this run made.

        Raises:
            Absent: the node has not run, did not end well, or its files are gone.
        """
        record = self.run.nodes.get(node)
        execution = self.executions.get(node)
        if execution is None or execution.state not in SUCCESSFUL or not execution.outputs.get(key):
            if record is None:
                raise Absent(f"{node} is not part of this pipeline.")
            raise Absent(f"{node}: {record.state}" + (f" ({record.reason})." if record.state == "skipped" else "."))
        path = Path(execution.outputs[key][0].uri)
        if not path.exists():
            raise Absent(f"{node} made it, but {path} is no longer there.")
        return path

    def previous(self, node: str, key: str) -> tuple[str, Path]:
        """Return the newest earlier run in which a node ended well, and what it made there.

        Raises:
            Absent: there is none, or its files are gone.
        """
        for execution in self.history.of_node(node):
            if execution.run < self.run.id and execution.state in SUCCESSFUL and execution.outputs.get(key):
                path = Path(execution.outputs[key][0].uri)
                if path.exists():
                    return execution.run, path
        raise Absent(f"There is no earlier run of this pipeline whose {node} can be compared with.")

    def verdict(self) -> Verdict:
        """Return the gate's verdict.

        Raises:
            Absent: the gate has not judged in this run.
        """
        path = self.run.folder / VERDICT_FILE
        if not path.is_file():
            record = self.run.nodes.get("Evaluator")
            raise Absent(f"The gate has not judged: Evaluator: {record.state if record else 'not part of this pipeline'}.")
        return Verdict.from_json(path.read_text(encoding="utf-8"))


def open_source(run: Run) -> Source:
    """Read a run's config and history.

    Raises:
        RunFailed: its config or the metadata cannot be read.
    """
    try:
        config = run.config()
    except (OSError, ValueError) as error:
        raise RunFailed(
            f"{run.folder / 'config.json'}: cannot be read by this version: {str(error).splitlines()[0]}",
            hint="make the report with the version of waze-data-tfx that made the run",
        ) from error
    history = read_history(config)
    return Source(run, config, history, history.of_run(run.id))


def section(read: Callable[[Source], T], source: Source) -> Section[T]:
    """Return what `read` finds, or why it finds nothing; a damaged artifact costs its section, not the page."""
    from google.protobuf.message import DecodeError

    try:
        return Section(read(source))
    except Absent as absent:
        return Section(None, str(absent))
    except (OSError, EOFError, ValueError, KeyError, WazeTfxError, DecodeError) as error:
        return Section(None, f"It cannot be read: {type(error).__name__}: {error}")
