"""The worker process from the test's side: started at its first use, asked one thing at a time, ended with the session.

Called by this package's public functions and by `plugin`. A request is one line of JSON on the worker's standard input, the
answer one line on its standard output. Imports nothing heavy.
"""

import atexit
import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import BY_NAME, RunFailed

TAIL_BYTES = 3000


class Worker:
    """One worker process and the folder of its log and answers."""

    def __init__(self) -> None:
        """Start the process; it imports while the test session goes on."""
        self._folder = tempfile.TemporaryDirectory(prefix="waze_tfx_testing_")
        self._log = Path(self._folder.name, "log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "waze_data_tfx.testing.worker", self._folder.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, job: str, **arguments: Any) -> Any:
        """Return the job's result.

        Raises:
            WazeTfxError: the job's own error, or RunFailed if it died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"job": job, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        except KeyboardInterrupt:  # its answer would be taken for the next one's
            self.end()
            raise
        answer: dict[str, Any] = json.loads(line) if line else {"died": "the worker process ended"}
        if "died" in answer:
            raise RunFailed(f"testing: {answer['died']}\n{self._said()}")
        if "error" in answer:
            error = answer["error"]
            raise BY_NAME.get(error["type"], RunFailed)(error["message"], hint=error["hint"])
        return answer["result"]

    def end(self) -> None:
        """End the process, whatever it does, and remove its folder."""
        if self.is_running:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        self._folder.cleanup()

    def _said(self) -> str:
        return self._log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")


def ask(job: str, config_path: str | Path, **arguments: Any) -> Any:
    """Ask this process's worker; start one if there is none.

    Raises:
        WazeTfxError: as `Worker.ask`.
    """
    if not worker().is_running:
        end()
    return worker().ask(job, config=str(Path(config_path).resolve()), **arguments)


@cache
def worker() -> Worker:
    """Return the one worker of this process."""
    made = Worker()
    atexit.register(made.end)
    return made


def end() -> None:
    """End the worker, if there is one; the next `ask` starts another."""
    if worker.cache_info().currsize:
        ended = worker()
        atexit.unregister(ended.end)
        ended.end()
        worker.cache_clear()
