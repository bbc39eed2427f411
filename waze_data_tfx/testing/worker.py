"""The process that feature tests work in: `python -m waze_data_tfx.testing.worker FOLDER`, started by `session`.

It imports TensorFlow, Beam and TFT once (`imports` says how) and forks a child for every request, so that each sees the user's
code as it is on disk and leaves nothing behind for the next. Reads one JSON request per line from standard input, writes one
JSON answer per line to standard output; both processes end when standard input closes. Children end by os._exit: TensorFlow
and Beam in one interpreter end in a segmentation fault when it exits (TF 2.21, Beam 2.77, TFT 1.21: after every analysis, with
any preprocessing_fn), which would fail a green test session. TensorFlow runs nothing before a fork.
"""

import gc
import json
import os
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

from . import imports

WAIT_S = 0.01


class Worker:
    """Answers requests until its standard input closes."""

    def __init__(self, folder: Path, answers: Any) -> None:
        """Work in `folder`, answer on `answers`."""
        self._folder, self._answers = folder, answers
        self._lifeline = os.pipe()  # only the worker keeps the write end: a child sees it close when the worker is gone
        self._buffer = b""

    def serve(self) -> NoReturn:
        """Fork a child per request and pass its answer on."""
        while (line := self._line()) is not None:
            made = self._folder / "answer.json"
            made.unlink(missing_ok=True)
            code = self._wait(self._fork(json.loads(line), made))
            answer = made.read_text("utf-8") if made.is_file() else json.dumps({"died": _death(code)})
            self._answers.write(answer + "\n")
            self._answers.flush()
        os._exit(0)

    def _line(self) -> bytes | None:
        while b"\n" not in self._buffer:
            data = os.read(0, 1 << 20)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _fork(self, request: dict[str, Any], made: Path) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.close(self._lifeline[1])
            threading.Thread(target=_die_with_worker, args=(self._lifeline[0],), daemon=True).start()
            part = made.with_suffix(".part")
            part.write_text(json.dumps(_answer(request, self._folder)), "utf-8")
            part.rename(made)
            code = 0
        except BaseException:  # noqa: BLE001  the session shows the log
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _wait(self, pid: int) -> int:
        """Return the child's exit code; while it works, standard input can only close."""
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if select.select([0], [], [], WAIT_S)[0]:
                os.kill(pid, signal.SIGKILL)
                os._exit(0)


def main(folder: str) -> NoReturn:
    """Import, then serve; whatever an import or a job prints goes to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the session's to answer: it closes standard input
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # which it would look for among all that is installed
    gc.disable()  # for good: a child is gone after one answer
    imports.import_all()
    gc.freeze()
    Worker(Path(folder), answers).serve()


def _answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from ..errors import WazeTfxError
    from . import jobs

    try:
        return {"result": jobs.do(request, folder)}
    except Exception as error:  # noqa: BLE001  told to the test, which raises it
        traceback.print_exc()
        ours = error if isinstance(error, WazeTfxError) else WazeTfxError(f"{type(error).__name__}: {error}")
        return {"error": {"type": type(ours).__name__, "message": ours.message, "hint": ours.hint}}


def _death(code: int) -> str:
    return f"the process died of {signal.Signals(-code).name}" if code < 0 else f"the process ended with exit code {code}"


def _die_with_worker(read_end: int) -> None:
    os.read(read_end, 1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
