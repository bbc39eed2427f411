"""The local runner's side of the zygote: ask for a node, hear how it ended, end everything at once.

Called by `local`, which schedules; `zygote` is the other side. Knows processes and pipes, nothing of nodes or caches.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..errors import RunFailed

GRACE_S = 3.0
COMMAND = (sys.executable, "-c", "from waze_data_tfx.runners.zygote import main; main()")


class Workers:
    """The zygote of one run and its children."""

    def __init__(self, run_folder: Path) -> None:
        """Start the zygote; it begins to import at once."""
        self._run_folder = run_folder
        self._log = run_folder / "logs" / "runner.log"
        with self._log.open("ab") as log:
            self._zygote = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._requests, self._reports = self._zygote.stdin, self._zygote.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._reports, selectors.EVENT_READ)
        self._buffer = b""
        self.running: dict[str, int | None] = {}

    def ask(self, node: str, log: Path, **more: Any) -> None:
        """Have a child execute `node` with its output in `log`.

        Raises:
            RunFailed: when the zygote is gone.
        """
        request = {"node": node, "run": str(self._run_folder), "log": str(log), **more}
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError:
            raise self._died() from None
        self.running[node] = None

    def ended(self, wait_s: float) -> list[tuple[str, int]]:
        """Return the nodes that ended within `wait_s` seconds and their exit codes (negative: a signal).

        Raises:
            RunFailed: when the zygote ended.
        """
        if not self._selector.select(wait_s):
            return []
        data = os.read(self._reports.fileno(), 65536)
        if not data:
            raise self._died()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        ended = []
        for event in map(json.loads, lines):
            if event["event"] == "started":
                self.running[event["node"]] = event["pid"]
            elif event["event"] == "exited":
                del self.running[event["node"]]
                ended.append((event["node"], event["code"]))
        return ended

    def end(self) -> None:
        """End children first (SIGTERM, after a grace SIGKILL), then the zygote; safe to call twice."""
        pids = [pid for pid in self.running.values() if pid]
        alive = [pid for pid in pids if _signal_group(pid, signal.SIGTERM)]
        deadline = time.monotonic() + GRACE_S
        while alive and time.monotonic() < deadline:
            time.sleep(0.05)
            alive = [pid for pid in alive if _signal_group(pid, 0)]
        for pid in alive:
            _signal_group(pid, signal.SIGKILL)
        self.running.clear()
        if not self._requests.closed:
            self._requests.close()
        try:
            self._zygote.wait(timeout=1.0)
        except subprocess.TimeoutExpired:  # it is importing, and reads no request until that is done
            self._zygote.kill()
            self._zygote.wait()
        self._selector.close()
        self._reports.close()

    def _died(self) -> RunFailed:
        said = last_line(self._log) or "it said nothing"
        return RunFailed(
            f"the process that imports TFX ended: {said}",
            hint=f"read {self._log}; check the installation with `waze-tfx doctor`",
        )


def last_line(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _signal_group(pid: int, signal_: int) -> bool:
    """Signal a child's process group; return whether it was there."""
    try:
        os.killpg(pid, signal_)
    except (ProcessLookupError, PermissionError):
        return False
    return True
