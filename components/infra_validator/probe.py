"""Loads a SavedModel in plain TensorFlow, asks both signatures and says what it measured: run in a process of its own.

Called by logic.py as `python -I probe.py REQUEST PROGRESS`; nothing imports it. Imports TensorFlow alone: the packages of
`without` cannot be imported in this process, so a model that needs one of them fails here as it would on a server. Every step
is written to PROGRESS before it is taken, so that whoever kills this process knows in which one it was.
"""

import base64
import json
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

SERVING, RAW = "serving_default", "raw"
BATCH_SIZES = (1, 8, 32)
N_CALLS, CALLS_S = 30, 1.0
RTOL, ATOL = 1e-5, 1e-6
"""How far the signatures' answers may be apart: float32 rounding differs between ways through the graph."""
GRACE_S = 30
"""An orphan ends itself this long after its time is up."""


def main(request_file: str, progress_file: str) -> None:
    """Take every step, or say what was wrong."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    signal.alarm(math.ceil(request["timeout_s"]) + GRACE_S)
    with open(progress_file, "a", buffering=1, encoding="utf-8") as progress:

        def say(**line: Any) -> None:
            progress.write(json.dumps(line) + "\n")

        try:
            say(result=_measure(request, say))
        except Exception as error:  # noqa: BLE001  whatever a model raises is the answer
            say(error=f"{type(error).__name__}: {_line(error)}")
            sys.exit(1)


def _measure(request: dict[str, Any], say: Any) -> dict[str, Any]:
    say(step="import tensorflow")
    began = time.perf_counter()
    sys.modules.update(dict.fromkeys(request["without"]))  # None: "import of ... halted"
    if request["site"] not in sys.path:
        sys.path.append(request["site"])
    tf = _loader(request["site"]) if request["imports"] == "loader" else _whole()
    imported = time.perf_counter()
    say(step="load the model")
    model = tf.load(request["model"])
    loaded = time.perf_counter()
    examples = [base64.b64decode(e) for e in request["examples"]]
    asked = {SERVING: _from_examples(tf, model, examples), RAW: _from_columns(tf, model, examples, request)}
    answers = {}
    for name, (signature, arguments) in asked.items():
        say(step=f"call {name} with {len(examples)} rows")
        answers[name] = {k: v.numpy() for k, v in signature(**arguments).items()}
    latency = [
        {"signature": name, "n_rows": n, **_latency(signature, arguments, n, say, name)}
        for name, (signature, arguments) in asked.items()
        for n in sorted({min(n, len(examples)) for n in BATCH_SIZES})
    ]
    return {
        "tensorflow": tf.version,
        "import_seconds": imported - began,
        "load_seconds": loaded - imported,
        "n_rows": len(examples),
        "outputs": {name: sorted(outputs) for name, outputs in answers.items()},
        "problems": [p for n, outputs in answers.items() for p in _problems(n, outputs, request["outputs"], len(examples))],
        "differences": _differences(*answers.values()),
        "latency": latency,
        "peak_memory_mb": _peak_memory_mb(),
    }


def _whole() -> SimpleNamespace:
    """Return what is needed of TensorFlow by its public names."""
    import tensorflow as tf

    return SimpleNamespace(
        load=tf.saved_model.load, constant=tf.constant, Example=tf.train.Example, version=tf.__version__,
        string=tf.string, float32=tf.float32, int64=tf.int64, bool=tf.bool,
    )  # fmt: skip


def _loader(site: str) -> SimpleNamespace:
    """Return the same from the modules that define it: the rest of the public API takes twice as long to import (2.21)."""
    package = ModuleType("tensorflow")
    package.__path__ = [os.path.join(site, "tensorflow")]
    sys.modules["tensorflow"] = package
    from tensorflow.core.example import example_pb2
    from tensorflow.python.framework import constant_op, dtypes, versions
    from tensorflow.python.saved_model import load

    return SimpleNamespace(
        load=load.load, constant=constant_op.constant, Example=example_pb2.Example, version=versions.VERSION,
        string=dtypes.string, float32=dtypes.float32, int64=dtypes.int64, bool=dtypes.bool,
    )  # fmt: skip


def _signature(model: Any, name: str) -> Any:
    if name not in model.signatures:
        raise ValueError(f"unknown signature '{name}'; known: {', '.join(model.signatures) or 'none'}")
    return model.signatures[name]


def _from_examples(tf: Any, model: Any, examples: list[bytes]) -> tuple[Any, dict[str, Any]]:
    signature = _signature(model, SERVING)
    (name,) = signature.structured_input_signature[1]
    return signature, {name: tf.constant(examples, tf.string)}


def _from_columns(tf: Any, model: Any, examples: list[bytes], request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return `raw` and its arguments: the same rows as typed columns, NaN, "" and -2**63 where a value is missing.

    A bool argument says of each of the request's `choices` whether the row names it; a row without a value names all.
    """
    signature, columns = _signature(model, RAW), request["columns"]
    missing = {tf.float32: math.nan, tf.int64: tf.int64.min, tf.string: b""}
    rows = [tf.Example.FromString(e).features.feature for e in examples]
    arguments = {}
    for name, spec in signature.structured_input_signature[1].items():
        if name not in columns:
            raise ValueError(f"{RAW} takes '{name}', which is no column of the config; known: {', '.join(sorted(columns))}")
        if spec.dtype == tf.bool:
            listed = [list(row[columns[name]].bytes_list.value) if columns[name] in row else [] for row in rows]
            arguments[name] = tf.constant([[not names or c.encode() in names for c in request["choices"]] for names in listed])
            continue
        values = [_value(row[columns[name]]) if columns[name] in row else None for row in rows]
        arguments[name] = tf.constant([missing[spec.dtype] if v is None else v for v in values], spec.dtype)
    return signature, arguments


def _value(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return values[0] if values else None


def _problems(signature: str, outputs: dict[str, Any], expected: list[str], n_rows: int) -> list[str]:
    """Return what is wrong with a signature's answers, whatever their values mean."""
    import numpy as np

    missing = [f"{signature} has no output '{n}'; known: {', '.join(sorted(outputs))}" for n in expected if n not in outputs]
    shapes = [
        f"{signature}: {n}: expected {n_rows} rows; received shape {v.shape}"
        for n, v in outputs.items()
        if v.shape[:1] != (n_rows,)
    ]
    finite = []
    for name, values in outputs.items():
        if values.dtype.kind == "f" and values.shape[:1] == (n_rows,):
            bad = int((~np.isfinite(values.reshape(n_rows, -1))).any(axis=1).sum())
            finite += [f"{signature}: {name} is not finite for {bad} of {n_rows} rows"] if bad else []
    return missing + shapes + finite


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return, per output, the largest difference of the two signatures and whether they agree."""
    import numpy as np

    found: dict[str, Any] = {}
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            found[name] = {"largest": None, "agree": False}
        elif a.dtype.kind == "f":
            agree = bool(np.allclose(a, b, RTOL, ATOL, equal_nan=True))
            apart = np.abs(a.astype(float) - b)[np.isfinite(a) & np.isfinite(b)]
            found[name] = {"largest": float(apart.max()) if apart.size else 0.0, "agree": agree}
        else:
            n_different = int((a != b).sum())
            found[name] = {"largest": float(n_different), "agree": n_different == 0}
    return found


def _latency(signature: Any, arguments: dict[str, Any], n_rows: int, say: Any, name: str) -> dict[str, float]:
    """Return median and 95th percentile of calls with `n_rows` rows, in ms, after one call that is not counted."""
    import numpy as np

    say(step=f"call {name} with {n_rows} rows")
    given = {k: v[:n_rows] for k, v in arguments.items()}
    signature(**given)
    times: list[float] = []
    while len(times) < N_CALLS and sum(times) < CALLS_S:
        began = time.perf_counter()
        for value in signature(**given).values():
            value.numpy()
        times.append(time.perf_counter() - began)
    return {"n_calls": len(times), "median_ms": 1000 * float(np.median(times)), "p95_ms": 1000 * float(np.percentile(times, 95))}


def _peak_memory_mb() -> float:
    """Return the most memory this process ever held; Linux's ru_maxrss would start at that of the process it was forked from."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _line(error: Exception) -> str:
    """Return the one line of TensorFlow's message that says what is wrong; the node's position `[[...]]` comes after it."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("[[")), "")


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # what was asked has been answered; TensorFlow's own end takes time
