"""A Cloud Storage of one's own on this machine, for tests: the JSON API of objects.

    with FakeStorage("models") as fake:
        os.environ.update(fake.environment)  # in a test: monkeypatch.setenv
        load("eta.yaml", sets=["registry.directory=gs://models/eta"])

Google's own client talks to it. It listens on loopback only, keeps objects in memory up to a bound, honours generation
preconditions and checksums, refuses what it does not know, remembers what came, and fails on demand. Parts: `state` (objects),
`rest` (the server).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from .state import Failure, Refused, Request, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rest import RestServer

__all__ = ["FakeStorage", "Refused", "Request"]


class FakeStorage:
    """A server on loopback, between `with` and its end."""

    def __init__(self, *buckets: str, page: int = 1000) -> None:
        """Hold empty buckets; a listing has that many objects on a page."""
        self._state = State({name: {} for name in buckets}, page)
        self._rest: RestServer | None = None

    def __enter__(self) -> Self:
        from .rest import RestServer

        self._rest = RestServer(self._state)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._rest
        self._rest.close()

    @property
    def environment(self) -> dict[str, str]:
        """What makes Google's client talk to this and to nobody else."""
        assert self._rest
        return {"STORAGE_EMULATOR_HOST": self._rest.address}

    @property
    def requests(self) -> list[Request]:
        """What was asked, in its order."""
        return self._state.requests

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return the content of every object, by name."""
        return {name: found.content for name, found in sorted(self._state.buckets[bucket].items())}

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """Write an object past the API."""
        self._state.put(bucket, name, content)

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object past the API."""
        del self._state.buckets[bucket][name]

    def age(self, bucket: str, name: str, by: timedelta) -> None:
        """Let an object have been written earlier."""
        self._state.buckets[bucket][name].updated -= by

    def fail(self, method: str, *, status: int, reason: str, message: str, times: int = 1, done: bool = False) -> None:
        """Let the next calls fail.

        Args:
            method: `objects.insert`, `objects.get`, `objects.download`, `objects.list`, `objects.delete`.
            status: HTTP's.
            reason: Cloud Storage's, such as forbidden or backendError.
            message: in Cloud Storage's words.
            times: how many calls.
            done: whether the call does its work all the same, and only the answer is lost.
        """
        self._state.failures.setdefault(method, []).extend([Failure(Refused(status, reason, message), done)] * times)

    def before(self, method: str, act: "Callable[[Request], None]") -> None:
        """Let something happen before each call of a method is answered: what another writer does in between."""
        self._state.acts[method] = act
