"""How a node's end is told: one message for any exception, and a real zygote whose children die, raise and outlive requests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_for_test import config_in

from waze_data_tfx.errors import DataError, RunFailed, UserCodeError
from waze_data_tfx.history.record import Run, new_run
from waze_data_tfx.runners.node import execute, explain, result_error
from waze_data_tfx.usercode import load_function

FEATURES = """\
import helper_of_eta


def preprocessing_fn(inputs):
    return divide(inputs)


def divide(inputs):
    return inputs / helper_of_eta.zero()


def chained(inputs):
    try:
        divide(inputs)
    except ZeroDivisionError as error:
        raise RuntimeError("could not") from error


def raise_data_error(inputs):
    inputs()
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run of a config whose features are the user's."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "eta_features.py").write_text(FEATURES)
    (code / "helper_of_eta.py").write_text("def zero():\n    return 0\n")
    config = config_in(tmp_path, code={"features": code / "eta_features.py"})
    run = new_run(config, config_path=tmp_path / "eta.yaml", env="local")
    run.save()
    return run


def raised(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def user_function(run: Run, name: str) -> Callable[..., Any]:
    features = run.config().code.features
    assert features is not None
    return load_function(features, name)


def raise_(error: BaseException) -> None:
    raise error


def test_the_users_line_comes_first(run: Run) -> None:
    error = explain(raised(lambda: user_function(run, "preprocessing_fn")(1)), "Transform", run)
    assert isinstance(error, UserCodeError)
    assert error.message == f"{run.config().code.features}:9: in divide: ZeroDivisionError: division by zero"
    assert error.hint == f"mend it; the whole log is {run.log('Transform')}"


def test_of_chained_exceptions_the_root_is_told(run: Run) -> None:
    error = explain(raised(lambda: user_function(run, "chained")(1)), "Transform", run)
    assert error.message == f"{run.config().code.features}:9: in divide: ZeroDivisionError: division by zero"


def test_an_error_of_the_library_below_the_users_code_keeps_the_users_line(run: Run) -> None:
    def library() -> None:
        raise ValueError("  too\n\n  deep  \nthree\nfour")

    error = explain(raised(lambda: user_function(run, "raise_data_error")(library)), "Transform", run)
    assert error.message == f"{run.config().code.features}:20: in raise_data_error: ValueError: too deep three"


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: raised(lambda: _wrapped(e))])
def test_errors_of_the_project_are_kept_as_they_are(run: Run, wrap: Callable[[BaseException], BaseException]) -> None:
    own = DataError("trips.csv:row 7: miles: expected float; received 'x'", hint="mend the row")
    assert explain(wrap(own), "ExampleGen", run) is own


def _wrapped(error: BaseException) -> None:
    try:
        raise error
    except DataError as inner:
        raise RuntimeError("while running [ExampleGen]") from inner


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        RuntimeError("UNAVAILABLE: /x; No space left on device"),
    ],
)
def test_a_full_disk_is_named(run: Run, error: BaseException) -> None:
    told = explain(error, "Transform", run)
    assert isinstance(told, RunFailed)
    assert told.message.startswith(f"Transform: the disk is full while writing below {run.root}: {type(error).__name__}: ")
    assert told.hint == f"free some space, then `waze-tfx run {run.config_path} --resume`"


def test_anything_else_names_the_node_the_log_and_how_to_resume(run: Run) -> None:
    told = explain(raised(lambda: raise_(KeyError("gone"))), "Trainer", run)
    assert isinstance(told, RunFailed)
    assert told.message == "Trainer: KeyError: 'gone'"
    assert told.hint == f"read {run.log('Trainer')}, then `waze-tfx run {run.config_path} --resume`"
    assert explain(SystemExit(), "Trainer", run).message == "Trainer: SystemExit: (no message)"
    assert len(explain(ValueError("x" * 5000), "Trainer", run).message) < 700


def test_a_node_that_cannot_start_leaves_its_error_where_the_runner_reads_it(run: Run) -> None:
    assert execute(run.folder, "Trainer") == 1
    result = json.loads(run.result_path("Trainer").read_text())
    assert result["state"] == "failed"
    assert result["error"]["type"] == "RunFailed"
    told = result_error(run.folder, "Trainer")
    assert isinstance(told, RunFailed)
    assert told.message.startswith("Trainer: FileNotFoundError: ")
    assert "pipeline.pb" in told.message


ZYGOTE = """
import os, signal, subprocess, sys, time
from waze_data_tfx.runners import node, zygote

zygote.FIRST, zygote.LATER = ("json",), ("decimal",)
node.prepare_process = lambda: None


def work(request):
    kind = request["node"].partition("-")[0]
    print("begins", flush=True)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "raises":
        raise ValueError("of the node")
    if kind == "sleeps":
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("grandchild", grandchild.pid, flush=True)
        time.sleep(60)
    return 3 if kind == "fails" else 0


zygote._work = work
print("an import that prints")
zygote.main()
"""


class Started:
    """A zygote in a process of its own and the log folder of its children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"an import that prints\n"
        assert self.event() == {"event": "ready"}

    def event(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, *nodes: str) -> None:
        lines = (json.dumps({"node": n, "run": str(self.folder), "log": str(self.log(n))}) + "\n" for n in nodes)
        assert self.process.stdin is not None
        self.process.stdin.write("".join(lines).encode())
        self.process.stdin.flush()

    def log(self, node: str) -> Path:
        return self.folder / f"{node}.log"

    def sleeper(self) -> list[int]:
        """Start a child that has a child; return the pids of both."""
        self.ask("sleeps")
        started = self.event()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            words = self.log("sleeps").read_text().split() if self.log("sleeps").is_file() else []
            if len(words) == 3:
                return [started["pid"], int(words[2])]
            time.sleep(0.02)
        raise AssertionError("the child never began")


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()


def gone(pids: list[int]) -> bool:
    """Wait until none of the processes runs (a zombie that nobody reaps does not)."""

    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    deadline = time.monotonic() + 10
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(runs, pids))


@pytest.mark.parametrize(("node", "code"), [("works", 0), ("fails", 3), ("raises", 1), ("killed", -9)])
def test_the_end_of_a_child_is_reported(zygote: Started, node: str, code: int) -> None:
    zygote.ask(node)
    started, exited = zygote.event(), zygote.event()
    assert (started["event"], started["node"]) == ("started", node)
    assert exited == {"event": "exited", "node": node, "code": code}
    assert zygote.log(node).read_text().splitlines()[0] == "begins"


def test_an_exception_that_nobody_caught_is_in_the_log(zygote: Started) -> None:
    zygote.ask("raises")
    zygote.event()
    zygote.event()
    assert zygote.log("raises").read_text().splitlines()[-1] == "ValueError: of the node"


def test_several_requests_in_one_write_run_side_by_side(zygote: Started) -> None:
    zygote.ask("works-1", "killed-2", "works-3")
    events = [zygote.event() for _ in range(6)]
    assert sorted(e["node"] for e in events if e["event"] == "started") == ["killed-2", "works-1", "works-3"]
    assert {e["node"]: e["code"] for e in events if e["event"] == "exited"} == {"works-1": 0, "killed-2": -9, "works-3": 0}
    zygote.ask("works-4")
    assert [zygote.event()["event"] for _ in range(2)] == ["started", "exited"]


def test_the_zygote_ends_with_its_children_when_its_input_closes(zygote: Started) -> None:
    pids = zygote.sleeper()
    assert zygote.process.stdin is not None
    zygote.process.stdin.close()
    assert zygote.process.wait(timeout=10) == 0
    assert gone(pids)


def test_a_killed_zygote_takes_its_children_along(zygote: Started) -> None:
    pids = zygote.sleeper()
    zygote.process.kill()
    zygote.process.wait(timeout=10)
    assert gone(pids)


def test_a_child_is_in_a_session_of_its_own_and_ctrl_c_does_not_reach_the_zygote(zygote: Started) -> None:
    child, grandchild = zygote.sleeper()
    assert os.getsid(child) == os.getsid(grandchild) == child
    zygote.process.send_signal(signal.SIGINT)
    os.killpg(child, signal.SIGTERM)
    assert zygote.event() == {"event": "exited", "node": "sleeps", "code": -15}
    assert gone([grandchild])
