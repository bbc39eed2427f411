"""What the registry asks of the place where its generations lie: numbered, whole or absent, one of them current.

Two of them: a folder (`folder`) and a bucket (`bucket`). The rules of the registry stand in `registry` itself, written once over
this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import RunFailed

CURRENT = "CURRENT"
RECORD = "assets.extra/generation.json"


@dataclass(frozen=True)
class Seen:
    """What CURRENT said when it was read.

    Attributes:
        number: the generation that is current; None if there is none, or none that can be used.
        problem: why what it says cannot be used.
        stamp: what a conditional write compares with; 0 where there is no CURRENT.
    """

    number: int | None
    problem: str = ""
    stamp: int = 0


class Place(Protocol):
    """Numbered generations and CURRENT; `str` of it is what a person knows it by."""

    def seen(self) -> Seen:
        """Return what CURRENT says."""

    def numbers(self) -> list[int]:
        """Return the numbers of all complete generations, the smallest first."""

    def record(self, number: int) -> Mapping[str, Any]:
        """Return a generation's record, empty if it has none."""

    def checksums(self, number: int) -> Mapping[str, str]:
        """Return a checksum of every file of a generation, by relative path."""

    def checksums_of(self, folder: Path) -> Mapping[str, str]:
        """Return the same checksums of a local folder."""

    def publish(self, model: Path, record: bytes, *, seen: Seen) -> int:
        """Make a copy of the model with its record the next generation and the current one; return its number.

        Raises:
            RunFailed: the copy differs, or CURRENT is not what was seen; no generation is left behind.
        """

    def point(self, number: int, *, seen: Seen) -> None:
        """Make a generation current.

        Raises:
            UserError: there is no such generation.
            RunFailed: CURRENT is not what was seen.
        """

    def prune(self, keep: int) -> list[int]:
        """Delete all but the `keep` newest generations and the current one; return what was deleted."""


def damaged(where: str, said: str, known: list[int], *, exists: bool) -> str:
    """Return what is wrong with a CURRENT that cannot be used."""
    shown = ", ".join(map(str, known)) or "none"
    if exists:
        return f"{where}: names a version that does not exist; received {said}; known: {shown}"
    return f"{where}: expected a version number; received {said!r}; known: {shown}"


def check_copy(where: str, model: Path, *, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare checksums.

    Raises:
        RunFailed: a file is missing, is too many, or differs.
    """
    if differ := sorted(name for name, _ in wanted.items() ^ found.items()):
        names = ", ".join(dict.fromkeys(differ))
        raise RunFailed(f"{where}: the copy differs from {model} in {names}", hint="check the disk and run again")
