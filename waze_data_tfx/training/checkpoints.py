"""A training's state on disk, from which it goes on after a kill: weights, optimizer, epochs, and what callbacks remember.

Called by `run`. Keras' BackupAndRestore (3.15) is not used: a kill while it writes leaves a file that cannot be read, and early
stopping would forget its best epoch. One file, replaced in one step, in a folder that only the same training finds again.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx import __version__
from waze_data_tfx.config import view
from waze_data_tfx.config.schema import Config
from waze_data_tfx.usercode import code_files

FOLDER = "checkpoints"
SECONDS_BETWEEN = 60.0
_REMEMBERED = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")


def folder_of(config: Config, *inputs: Any) -> Path | None:
    """Return the folder of this very training: of its settings, the user's code and `inputs`; None: no checkpoints.

    What an interrupted training with other settings left there is removed.
    """
    if config.root is None or config.training.checkpoint_every == 0:
        return None
    parts = [view.settings(config, view.FOR_MODEL), inputs, __version__]
    parts += [code_files(config.code.model)] if config.code.model else []
    name = hashlib.blake2b(json.dumps(parts, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()
    folder = config.root / FOLDER / name
    for other in folder.parent.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    return folder


def saver(library: Any, config: Config, folder: Path, epochs: list[dict[str, float]], watchers: Sequence[Any]) -> Any:
    """Return a callback, to stand last, that saves at the end of epochs; its `restore(model)` comes before the fit.

    Args:
        library: the model's Keras.
        config: `training.checkpoint_every`.
        folder: where the checkpoint is.
        epochs: what the epochs measured so far.
        watchers: EarlyStopping and ReduceLROnPlateau, whose memory is part of the state.
    """
    path, every = folder / "last.npz", config.training.checkpoint_every

    class Saver(library.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self._saved = time.monotonic()
            self._memory: list[tuple[dict[str, Any], list[np.ndarray]]] = []

        def restore(self, model: Any) -> tuple[int, bool]:
            """Put the last checkpoint's state into the model; return how many epochs it had and whether it had ended."""
            if not path.is_file():
                return 0, False
            with np.load(path) as held:
                state = json.loads(str(held["state"]))
                for i, variable in enumerate(_variables(model)):
                    variable.assign(held[f"variable_{i}"])
                for w, memory in enumerate(state["watchers"]):
                    best = [held[f"best_{w}_{i}"] for i in range(memory.pop("n_best"))]
                    self._memory.append((memory, best))
            epochs[:] = state["epochs"]
            print(f"going on after epoch {len(epochs)}", flush=True)
            return len(epochs), state["ended"]

        def on_train_begin(self, logs: Any = None) -> None:
            for watcher, (memory, best) in zip(watchers, self._memory, strict=False):
                vars(watcher).update(memory)
                if best:
                    watcher.best_weights = best

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            due = time.monotonic() - self._saved >= SECONDS_BETWEEN if every is None else (epoch + 1) % every == 0
            if due:
                _write(path, self.model, epochs, watchers)
                self._saved = time.monotonic()

    return Saver()


def _write(path: Path, model: Any, epochs: list[dict[str, float]], watchers: Sequence[Any]) -> None:
    arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(_variables(model))}
    memories = []
    for w, watcher in enumerate(watchers):
        best = getattr(watcher, "best_weights", None) or []
        arrays |= {f"best_{w}_{i}": np.asarray(value) for i, value in enumerate(best)}
        known = {name: _plain(value) for name, value in vars(watcher).items() if name in _REMEMBERED}
        memories.append({**known, "n_best": len(best)})
    state = {"epochs": epochs, "watchers": memories, "ended": bool(model.stop_training)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, state=np.asarray(json.dumps(state)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else float(value)


def _variables(model: Any) -> list[Any]:
    """Return everything that a step changes: weights, states of random generators, and the optimizer's own."""
    optimizer = model.optimizer
    create = optimizer.build if hasattr(optimizer, "build") else optimizer._create_all_weights  # tf_keras.optimizers.legacy
    create(model.trainable_variables)
    own = optimizer.variables
    return [*model.variables, *(own() if callable(own) else own)]
