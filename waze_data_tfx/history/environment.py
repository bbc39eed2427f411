"""What a run ran on: Python, machine and package versions, noted beside its record when it ends.

Written by `run`, read by the report. A run without the file says so: the environment of a later process would be another one.
"""

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

FILE = "environment.json"
PACKAGES = ("waze-data-tfx", "tfx", "tensorflow", "tensorflow-transform", "keras", "tf-keras", "apache-beam", "ml-metadata",
            "pyarrow", "duckdb", "numpy", "protobuf")  # fmt: skip


def record(folder: Path) -> None:
    """Write environment.json of this process into a run's folder."""
    from .record import write_json

    write_json(
        folder / FILE,
        {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "packages": {name: _version(name) for name in PACKAGES},
        },
    )


def read(folder: Path) -> dict[str, Any] | None:
    """Return what was recorded, or None where nothing was."""
    path = folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
