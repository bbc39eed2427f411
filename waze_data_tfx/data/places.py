"""Files that stand where workers of any machine find them: on this disk, or in a bucket that TensorFlow's file systems know.

For what is written or read by libraries that know local files only. Imports TensorFlow inside its functions.
Never opens a file of this disk through TensorFlow.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


def is_local(path: str) -> bool:
    """Whether the path is of a file system of this machine."""
    return "://" not in path


@contextmanager
def written(path: str) -> Iterator[str]:
    """Give a local file to write, and put it at `path` when it is complete: in one step, so that it may be written twice."""
    part = f"{path}.part-{uuid.uuid4().hex}" if is_local(path) else os.path.join(tempfile.gettempdir(), uuid.uuid4().hex)
    try:
        yield part
        if is_local(path):
            os.replace(part, path)
        else:
            import tensorflow as tf

            tf.io.gfile.copy(part, path, overwrite=True)  # an object appears when it is whole
    finally:
        Path(part).unlink(missing_ok=True)


@cache
def local(path: str) -> str:
    """Return the file itself, or this process's copy of one in a bucket, fetched once."""
    if is_local(path):
        return path
    import tensorflow as tf

    copied = os.path.join(_folder(), uuid.uuid4().hex)
    tf.io.gfile.copy(path, copied)
    return copied


def matching(folder: str, pattern: str) -> list[str]:
    """Return the files below `folder` that match, as `local` gives them, sorted by name."""
    if is_local(folder):
        return sorted(map(str, Path(folder).glob(pattern)))
    import tensorflow as tf

    return [local(path) for path in sorted(tf.io.gfile.glob(os.path.join(folder, pattern)))]


@cache
def _folder() -> str:
    import atexit

    folder = tempfile.mkdtemp(prefix="waze-tfx-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
