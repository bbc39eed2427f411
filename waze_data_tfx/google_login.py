"""Who is asking Google: application default credentials, found quickly or missed with the next step.

Called by whatever makes a client of Google's: BigQuery's engine, the registry in a bucket. Imports google.auth inside its
functions. Sends no request of its own but to find credentials.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import NoCredentials

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
PROBE_S = 2.0
"""For one question to the metadata server of a virtual machine; elsewhere nobody answers, and google.auth asks for 12 s."""

_METADATA_HOSTS = ("169.254.169.254", "metadata.google.internal")
_ON_GOOGLE = ("K_SERVICE", "CLOUD_RUN_JOB", "KUBERNETES_SERVICE_HOST", "GCE_METADATA_HOST")
_PRODUCT = Path("/sys/class/dmi/id/product_name")


def default_credentials(where: str, *, hint: str) -> tuple[Any, str | None]:
    """Return credentials and their project, if they name one.

    Args:
        where: key of the config that asks for them, for the error.
        hint: the next step where there are none.

    Raises:
        NoCredentials: there are none.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        with _quiet(google.auth.__name__):
            found: tuple[Any, str | None] = google.auth.default(scopes=SCOPES, request=None if _is_on_google() else _impatient())
    except GoogleAuthError as error:
        said = str(error).split(" To set up")[0].removesuffix(".")
        raise NoCredentials(f"{where}: no Google credentials; {said}", hint=hint) from error
    return found


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library's warnings to itself: what they say, the error says."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _is_on_google() -> bool:
    """Whether a metadata server is there to be waited for, as google.auth tells, and without asking it."""
    if any(name in os.environ for name in _ON_GOOGLE):
        return True
    return _PRODUCT.is_file() and _PRODUCT.read_text(errors="replace").startswith("Google")


def _impatient() -> Any:
    """Return what google.auth sends requests with, except that the metadata server is asked once."""
    from google.auth.transport.requests import Request

    return partial(_ask, Request())


def _ask(request: Any, url: str, **kwargs: Any) -> Any:
    from google.auth.exceptions import DefaultCredentialsError, TransportError

    if urlsplit(url).hostname not in _METADATA_HOSTS:
        return request(url=url, **kwargs)
    try:
        return request(url=url, **{**kwargs, "timeout": PROBE_S})
    except TransportError as error:
        raise DefaultCredentialsError("neither a login, nor GOOGLE_APPLICATION_CREDENTIALS, nor a machine of Google's") from error
