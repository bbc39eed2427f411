"""The registry in a bucket: no renames and no locks there, so every step is one conditional write of one object.

    gs://BUCKET/PATH/CURRENT                           replaced only as the object that was read
                     3/...                             a generation's files, each written only where there is none
                     3/assets.extra/generation.json    its record, written last: without it the generation does not exist
                     .writing/3                        its writer's claim to the number, until CURRENT is moved

A killed writer leaves a claim and files without a record, which nobody lists; a later writer deletes them when the claim is a day
old by the server's clock. A writer that was only slow finds its claim gone and gives up. Whatever is deleted is
deleted as it was listed, so nobody deletes what another has written in its place. Made by `registry.at`.
"""

import base64
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import RunFailed, UserError, WazeTfxError
from ..versions import came_between, is_number
from .objects import RETRY_S, Object, Objects
from .place import CURRENT, RECORD, Seen, check_copy, damaged

WRITING = ".writing/"
ABANDONED = timedelta(days=1)
"""Age of a claim after which its writer is taken for dead; no upload of a model takes as long."""
MAX_CLAIMS = 20
"""Numbers that a writer tries to claim, each of them lost to another writer, before it gives up."""


class Bucket:
    """Generations in a bucket; see `place.Place`."""

    def __init__(self, uri: str, *, retry_s: float = RETRY_S) -> None:
        """Hold the URI and for how long a request is repeated that is not answered; nobody is asked yet."""
        self._objects = Objects(uri, retry_s=retry_s)

    def __str__(self) -> str:
        return self._objects.uri

    def seen(self) -> Seen:
        """Return what CURRENT says."""
        found = self._objects.read(CURRENT)
        if found is None:
            return Seen(None)
        text, stamp = found[0].decode("ascii", errors="replace").strip(), found[1]
        if not is_number(text):
            return Seen(None, damaged(f"{self}/{CURRENT}", text, self.numbers(), exists=False), stamp)
        if self._objects.read(f"{text}/{RECORD}") is None:
            return Seen(None, damaged(f"{self}/{CURRENT}", text, self.numbers(), exists=True), stamp)
        return Seen(int(text), stamp=stamp)

    def numbers(self) -> list[int]:
        """Return the numbers of all generations that have their record, the smallest first."""
        return _complete(self._objects.list())

    def record(self, number: int) -> Mapping[str, Any]:
        """Return a generation's record; empty if it was deleted meanwhile."""
        found = self._objects.read(f"{number}/{RECORD}")
        record: dict[str, Any] = json.loads(found[0]) if found else {}
        return record

    def checksums(self, number: int) -> Mapping[str, str]:
        """Return the CRC32C of every file of a generation, as the server computed it."""
        prefix = f"{number}/"
        return {o.name.removeprefix(prefix): o.crc32c for o in self._objects.list(prefix)}

    def checksums_of(self, folder: Path) -> Mapping[str, str]:
        """Return the CRC32C of every file of a local folder."""
        return {file.relative_to(folder).as_posix(): _crc32c(file) for file in _files(folder)}

    def publish(self, model: Path, record: bytes, *, seen: Seen) -> int:
        """Claim a number, upload, compare, write the record; then replace CURRENT, if it is what was seen."""
        number, claim = self._claim()
        try:
            self._clear_leftovers(claim)
            for file in _files(model):
                self._objects.upload(f"{number}/{file.relative_to(model).as_posix()}", file)
            claim = self._renewed(number, claim)
            check_copy(f"{self}/{number}", model, wanted=self.checksums_of(model), found=self.checksums(number))
            if self._objects.write(f"{number}/{RECORD}", record, generation=0) is None:
                raise self._taken(number)
        except BaseException:
            with suppress(WazeTfxError):  # what cannot be deleted now is not listed, and goes with a later writer
                self._give_up(number, claim)
            raise
        # the generation is whole: where it is not known whether CURRENT has moved, it stays
        if self._objects.write(CURRENT, f"{number}\n".encode(), generation=seen.stamp) is None and self._withdraw(number):
            self._objects.delete(claim)
            raise came_between(f"{self}/{CURRENT}", now=self.seen().number, expected=seen.number)
        self._objects.delete(claim)
        return number

    def point(self, number: int, *, seen: Seen) -> None:
        """Replace CURRENT, if it is what was seen; back again if the generation has been deleted meanwhile."""
        moved = self._objects.write(CURRENT, f"{number}\n".encode(), generation=seen.stamp)
        if moved is None:
            raise came_between(f"{self}/{CURRENT}", now=self.seen().number, expected=seen.number)
        if self._objects.read(f"{number}/{RECORD}") is None:
            if seen.number is None:
                self._objects.delete(moved)
            else:
                self._objects.write(CURRENT, f"{seen.number}\n".encode(), generation=moved.generation)
            raise UserError(f"{self}: generation {number} was deleted just now", hint="waze-tfx registry list CONFIG")

    def prune(self, keep: int) -> list[int]:
        """Delete all but the `keep` newest generations and the current one."""
        now = self._pointed()
        return [n for n in self.numbers()[:-keep] if n != now and self._retire(n)]

    def _retire(self, number: int) -> bool:
        """Delete a generation under a claim of its own; return whether that was done."""
        claim = self._objects.write(f"{WRITING}{number}", _token(), generation=0)
        if claim is None:
            return False
        done = self._withdraw(number)
        self._objects.delete(claim)
        return done

    def _withdraw(self, number: int) -> bool:
        """Delete a claimed generation, its record first; put that back if the generation has become current meanwhile."""
        name = f"{number}/{RECORD}"
        kept, marker = self._objects.read(name), next(iter(self._objects.list(name)), None)
        if kept is None or marker is None or not self._objects.delete(marker):
            return False
        if self._pointed() == number:
            self._objects.write(name, kept[0], generation=0)
            return False
        self._delete(number)
        return True

    def _pointed(self) -> int:
        """Return the number in CURRENT, whether or not it can be used; 0 for none."""
        found = self._objects.read(CURRENT)
        return _number(found[0].decode("ascii", errors="replace").strip()) if found else 0

    def _claim(self) -> tuple[int, Object]:
        """Take the next number for this writer: above every object, claim and CURRENT that there is."""
        for _ in range(MAX_CLAIMS):
            taken = [_number(o.name.removeprefix(WRITING)) for o in self._objects.list()]
            number = max([self._pointed(), *taken], default=0) + 1
            claim = self._objects.write(f"{WRITING}{number}", _token(), generation=0)
            if claim and not self._objects.list(f"{number}/"):
                return number, claim
            if claim:  # another writer took the number and was done with it before this one claimed it
                self._objects.delete(claim)
        raise RunFailed(f"{self}: {MAX_CLAIMS} numbers were lost to other writers", hint="run again with --resume")

    def _renewed(self, number: int, claim: Object) -> Object:
        """Return the claim made young again: it is not taken for abandoned while the copy is compared and completed."""
        renewed = self._objects.write(claim.name, _token(), generation=claim.generation)
        if renewed is None:
            raise self._taken(number)
        return renewed

    def _taken(self, number: int) -> RunFailed:
        days = ABANDONED.total_seconds() / 86400
        return RunFailed(
            f"{self}/{number}: another writer took this copy for abandoned: it is more than {days:g} day old",
            hint="run again with --resume",
        )

    def _give_up(self, number: int, claim: Object) -> None:
        """Delete what this writer wrote and then its claim; nothing, if the number is not its own any more."""
        own = self._objects.write(claim.name, _token(), generation=claim.generation)
        if own is not None:
            self._delete(number)
            self._objects.delete(own)

    def _clear_leftovers(self, own: Object) -> None:
        """Delete what killed writers left: the files without a record of a number whose claim is a day old.

        The claim is taken over first, so its writer cannot go on; a folder that was never claimed is somebody else's.
        """
        for claim in self._objects.list(WRITING):
            number = _number(claim.name.removeprefix(WRITING))
            if number == 0 or claim.name == own.name or own.updated - claim.updated < ABANDONED:
                continue
            mine = self._objects.write(claim.name, _token(), generation=claim.generation)
            if mine is None:
                continue
            if self._objects.read(f"{number}/{RECORD}") is None:
                self._delete(number)
            self._objects.delete(mine)

    def _delete(self, number: int) -> None:
        """Delete a claimed generation's objects, each as it was listed."""
        for found in self._objects.list(f"{number}/"):
            self._objects.delete(found)


def _token() -> bytes:
    """Return what no other writer writes, and a person can make sense of."""
    return f"{socket.gethostname()} {os.getpid()} {uuid4().hex}\n".encode()


def _complete(found: list[Object]) -> list[int]:
    return sorted(n for n in {_number(o.name) for o in found if o.name.partition("/")[2] == RECORD} if n)


def _number(name: str) -> int:
    """Return the generation's number that an object's name begins with, or 0."""
    first = name.partition("/")[0]
    return int(first) if first.isdigit() and is_number(first) else 0


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).as_posix() != RECORD)


def _crc32c(file: Path) -> str:
    """Return the checksum as Cloud Storage writes it: base64 of its four bytes, the highest first."""
    import google_crc32c

    checksum = google_crc32c.Checksum()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            checksum.update(chunk)
    return base64.b64encode(checksum.digest()).decode()
