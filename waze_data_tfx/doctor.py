"""Is this machine fit to run a pipeline? Called by `waze-tfx doctor`; changes nothing.

Versions come from the installed packages' metadata; whether TFX really imports is tried in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

TRIED = {
    "tfx": "1.21",
    "tensorflow": "2.21",
    "tf-keras": "2.21",
    "keras": "3",
    "tensorflow-transform": "1.21",
    "tfx-bsl": "1.21",
    "tensorflow-model-analysis": "0.52",
    "tensorflow-data-validation": "1.16",
    "ml-metadata": "1.17",
    "apache-beam": "2.77",
    "protobuf": "6",
    "pyarrow": "18",
    "numpy": "2",
    "duckdb": "",
    "pydantic": "2",
    "ruamel.yaml": "",
    "typer": "",
    "rich": "",
    "filelock": "",
}
MIN_DISK_BYTES = 2 * 2**30
MIN_MEMORY_BYTES = 4 * 2**30
PROBE = """
import os, sys, time, json
from waze_data_tfx.runners.node import prepare_process
prepare_process()
began = time.time()
import tfx.orchestration.portable.launcher, tensorflow as tf, ml_metadata, google.protobuf
print(json.dumps({"seconds": time.time() - began, "sum": float(tf.reduce_sum(tf.constant([1.0, 2.0])))}))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at Python, packages, TFX's import, disk, memory and the temporary folder."""
    findings = [_python(), *_packages()]
    if all(f.ok for f in findings):
        findings.append(_import())
    return [*findings, _disk(), _memory(), _temporary()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] == (3, 11), version, "use Python 3.11: TFX 1.21 has wheels for nothing newer")


def _packages() -> list[Finding]:
    findings = []
    for name, tried in TRIED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, False, "not installed", "make install, or pip install --no-deps -r requirements.lock"))
            continue
        ok = not tried or version == tried or version.startswith(tried + ".")
        findings.append(Finding(name, ok, version, f"tried with {tried}; reinstall from requirements.lock"))
    return findings


def _import() -> Finding:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        return Finding("import tfx", False, "".join(last), "reinstall from requirements.lock into a fresh environment")
    seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return Finding("import tfx", True, f"{seconds:.1f} s")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return Finding(
        "free disk", free >= MIN_DISK_BYTES, f"{free / 2**30:.1f} GiB here", "free some space: a run needs about 2 GiB"
    )


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Finding("memory", total >= MIN_MEMORY_BYTES, f"{total / 2**30:.1f} GiB", "a run needs about 4 GiB")


def _temporary() -> Finding:
    folder = tempfile.gettempdir()
    ok = os.access(folder, os.W_OK)
    return Finding("temporary folder", ok, folder, "set TMPDIR to a folder that can be written")
