"""What the InfraValidator does, without TFX: ask a model in a process of its own, within a budget, and judge what came of it.

Called by executor.py. Starts `probe.py`, watches its time and memory, and ends it where it passes either. Never loads the model
itself; imports nothing heavy.
"""

import base64
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from waze_data_tfx.config.infra_validation import InfraValidation
from waze_data_tfx.config.section import Task
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.evaluation.spec import output_name
from waze_data_tfx.evaluation.verdict import Check, Verdict

VERDICT_FILE, MEASURED_FILE = "verdict.json", "measured.json"
PROBE = Path(__file__).with_name("probe.py")
WITHOUT = (
    "waze_data_tfx", "tfx", "tfx_bsl", "tensorflow_transform", "keras", "tf_keras", "tf_agents", "tensorflow_probability",
)  # fmt: skip
"""What the process cannot import: a served model needs TensorFlow and nothing else."""
IMPORT = "import tensorflow"
"""The step of probe.py that is not the model's own."""
POLL_S = 0.02
AGAIN = "on a busier machine than usual, ask again: waze-tfx run CONFIG --from InfraValidator --force"
Cause = Literal["", "time", "memory", "died", "failed"]


@dataclass(frozen=True)
class Question:
    """What is asked: the SavedModel, serialized examples, columns of `raw`, outputs it must have, a policy's actions."""

    model: str
    examples: Sequence[bytes]
    columns: Mapping[str, str]
    outputs: Sequence[str]
    choices: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """What came of it: `measured` as probe.py says it, or why there is none and in which step."""

    measured: dict[str, Any] = field(default_factory=dict)
    cause: Cause = ""
    step: str = ""
    message: str = ""
    seconds: float = 0.0
    peak_memory_mb: float = 0.0


def outputs_of(task: Task) -> list[str]:
    """Return the outputs that both signatures must have."""
    if task == "bandit":
        return ["action", "probabilities", "propensity", "ranked_actions", "scores"]
    return sorted({"prediction", output_name(task), *([] if task == "regression" else ["scores", "classes"])})


def ask(question: Question, settings: InfraValidation) -> Answer:
    """Have a fresh process load the model and answer.

    It imports no more of TensorFlow than the loader, which is half of the time; a model that this fails is asked again with the
    whole of TensorFlow, which then decides.

    Raises:
        RunFailed: it cannot even import TensorFlow.
    """
    answer = _ask(question, settings, "loader")
    if answer.cause in ("died", "failed"):
        answer = _ask(question, settings, "whole")
    if answer.cause in ("died", "failed") and answer.step == IMPORT:
        raise RunFailed(
            f"infra_validation: a fresh {sys.executable} cannot import tensorflow: {answer.message}", hint="waze-tfx doctor"
        )
    return answer


def judge(answer: Answer, settings: InfraValidation, *, model: dict[str, str], data: dict[str, str]) -> Verdict:
    """Hold what was measured against the budget: any failed check refuses."""
    checks = tuple(_checks(answer, settings) if answer.measured else [_broken(answer, settings)])
    refused = [c for c in checks if c.passed is False]
    return Verdict(
        "refused" if refused else "blessed", checks, model, data, hint=_hint(refused[0].name, answer) if refused else ""
    )


def _ask(question: Question, settings: InfraValidation, imports: Literal["loader", "whole"]) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        request, progress = Path(folder, "request.json"), Path(folder, "progress.jsonl")
        request.write_text(json.dumps({**_request(question, settings), "imports": imports}), encoding="utf-8")
        progress.touch()
        sys.stdout.flush()
        process = subprocess.Popen([sys.executable, "-I", str(PROBE), str(request), str(progress)], stdin=subprocess.DEVNULL)
        try:
            cause, seconds, peak = _watch(process, settings)
        finally:  # a signal to this process must not leave that one behind
            process.kill()
            process.wait()
        said = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines()]
    return _answer(said, cause, process.returncode, seconds, peak)


def _request(question: Question, settings: InfraValidation) -> dict[str, Any]:
    spec = find_spec("tensorflow")
    site = str(Path(spec.origin).parent.parent) if spec and spec.origin else ""
    return {
        "model": question.model,
        "examples": [base64.b64encode(e).decode("ascii") for e in question.examples],
        "columns": dict(question.columns),
        "choices": list(question.choices),
        "outputs": list(question.outputs),
        "timeout_s": settings.timeout_s,
        "site": site,
        "without": WITHOUT,
    }


def _watch(process: subprocess.Popen[bytes], settings: InfraValidation) -> tuple[Cause, float, float]:
    """Wait for the process; return why it was ended before its own end, its seconds and the most memory seen, MiB."""
    began, peak = time.monotonic(), 0.0
    while process.poll() is None:
        peak = max(peak, _memory_mb(process.pid))
        if peak > settings.max_memory_mb:
            return "memory", time.monotonic() - began, peak
        if time.monotonic() - began > settings.timeout_s:
            return "time", time.monotonic() - began, peak
        time.sleep(POLL_S)
    return "", time.monotonic() - began, peak


def _memory_mb(pid: int) -> float:
    """Return what a process holds now; 0 where the system has no /proc: then only the peak that it says at its end counts."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20
    except (OSError, IndexError):
        return 0.0


def _answer(said: list[dict[str, Any]], cause: Cause, code: int, seconds: float, peak: float) -> Answer:
    measured: dict[str, Any] = next((line["result"] for line in said if "result" in line), {})
    step = next((line["step"] for line in reversed(said) if "step" in line), IMPORT)
    if measured and not cause:
        return Answer({**measured, "seconds": seconds}, seconds=seconds, peak_memory_mb=max(peak, measured["peak_memory_mb"]))
    error = next((line["error"] for line in said if "error" in line), "")
    how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
    broken: Cause = cause or ("failed" if error else "died")
    return Answer({}, broken, step, error or f"its process ended by {how}", seconds, peak)


def _broken(answer: Answer, settings: InfraValidation) -> Check:
    """Return the check that a model fails which gave no answer."""
    if answer.cause == "memory":
        reason = f"held {answer.peak_memory_mb:.0f} MB, more than {settings.max_memory_mb}, when asked to {answer.step}; ended"
        return _check("peak_memory_mb", answer.peak_memory_mb, settings.max_memory_mb, reason, passed=False)
    name = "answers" if answer.step.startswith("call") else "load_seconds"
    if answer.cause == "time":
        reason = f"no answer within {settings.timeout_s:.6g} s when asked to {answer.step}; ended"
        return _check(name, answer.seconds, settings.timeout_s, reason, passed=False)
    return _check(name, None, None, f"cannot {answer.step}: {answer.message}", passed=False)


def _checks(answer: Answer, settings: InfraValidation) -> Iterator[Check]:
    measured = answer.measured
    load_s, memory, limit = measured["load_seconds"], answer.peak_memory_mb, settings.max_memory_mb
    whole = f"{answer.seconds:.1f} s with the import and every answer, of {settings.timeout_s:.6g} allowed"
    yield _check(
        "load_seconds", load_s, settings.timeout_s, f"loads in {load_s:.2f} s in plain TensorFlow ({whole})", passed=True
    )
    fits = memory <= limit
    yield _check("peak_memory_mb", memory, limit, f"held {memory:.0f} MB {'<=' if fits else '>'} {limit}", passed=fits)
    problems = measured["problems"]
    answered = "; ".join(problems) or f"both signatures answer {measured['n_rows']} rows with finite numbers"
    yield _check("answers", float(len(problems)), 0.0, answered, passed=not problems)
    yield _agreement(measured["differences"])
    yield _latency(measured["latency"], settings.max_latency_ms)


def _agreement(differences: dict[str, Any]) -> Check:
    apart = {name: d["largest"] for name, d in differences.items() if not d["agree"]}
    if not apart:
        largest = max(d["largest"] for d in differences.values())
        reason = f"serving_default and raw give the same {', '.join(differences)}"
        return _check("signatures_agree", largest, None, reason, passed=True)
    said = (f"{n} (by up to {v:.6g})" if v is not None else f"{n} (not of one form)" for n, v in apart.items())
    return _check("signatures_agree", None, None, f"serving_default and raw differ in {', '.join(said)}", passed=False)


def _latency(measured: list[dict[str, Any]], limit: float | None) -> Check:
    p95 = next(m["p95_ms"] for m in measured if m["signature"] == "serving_default" and m["n_rows"] == 1)
    if limit is None:
        return _check("latency_p95_ms", p95, None, f"one row in {p95:.3g} ms (95th percentile): no bound", passed=None)
    sign = "<=" if p95 <= limit else ">"
    return _check(
        "latency_p95_ms", p95, limit, f"one row in {p95:.3g} ms (95th percentile) {sign} {limit:.6g}", passed=p95 <= limit
    )


def _check(name: str, value: float | None, bound: float | None, reason: str, *, passed: bool | None) -> Check:
    return Check(name, "", value, bound, None, None, None, passed, reason)


def _hint(name: str, answer: Answer) -> str:
    """Return the next step after a refusal."""
    if name == "peak_memory_mb":
        return "make the model smaller, or raise infra_validation.max_memory_mb"
    if answer.cause == "time":
        return f"make the model quicker, or raise infra_validation.timeout_s; {AGAIN}"
    if name == "latency_p95_ms":
        return f"make the model quicker, or raise infra_validation.max_latency_ms; {AGAIN}"
    return "mend the model's code (code.model, code.features): a server would fail with it in the same way"
