"""Google's clients of BigQuery, and who is asking.

Called by the engine and by each stream that is read, in whatever process that is: a client is made where it is used and closed
there. Imports google.cloud inside its functions, which takes a second or two. Never sends a request of its own but to find
credentials.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from waze_data_tfx.config.query_engine import QueryEngine
from waze_data_tfx.errors import UserError
from waze_data_tfx.google_login import default_credentials

LOGIN = "gcloud auth application-default login, or use the data on this machine: --env local"
_KEEPALIVE = (("grpc.keepalive_time_ms", 60_000), ("grpc.keepalive_timeout_ms", 60_000))
"""A connection that died in silence is noticed within two minutes, and the stream goes on at its next row."""
_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def rest_client(settings: QueryEngine) -> Any:
    """Return a `bigquery.Client` for jobs and tables.

    Raises:
        NoCredentials: there are none.
        UserError: there is no project to run queries in.
    """
    from google.cloud import bigquery

    credentials, project = _who(settings)
    options = {"api_endpoint": settings.api_endpoint} if settings.api_endpoint else None
    return bigquery.Client(project=project, credentials=credentials, location=settings.location, client_options=options)


@contextmanager
def storage_client(settings: QueryEngine) -> Iterator[Any]:
    """Yield a `BigQueryReadClient`, and close its connection.

    Raises:
        NoCredentials: there are none.
    """
    from google.cloud.bigquery_storage import BigQueryReadClient

    if settings.is_loopback:
        client = BigQueryReadClient(transport=_plaintext_transport(settings))
    else:
        host = urlsplit(settings.storage_endpoint).netloc if settings.storage_endpoint else None
        client = BigQueryReadClient(
            credentials=_who(settings)[0],
            client_options={"api_endpoint": host} if host else None,
            transport=_lasting_transport,
        )
    try:
        yield client
    finally:
        client.transport.close()


def _plaintext_transport(settings: QueryEngine) -> Any:
    import grpc
    from google.cloud.bigquery_storage import BigQueryReadClient

    channel = grpc.insecure_channel(urlsplit(settings.storage_endpoint or "").netloc, options=_UNLIMITED)
    return BigQueryReadClient.get_transport_class("grpc")(channel=channel)


def _lasting_transport(**kwargs: Any) -> Any:
    """Return Google's own transport with keepalive, which it does not ask for by itself (google-cloud-bigquery-storage 2.43)."""
    from google.cloud.bigquery_storage import BigQueryReadClient

    kind = BigQueryReadClient.get_transport_class("grpc")

    def channel(*args: Any, options: Any = (), **others: Any) -> Any:
        return kind.create_channel(*args, options=[*options, *_KEEPALIVE], **others)

    return kind(channel=channel, **kwargs)


def _who(settings: QueryEngine) -> tuple[Any, str]:
    """Return credentials and the project that pays."""
    if settings.is_loopback:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials(), settings.project or "loopback"
    credentials, project = default_credentials("env.query", hint=LOGIN)
    project = settings.project or project
    if project is None:
        raise UserError(
            "env.query.project: the credentials name no project; expected the one that runs the query and pays for it",
            hint="set env.query.project, or: gcloud config set project PROJECT",
        )
    return credentials, project
