"""The registry in a local folder: a directory of `versions`, whose lock and renames make every step whole.

Made by `registry.at`. Imports nothing heavy.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import versions
from ..errors import RunFailed
from .place import RECORD, Seen, check_copy


class Folder:
    """Generations in a local folder; see `place.Place`."""

    def __init__(self, directory: Path) -> None:
        """Hold the directory, which need not exist."""
        self._directory = directory

    def __str__(self) -> str:
        return str(self._directory)

    def seen(self) -> Seen:
        """Return what CURRENT says."""
        try:
            return Seen(versions.current(self._directory))
        except RunFailed as error:
            return Seen(None, error.message)

    def numbers(self) -> list[int]:
        """Return the numbers of all generations, the smallest first."""
        return versions.versions(self._directory)

    def record(self, number: int) -> Mapping[str, Any]:
        """Return a generation's record, empty where somebody else has put the folder there."""
        try:
            record: dict[str, Any] = json.loads((self._directory / str(number) / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return record

    def checksums(self, number: int) -> Mapping[str, str]:
        """Return the digest of every file of a generation."""
        return self.checksums_of(self._directory / str(number))

    def checksums_of(self, folder: Path) -> Mapping[str, str]:
        """Return the digest of every file of a folder."""
        return versions.checksums(folder)

    def publish(self, model: Path, record: bytes, *, seen: Seen) -> int:
        """Copy aside, compare, rename; then replace CURRENT, if it is what was seen."""
        wanted = self.checksums_of(model)

        def fill(folder: Path) -> None:
            shutil.copytree(model, folder, dirs_exist_ok=True)
            check_copy(str(folder), model, wanted=wanted, found=self.checksums_of(folder))
            (folder / RECORD).write_bytes(record)

        return versions.publish(self._directory, fill, expected=seen.number)

    def point(self, number: int, *, seen: Seen) -> None:
        """Replace CURRENT, if it is what was seen."""
        versions.rollback(self._directory, number, expected=versions.ANY if seen.problem else seen.number)

    def prune(self, keep: int) -> list[int]:
        """Delete all but the `keep` newest generations and the current one."""
        return versions.prune(self._directory, keep)
