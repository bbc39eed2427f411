"""A process that imports TFX once and forks one child per node.

Importing TFX takes seconds; a fork takes milliseconds. So the local runner starts `python -m
waze_data_tfx.runners.zygote`, which only imports (no TensorFlow op and no gRPC channel before a fork) and then forks
for every line `{"node": ..., "run": ...}` on its standard input; the child executes the node in a session of its own with
its output in the node's log. It answers `{"event": "started" | "exited" | "ready", ...}` lines. When the runner dies,
its end of the pipe closes, and zygote and children end with it.
"""

import gc
import json
import os
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO

FIRST = (
    "tfx",
    "tfx.orchestration.portable.launcher",
    "tfx.orchestration.local.runner_utils",
    "tfx.dsl.compiler.compiler",
    "tfx.components",
    "waze_data_tfx.pipelines.supervised",
    "waze_data_tfx.pipelines.bandit",
    "waze_data_tfx.components.query_example_gen",
    "waze_data_tfx.components.statistics_gen",
    "waze_data_tfx.components.transform",
    "waze_data_tfx.components.evaluator",
    "waze_data_tfx.components.pusher",
)
LATER = (
    "keras",
    "waze_data_tfx.features.entry",
    "waze_data_tfx.training.run",
    "waze_data_tfx.models.dnn",
)


class Zygote:
    """Imports, then forks a child for every request until its standard input closes."""

    def __init__(self, reports: TextIO) -> None:
        self._reports = reports
        self._children: dict[int, str] = {}
        self._buffer = b""
        self._lifeline = os.pipe()  # only the zygote keeps the write end: its children see it close when it is gone

    def serve(self) -> None:
        """Answer requests; while there are none, import what later nodes need."""
        for name in FIRST:
            import_module(name)
        gc.collect()
        gc.freeze()
        self._say(event="ready")
        later = list(LATER)
        while True:
            requests = self._read(wait=0.0 if later else 0.02)
            for request in requests:
                pid = self._fork(request)
                self._children[pid] = request["node"]
                self._say(event="started", node=request["node"], pid=pid)
            self._reap()
            if later and not requests and (self._children or len(later) < len(LATER)):
                import_module(later.pop(0))

    def _say(self, **event: Any) -> None:
        self._reports.write(json.dumps(event) + "\n")

    def _read(self, *, wait: float) -> list[dict[str, Any]]:
        if not select.select([0], [], [], wait)[0]:
            return []
        data = os.read(0, 65536)
        if not data:
            self._end()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def _fork(self, request: dict[str, Any]) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.close(self._lifeline[1])
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
                os.dup2(source, target)
            threading.Thread(target=_die_with_parent, args=(self._lifeline[0],), daemon=True).start()
            code = _work(request)
        except BaseException:  # noqa: BLE001  the runner reads the log and the exit code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for pid in list(self._children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._say(event="exited", node=self._children.pop(pid), code=os.waitstatus_to_exitcode(status))

    def _end(self) -> NoReturn:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)


def _die_with_parent(read_end: int) -> None:
    os.read(read_end, 1)
    os.killpg(0, signal.SIGKILL)


def _work(request: dict[str, Any]) -> int:
    from .node import COMPILE, execute, execute_compile

    if request["node"] == COMPILE:
        return execute_compile(Path(request["run"]), request["data_fingerprint"])
    return execute(Path(request["run"]), request["node"])


def main() -> None:
    """Serve on standard input and output; whatever an import prints goes to standard error."""
    from .node import prepare_process

    prepare_process()
    reports = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Zygote(reports).serve()


if __name__ == "__main__":
    main()
