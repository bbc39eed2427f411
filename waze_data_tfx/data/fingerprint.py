"""The identity of the input's content, for cache keys.

Called when a pipeline is built. A file's digest is remembered by path, size, modification time and inode, so that an
unchanged file is read once. Standard library only; never reads rows.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from waze_data_tfx.errors import DataError

CHUNK_BYTES = 1 << 20
MEMO = "fingerprints.json"
"""File below a run's root in which digests are remembered."""


def fingerprint(files: Iterable[Path], memo: Path) -> str:
    """Return 32 hex digits over the files' names and contents (BLAKE2b).

    Args:
        files: the input files; their order does not matter, their folder neither.
        memo: JSON file of known digests; made if missing, replaced atomically, remade if it cannot be read.

    Raises:
        DataError: a file changed or vanished while it was read.
    """
    known = _read_memo(memo)
    seen: dict[str, Any] = {}
    total = hashlib.blake2b(digest_size=16)
    for file in sorted(files, key=lambda f: (f.name, str(f))):
        identity = _identity(file)
        entry = known.get(str(file.resolve()))
        digest = entry["digest"] if entry and entry["identity"] == identity else _digest(file, identity)
        seen[str(file.resolve())] = {"identity": identity, "digest": digest}
        total.update(f"{len(file.name.encode())}:{file.name}:{digest};".encode())
    merged = {**known, **seen}
    if merged != known:
        write_memo(memo, merged)
    return total.hexdigest()


def write_memo(memo: Path, entries: dict[str, Any]) -> None:
    """Write what is remembered, in one step; concurrent writers do not mix."""
    memo.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=memo.parent, prefix=f".{memo.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(entries, opened)
        os.replace(temporary, memo)
    except OSError:
        os.unlink(temporary)
        raise


def _identity(file: Path) -> list[int]:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"{file}: cannot be read; {error.strerror}") from error
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _digest(file: Path, identity: list[int]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f"{file}: cannot be read; {error.strerror}") from error
    if _identity(file) != identity:
        raise DataError(f"{file}: changed while it was read; expected a finished file", hint="run again when it is complete")
    return digest.hexdigest()


def _read_memo(memo: Path) -> dict[str, Any]:
    try:
        entries = json.loads(memo.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {k: v for k, v in entries.items() if isinstance(v, dict) and {"identity", "digest"} <= set(v)}
