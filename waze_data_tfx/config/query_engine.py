"""The `env.query` section: what runs `data.query`, and how BigQuery is to be used where it does.

One part of the config, put together by `env`; imports nothing heavy. Never reads a file, never looks for credentials.
"""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, StringConstraints, field_validator, model_validator

from .section import Section

LOOPBACK = ("127.0.0.1", "localhost", "::1")

DatasetName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9:._-]+\.)?[A-Za-z0-9_]+$")]
"""dataset, or project.dataset."""


class QueryEngine(Section):
    """What runs `data.query`. All but `engine` is BigQuery's, and may stand in a config that DuckDB runs elsewhere."""

    engine: Annotated[
        Literal["duckdb", "bigquery"],
        Field(description="duckdb: here, over data.tables; bigquery: in Google's cloud."),
    ] = "duckdb"
    project: Annotated[
        str | None, Field(description="Project that runs the query and pays for it; default: that of the credentials.")
    ] = None
    location: Annotated[
        str | None, Field(description="Where the tables are, such as EU or europe-west1; default: BigQuery finds out.")
    ] = None
    default_dataset: Annotated[
        DatasetName | None, Field(description="Dataset, or project.dataset, of tables that the query names without one.")
    ] = None
    maximum_bytes_billed: Annotated[
        PositiveInt | None, Field(description="Bytes above which BigQuery refuses the query, unbilled; default: no limit.")
    ] = None
    labels: Annotated[
        dict[str, str],
        Field(description="Labels of the job, for the bill; lower case. waze_tfx_pipeline: NAME is always added."),
    ] = {}
    timeout_s: Annotated[
        PositiveFloat | None, Field(description="Seconds after which the query is cancelled; default: BigQuery's own limit.")
    ] = None
    retry_s: Annotated[
        NonNegativeFloat,
        Field(description="Seconds for which a call is repeated that met a rate limit, a server error or a broken connection."),
    ] = 120.0
    results_dataset: Annotated[
        DatasetName | None,
        Field(
            description="Dataset, or project.dataset, for results above 10 GB compressed, which BigQuery's temporary tables"
            " do not take; each is kept for a day, and no earlier result is used again."
        ),
    ] = None
    api_endpoint: Annotated[
        str | None, Field(description="Private endpoint of the BigQuery API, such as https://bigquery-x.p.googleapis.com.")
    ] = None
    storage_endpoint: Annotated[
        str | None,
        Field(description="Private endpoint of the BigQuery Storage API, such as https://bigquerystorage-x.p.googleapis.com."),
    ] = None

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoints are on this machine, without encryption and credentials: a fake."""
        return (self.api_endpoint or "").startswith("http://")

    @field_validator("labels")
    @classmethod
    def _labels_are_bigquery_s(cls, value: dict[str, str]) -> dict[str, str]:
        for key, text in value.items():
            if not (key and key[0].isalpha() and _is_label(key)):
                raise ValueError(f"received key '{key}'; expected up to 63 lower-case letters, digits, _ and -, a letter first")
            if not _is_label(text):
                raise ValueError(f"received {key}: '{text}'; expected up to 63 lower-case letters, digits, _ and -")
        return value

    @field_validator("api_endpoint", "storage_endpoint")
    @classmethod
    def _is_encrypted_or_here(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"received '{value}'; expected an address such as https://bigquery-x.p.googleapis.com")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"received '{value}'; expected https: without encryption only this machine ({LOOPBACK[0]}) is asked")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _both_or_none_here(self) -> Self:
        """A fake of one API beside Google's own of the other would send one's names to the other."""
        if self.is_loopback != (self.storage_endpoint or "").startswith("http://"):
            raise ValueError("received one endpoint with http:// and one without; expected both on this machine, or neither")
        return self


def _is_label(text: str) -> bool:
    return len(text) <= 63 and text == text.lower() and all(c.isalnum() or c in "_-" for c in text)
