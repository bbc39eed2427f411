"""Objects below gs://BUCKET/PATH by Google's client: listed, read, written and deleted under conditions.

Called by `bucket`, which knows what they mean. Every write names the generation of the object that it replaces (0: there is
none), so that the client may repeat it after a lost answer. The client's own retries and timeouts (one minute for a
request) hold. Imports google.cloud inside its functions. STORAGE_EMULATOR_HOST, as the client reads it, asks a fake.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import NoCredentials, RunFailed, UserError
from ..google_login import default_credentials

RETRY_S = 120.0
"""As the client's own."""
WHERE = "registry.directory"
LOGIN = "gcloud auth application-default login, or a folder on this machine as registry.directory"
ROLE = "roles/storage.objectUser on the bucket"
_FIELDS = "items(name,generation,crc32c,updated),nextPageToken"


@dataclass(frozen=True)
class Object:
    """One object as it is listed; its name is relative, its times are the server's."""

    name: str
    generation: int
    crc32c: str
    updated: datetime


class Objects:
    """All objects whose name begins with the URI's path."""

    def __init__(self, uri: str, *, retry_s: float = RETRY_S) -> None:
        """Hold the URI and for how long a request is repeated that is not answered; nobody is asked yet."""
        self._retry_s = retry_s
        self.uri = uri.rstrip("/")
        self._bucket_name, _, path = self.uri.removeprefix("gs://").partition("/")
        self._path = f"{path}/" if path else ""

    def list(self, prefix: str = "") -> list[Object]:
        """Return the objects whose name begins with the prefix."""
        with self._explained():
            blobs = self._bucket.client.list_blobs(self._bucket, prefix=self._path + prefix, fields=_FIELDS, retry=self._retry)
            return [self._object(blob) for blob in blobs]

    def read(self, name: str) -> tuple[bytes, int] | None:
        """Return an object's content and generation, or None if there is none."""
        from google.api_core.exceptions import NotFound

        with self._explained():
            blob = self._blob(name)
            try:
                content: bytes = blob.download_as_bytes(retry=self._retry)
            except NotFound as error:
                self._check_bucket(error)
                return None
            return content, int(blob.generation)

    def write(self, name: str, content: bytes, *, generation: int) -> Object | None:
        """Write an object in place of that generation (0: if there is none); return it, or None if there is another one.

        One with this very content counts as written: an answer can be lost.
        """
        from google.api_core.exceptions import PreconditionFailed

        with self._explained():
            blob = self._blob(name)
            try:
                blob.upload_from_string(content, content_type="text/plain", if_generation_match=generation, retry=self._retry)
            except PreconditionFailed:
                found = self.read(name)
                if found is None or found[0] != content:
                    return None
                blob = self._bucket.get_blob(self._path + name, retry=self._retry)
                return self._object(blob) if blob is not None else None
            return self._object(blob)

    def upload(self, name: str, file: Path) -> None:
        """Copy a file to an object, if there is none of that name; whether it is this file's is for a listing to say."""
        from google.api_core.exceptions import PreconditionFailed

        with self._explained():
            try:
                self._blob(name).upload_from_filename(str(file), if_generation_match=0, retry=self._retry)
            except PreconditionFailed:
                return

    def delete(self, found: Object) -> bool:
        """Delete an object as it was listed; return whether it was still that one."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        with self._explained():
            try:
                self._blob(found.name).delete(if_generation_match=found.generation, retry=self._retry)
            except (NotFound, PreconditionFailed):
                return False
        return True

    @cached_property
    def _bucket(self) -> Any:
        try:
            from google.cloud import storage
        except ImportError as error:
            raise UserError(f"{WHERE}: {self.uri} needs google-cloud-storage", hint="pip install 'waze-data-tfx[gcp]'") from error
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            return storage.Client(project=None).bucket(self._bucket_name)
        credentials, _ = default_credentials(WHERE, hint=LOGIN)
        return storage.Client(project=None, credentials=credentials).bucket(self._bucket_name)

    @property
    def _retry(self) -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._retry_s)

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(self._path + name)

    def _object(self, blob: Any) -> Object:
        return Object(blob.name.removeprefix(self._path), int(blob.generation), blob.crc32c, blob.updated)

    def _check_bucket(self, error: Exception) -> None:
        """Raise what says that there is no bucket, not only no object."""
        if "bucket does not exist" in str(error):
            raise error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what Google's client raises as an error of the project.

        Raises:
            UserError: there is no such bucket, or a permission is missing.
            NoCredentials: the login is not valid.
            RunFailed: the bucket does not answer, or content was damaged on its way.
        """
        import requests
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.cloud.storage.exceptions import DataCorruption

        try:
            yield
        except RetryError as error:
            raise self._given_up(error.cause or error) from error
        except GoogleAPICallError as error:
            raise self._explain(error) from error
        except (requests.RequestException, TransportError, ConnectionError, TimeoutError) as error:
            raise self._given_up(error) from error
        except GoogleAuthError as error:
            raise NoCredentials(f"{WHERE}: the Google credentials are not valid; {error}", hint=LOGIN) from error
        except DataCorruption as error:
            raise RunFailed(f"{self.uri}: content was damaged on its way; {error}", hint="run again with --resume") from error

    def _explain(self, error: Any) -> Exception:
        said, code = _said(error), error.code
        if code == 401:
            return NoCredentials(f"{WHERE}: Cloud Storage does not accept the credentials; {said}", hint=LOGIN)
        if code == 404:
            hint = f"make it: gcloud storage buckets create gs://{self._bucket_name}, or mend {WHERE}"
            return UserError(f"{WHERE}: {self.uri}: there is no bucket '{self._bucket_name}'", hint=hint)
        if code == 403:
            return UserError(f"{WHERE}: {self.uri}: {said}", hint=f"ask for {ROLE}")
        if code in (408, 429) or code >= 500:
            return self._given_up(error)
        return UserError(f"{WHERE}: {self.uri}: Cloud Storage refuses; {said}")

    def _given_up(self, error: Any) -> RunFailed:
        status = getattr(getattr(error, "response", None), "status_code", None)
        code = f" (code {status})" if status else ""
        return RunFailed(
            f"{self.uri}: Cloud Storage does not answer as it should{code}; {_said(error)}",
            hint="run again with --resume; see https://status.cloud.google.com",
        )


def _said(error: Any) -> str:
    """Return Cloud Storage's own words; the client wraps those about content in its own, with method and address."""
    response: Any = getattr(error, "response", None)
    try:
        text = response.json()["error"]["message"]
    except (AttributeError, KeyError, TypeError, ValueError):  # no answer, or one in plain text
        text = getattr(response, "text", "") or str(getattr(error, "message", None) or error)
    return " ".join(text.split()).rstrip(".")
