"""What the fake holds: buckets of objects, what it was asked, and what is to fail. Knows no HTTP."""

import base64
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

MAX_BYTES = 256 * 2**20
"""Of all objects together: a test that needs more is no test."""


class Refused(Exception):
    """What Cloud Storage answers in place of a result."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Hold HTTP's status, Cloud Storage's reason and its words."""
        self.status, self.reason, self.message = status, reason, message
        super().__init__(message)


@dataclass(frozen=True)
class Failure:
    """What was ordered to fail, and whether the work is done all the same."""

    refused: Refused
    done: bool


@dataclass(frozen=True)
class Request:
    """A request: its method's name, bucket, object ("" for a listing), and the parameters of the address."""

    method: str
    bucket: str
    name: str
    query: Mapping[str, str]


@dataclass
class Object:
    """One object."""

    content: bytes
    generation: int
    updated: datetime

    @property
    def crc32c(self) -> str:
        """Return its checksum as the API writes it."""
        import google_crc32c

        return base64.b64encode(google_crc32c.Checksum(self.content).digest()).decode()

    @property
    def md5(self) -> str:
        """Return its other checksum as the API writes it."""
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()

    def resource(self, bucket: str, name: str) -> dict[str, Any]:
        """Return its metadata."""
        updated = self.updated.isoformat().replace("+00:00", "Z")
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "size": str(len(self.content)),
            "crc32c": self.crc32c,
            "md5Hash": self.md5,
            "timeCreated": updated,
            "updated": updated,
        }


@dataclass
class State:
    """Everything that a fake knows."""

    buckets: dict[str, dict[str, Object]]
    page: int
    requests: list[Request] = field(default_factory=list)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    acts: dict[str, Callable[[Request], None]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _generations: "count[int]" = field(default_factory=lambda: count(1_700_000_000_000_000))

    def failure(self, method: str) -> Failure | None:
        """Return the next failure that was ordered for a method."""
        waiting = self.failures.get(method)
        return waiting.pop(0) if waiting else None

    def bucket(self, name: str) -> dict[str, Object]:
        """Return a bucket.

        Raises:
            Refused: there is none.
        """
        if name not in self.buckets:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        return self.buckets[name]

    def get(self, bucket: str, name: str, query: Mapping[str, str]) -> Object:
        """Return an object.

        Raises:
            Refused: there is none, or not the one of that generation.
        """
        found = self.bucket(bucket).get(name)
        wanted = query.get("generation")
        if found is None or (wanted and int(wanted) != found.generation):
            raise Refused(404, "notFound", f"No such object: {bucket}/{name}")
        self._check(found, query)
        return found

    def put(self, bucket: str, name: str, content: bytes) -> Object:
        """Replace an object, or make it.

        Raises:
            Refused: there is no bucket, or no room.
        """
        objects = self.bucket(bucket)
        held = sum(len(o.content) for b in self.buckets.values() for o in b.values())
        if held + len(content) > MAX_BYTES:
            raise Refused(413, "uploadTooLarge", f"the fake holds {MAX_BYTES} bytes at most")
        objects[name] = Object(content, next(self._generations), datetime.now(UTC))
        return objects[name]

    def insert(self, bucket: str, metadata: Mapping[str, Any], content: bytes, query: Mapping[str, str]) -> dict[str, Any]:
        """Write an object whose upload is complete, and return its metadata.

        Raises:
            Refused: a precondition does not hold, or the content is not what its checksum says.
        """
        name = metadata["name"]
        self._check(self.bucket(bucket).get(name), query)
        made = Object(content, 0, datetime.now(UTC))
        for key, own in (("crc32c", made.crc32c), ("md5Hash", made.md5)):
            if metadata.get(key, own) != own:
                raise Refused(400, "invalid", f'Provided {key} "{metadata[key]}" doesn\'t match calculated {key} "{own}".')
        return self.put(bucket, name, content).resource(bucket, name)

    def list(self, bucket: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of a bucket's objects."""
        objects = self.bucket(bucket)
        after = query.get("pageToken", "")
        names = [n for n in sorted(objects) if n.startswith(query.get("prefix", "")) and n > after]
        shown = names[: min(self.page, int(query.get("maxResults", self.page)))]
        more = {"nextPageToken": shown[-1]} if len(names) > len(shown) else {}
        return {"kind": "storage#objects", "items": [objects[n].resource(bucket, n) for n in shown], **more}

    def delete(self, bucket: str, name: str, query: Mapping[str, str]) -> None:
        """Delete an object.

        Raises:
            Refused: there is none, or a precondition does not hold.
        """
        self.get(bucket, name, query)
        del self.bucket(bucket)[name]

    @staticmethod
    def _check(found: Object | None, query: Mapping[str, str]) -> None:
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
