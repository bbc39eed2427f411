"""A directory of versions: folders 1, 2, 3, ... and a one-line file CURRENT that names the one in use.

Called by the Pusher and by `waze-tfx rollback`; a registry (`registry`) and a prediction store are directories of the same
kind. A version is written aside, synced to disk and renamed, so a folder with a number is always complete; CURRENT is replaced
atomically and is never a symlink, so it names a complete version whenever a writer is killed. Numbers only grow: the next one
is 1 + the greatest of all folders and CURRENT, and `prune` never removes the greatest. Names that are no integers are skipped
by TensorFlow Serving, which can be pointed at the directory (left to itself it loads the greatest number; a rolled-back
directory needs its `model_version_policy { specific }`). Knows nothing of models; imports nothing heavy.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout

from .errors import RunFailed, UserError, unknown_name


class _Any(Enum):
    ANY = "any"


ANY: Final = _Any.ANY
"""As `expected`: publish whatever CURRENT says."""

CURRENT = "CURRENT"
_LOCK, _WRITING, _DELETING = ".lock", ".writing-", ".deleting-"
_LOCK_TIMEOUT_S = 60.0


def current(directory: Path) -> int | None:
    """Return the version in use, or None if nothing was ever published.

    Raises:
        RunFailed: CURRENT is not a number, or names a folder that does not exist.
    """
    number = _read_current(directory)
    if number is not None and not (directory / str(number)).is_dir():
        raise RunFailed(
            f"{directory / CURRENT}: names a version that does not exist; received {number}; known: {_shown(directory)}",
            hint=_remedy(directory),
        )
    return number


def usable_current(directory: Path) -> int | None:
    """Return the version in use, or None if CURRENT is missing, is not a number, or names a folder that does not exist."""
    try:
        return current(directory)
    except RunFailed:
        return None


def versions(directory: Path) -> list[int]:
    """Return the numbers of all complete versions, the smallest first."""
    if not directory.is_dir():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if is_number(p.name) and p.is_dir())


def publish(directory: Path, fill: Callable[[Path], None], *, expected: int | Literal[_Any.ANY] | None) -> int:
    """Write a new version and make it the current one; return its number.

    Args:
        directory: made if it does not exist.
        fill: writes the version into the empty folder it is given; whatever it raises leaves nothing behind.
        expected: what CURRENT must say when the version is put in place, None for nothing yet; ANY does not ask.

    Raises:
        RunFailed: CURRENT says something else, so another writer came between; no version is left behind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _writing(directory, expected) as folder:
        fill(folder)
        _sync_tree(folder)
        with _locked(directory):
            _check_expected(directory, expected)
            number = max([0, *versions(directory), _read_current(directory) or 0]) + 1
            os.rename(folder, directory / str(number))
            _sync_folder(directory)
            try:
                _write_current(directory, number)
            except BaseException:
                _delete(directory, number)
                raise
    return number


def rollback(directory: Path, to: int | None = None, *, expected: int | Literal[_Any.ANY] | None = ANY) -> int:
    """Make an older version (by default the one before the current) the current one; return its number.

    Mends a CURRENT that cannot be used: every version then counts as older.

    Args:
        directory: of the versions.
        to: which one.
        expected: what CURRENT must say, None for nothing yet; ANY does not ask.

    Raises:
        UserError: there is no such version.
        RunFailed: CURRENT says something else than was expected.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: nothing was ever published here", hint="waze-tfx run")
    with _locked(directory):
        _check_expected(directory, expected)
        known, now = versions(directory), usable_current(directory)
        older = [v for v in known if now is None or v < now]
        if to is None and not older:
            raise UserError(f"{directory}: no version before the current one; received {now}; known: {_shown(directory)}")
        number = older[-1] if to is None else to
        if number not in known:
            raise UserError(f"{directory}: {unknown_name('version', str(number), map(str, known))}")
        _write_current(directory, number)
    return number


def prune(directory: Path, keep: int) -> list[int]:
    """Delete all but the `keep` newest versions and the current one; return what was deleted."""
    if keep < 1:
        raise ValueError(f"keep: expected at least 1; received {keep}")
    if not directory.is_dir():
        return []
    with _locked(directory):
        now = _read_current(directory)
        old = [v for v in versions(directory)[:-keep] if v != now]
        for number in old:
            _delete(directory, number)
    return old


def came_between(where: str, *, now: int | None, expected: int | None) -> RunFailed:
    """Return the error for a CURRENT that another writer replaced between our look at it and our own replacement."""
    return RunFailed(
        f"{where}: another writer changed the current version; received {now or 'none'}; expected {expected or 'none'}",
        hint="run again: the new version is then compared with the one that is current now",
    )


def is_number(name: str) -> bool:
    """Whether a name is that of a version: a whole number above zero, written without zeros before it."""
    return name.isascii() and name.isdigit() and name == str(int(name)) and name != "0"


def checksums(folder: Path) -> dict[str, str]:
    """Return the BLAKE2 digest of every file below the folder, by relative path."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "blake2b").hexdigest()
    return found


def _shown(directory: Path) -> str:
    return ", ".join(map(str, versions(directory))) or "none"


def _remedy(directory: Path) -> str:
    known = versions(directory)
    return f"waze-tfx rollback CONFIG --to {known[-1]}" if known else f"delete {directory / CURRENT}, then run again"


def _read_current(directory: Path) -> int | None:
    try:
        text = (directory / CURRENT).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if not is_number(text):
        raise RunFailed(
            f"{directory / CURRENT}: expected a version number; received {text!r}; known: {_shown(directory)}",
            hint=_remedy(directory),
        )
    return int(text)


def _write_current(directory: Path, number: int) -> None:
    aside = directory / f".{CURRENT}-{uuid.uuid4().hex}"
    try:
        with aside.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, directory / CURRENT)
    finally:
        aside.unlink(missing_ok=True)
    _sync_folder(directory)


def _check_expected(directory: Path, expected: int | Literal[_Any.ANY] | None) -> None:
    if expected is ANY:
        return
    now = _read_current(directory)
    if now != expected:
        raise came_between(f"{directory / CURRENT}", now=now, expected=expected)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system releases it when the holder dies."""
    try:
        with FileLock(directory / _LOCK, timeout=_LOCK_TIMEOUT_S):
            yield
    except Timeout:
        raise RunFailed(f"{directory / _LOCK}: held by another process for more than {_LOCK_TIMEOUT_S:.0f} s") from None


@contextmanager
def _writing(directory: Path, expected: int | Literal[_Any.ANY] | None) -> Iterator[Path]:
    """Give an empty folder to fill, in the same directory so that it can be renamed, with a lock that shows its writer lives."""
    aside = directory / f"{_WRITING}{uuid.uuid4().hex}"
    lock = FileLock(aside / _LOCK)
    with _locked(directory):
        _clear_leftovers(directory)
        _check_expected(directory, expected)
        (aside / "version").mkdir(parents=True)
        lock.acquire()
    try:
        yield aside / "version"
    finally:
        lock.release()
        shutil.rmtree(aside, ignore_errors=True)


def _clear_leftovers(directory: Path) -> None:
    """Delete what killed writers left; a living writer holds the lock in its folder."""
    for path in directory.iterdir():
        if path.name.startswith(_WRITING):
            with suppress(Timeout), FileLock(path / _LOCK, timeout=0):
                shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(_DELETING):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(f".{CURRENT}-"):
            path.unlink(missing_ok=True)


def _delete(directory: Path, number: int) -> None:
    """Delete a version; renamed first, so that no half of it is ever taken for a whole."""
    aside = directory / f"{_DELETING}{number}-{uuid.uuid4().hex}"
    os.rename(directory / str(number), aside)
    shutil.rmtree(aside, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
