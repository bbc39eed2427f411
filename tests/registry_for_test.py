"""What the Pusher leaves, and a fake bucket to put it in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from waze_data_tfx import registry
from waze_data_tfx.testing.storage import FakeStorage

URI = "gs://models/eta"


def model(folder: Path, text: str, *, status: str = "blessed", auc: float = 0.7) -> Path:
    """Write what the Pusher leaves: a model and its verdict."""
    (folder / "assets.extra").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text(text)
    checks = [{"name": "auc", "slice": "", "value": auc}, {"name": "auc", "slice": "segment=new", "value": 0.1}]
    verdict = {"status": status, "checks": checks, "model": {"uri": "/m", "id": "7"}}
    (folder / "assets.extra" / "verdict.json").write_text(json.dumps(verdict))
    return folder


def register(folder: Path, directory: Path | str, run: str = "r1", *, keep: int = 5, version: str = "4") -> registry.Registration:
    return registry.register(folder, directory, run=run, pipeline="p", pushed_version=version, keep=keep)


@contextmanager
def bucket(monkeypatch: pytest.MonkeyPatch, page: int = 1000) -> Iterator[FakeStorage]:
    """Let the bucket `models` be on this machine, between `with` and its end."""
    with FakeStorage("models", page=page) as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        yield fake
