"""What BigQuery refuses, in the words of who wrote the query: file and line, the permission that is missing, the next step.

Called around every request. Decides whose mistake an error is: the query's (DataError), the set-up's (UserError), nobody's
(RunFailed). Never retries anything: the clients do.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waze_data_tfx.config.query_engine import QueryEngine
from waze_data_tfx.errors import DataError, NoCredentials, RunFailed, UserError, WazeTfxError

from .clients import LOGIN

ROLES = {
    "bigquery.jobs.create": "roles/bigquery.jobUser on the project that pays",
    "bigquery.readsessions": "roles/bigquery.readSessionUser on the project that pays",
    "bigquery.tables": "roles/bigquery.dataViewer on the dataset",
    "query table": "roles/bigquery.dataViewer on the dataset",
    "bigquery.datasets": "roles/bigquery.metadataViewer on the project",
}
TRANSIENT = ("rateLimitExceeded", "backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded")
ENDED = ("stopped", "timeout")
_PLACE = re.compile(r"\s+at \[(\d+):(\d+)\]\.?")
_MISSING = re.compile(r"Not found: (Table|Dataset|Project) (\S+)")
_LIMIT = re.compile(r"limit for bytes billed: (\d+)\. (\d+) or higher")


@dataclass(frozen=True)
class Asked:
    """What was asked of BigQuery.

    Attributes:
        file: the query's file.
        text: its text.
        settings: the config's env.query.
        near: returns `; did you mean 'x'?` for `Table` or `Dataset` and a name that BigQuery does not know.
    """

    file: Path
    text: str
    settings: QueryEngine
    near: Callable[[str, str], str] = lambda kind, name: ""


@contextmanager
def explained(asked: Asked) -> Iterator[None]:
    """Raise what Google's clients raise as an error of the project.

    Raises:
        DataError: the query cannot be run.
        UserError: something is missing: a permission, an API, quota.
        NoCredentials: the login is not valid.
        RunFailed: BigQuery does not answer.
    """
    import requests
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except RetryError as error:
        raise _given_up(error.cause or error, asked) from error
    except GoogleAPICallError as error:
        raise _explain(error, asked) from error
    except (requests.RequestException, TransportError) as error:
        raise _given_up(error, asked) from error
    except GoogleAuthError as error:
        raise NoCredentials(f"env.query: the Google credentials are not valid; {error}", hint=LOGIN) from error


def _explain(error: Any, asked: Asked) -> WazeTfxError:
    said, reason = _said(error), _reason(error)
    if limit := _LIMIT.search(said):
        return _too_many_bytes(int(limit[1]), int(limit[2]))
    if error.code == 401:
        return NoCredentials(f"env.query: BigQuery does not accept the credentials; {said}", hint=LOGIN)
    if _is_transient(error.code or 0, reason):
        return _given_up(error, asked)
    if reason in ENDED:
        return RunFailed(f"{asked.file}: the query was ended before it was done; {said}", hint="see env.query.timeout_s")
    if reason == "responseTooLarge":
        return UserError(
            f"{asked.file}: {said}; a result above 10 GB does not fit into BigQuery's own temporary tables",
            hint="name a dataset that may be written to: env.query.results_dataset",
        )
    if missing := _MISSING.search(said):
        return _not_found(missing[1], missing[2], said, asked)
    if error.code == 403:
        return _denied(said, reason, asked)
    if error.code == 400 and (place := _PLACE.search(said)):
        return _refused_at(int(place[1]), int(place[2]), _PLACE.sub("", said), asked)
    return DataError(f"{asked.file}: BigQuery cannot run the query; {said}")


def _said(error: Any) -> str:
    """Return BigQuery's own words, without method, address and the client's footer."""
    listed = [e for e in getattr(error, "errors", ()) or () if isinstance(e, dict) and e.get("message")]
    text = listed[0]["message"] if listed else str(getattr(error, "message", None) or error)
    return " ".join(text.split("\n\nLocation:")[0].split())


def _reason(error: Any) -> str:
    listed = [e for e in getattr(error, "errors", ()) or () if isinstance(e, dict)]
    return str(listed[0].get("reason", "")) if listed else ""


def _is_transient(code: int, reason: str) -> bool:
    """Whether a later call may do better; Google's client gives a job that failed for a reason it does not know the code 500."""
    return reason in TRANSIENT or code in (429, 502, 503, 504) or (code >= 500 and not reason)


def _refused_at(line: int, column: int, said: str, asked: Asked) -> DataError:
    lines = asked.text.splitlines()
    shown = f"\n    {lines[line - 1]}\n    {' ' * (column - 1)}^" if 0 < line <= len(lines) else ""
    return DataError(f"{asked.file}:{line}: {said}; column {column}{shown}", hint="mend the query; `plan` tries it without cost")


def _not_found(kind: str, name: str, said: str, asked: Asked) -> DataError:
    """A name that BigQuery writes as project:dataset.table; the query may leave out its first parts."""
    parts = re.split(r"[.:]", name)
    lines = list(enumerate(asked.text.replace("`", "").splitlines(), 1))
    tails = [".".join(parts[i:]) for i in range(len(parts))]
    found = next((n for tail in tails for n, line in lines if tail in line), None)
    where = f"{asked.file}:{found}" if found else str(asked.file)
    place = f" in location {asked.settings.location}" if asked.settings.location and "location" not in said else ""
    hint = "mend the name; a dataset elsewhere is not seen: see env.query.location and env.query.project"
    return DataError(f"{where}: {said.rstrip('.')}{place}{asked.near(kind, name)}", hint=hint)


def _denied(said: str, reason: str, asked: Asked) -> UserError:
    if reason == "quotaExceeded":
        hint = "wait until the quota is renewed, or ask for more: Google Cloud console, IAM & Admin, Quotas"
        return UserError(f"{asked.file}: {said}", hint=hint)
    if "has not been used in project" in said or reason == "accessNotConfigured":
        hint = "gcloud services enable bigquery.googleapis.com bigquerystorage.googleapis.com"
        return UserError(f"env.query: {said}", hint=hint)
    role = next((role for permission, role in ROLES.items() if permission in said), "roles/bigquery.dataViewer on the dataset")
    return UserError(f"{asked.file}: {said.rstrip('.')}", hint=f"ask for {role}; see docs/bigquery.md")


def _too_many_bytes(limit: int, needed: int) -> UserError:
    return UserError(
        f"env.query.maximum_bytes_billed: the query would bill {needed:,} bytes; received a limit of {limit:,}",
        hint=f"read fewer columns or partitions, or set env.query.maximum_bytes_billed: {needed}",
    )


def _given_up(error: Any, asked: Asked) -> RunFailed:
    code = f" (code {error.code})" if getattr(error, "code", None) else ""
    return RunFailed(
        f"{asked.file}: BigQuery does not answer as it should{code}; {_said(error)}; "
        f"tried again for up to {asked.settings.retry_s:g} s (env.query.retry_s)",
        hint="run again with --resume; see https://status.cloud.google.com",
    )
