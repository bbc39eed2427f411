"""A query's result as streams of Arrow record batches, through BigQuery's Storage Read API.

Opened by the engine once the query has run, read by ExampleGen's workers, each with a client of its own. One batch is in memory
at a time. A broken connection is taken up at the next row by Google's client; nothing here retries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.query_engine import QueryEngine

from .clients import storage_client
from .problems import Asked, explained
from .types import conform

if TYPE_CHECKING:
    import pyarrow as pa

SESSION_S = 600.0
"""For one attempt to open a session; a large table takes a while."""


@dataclass(frozen=True)
class Stream:
    """A part of a query's result; can be pickled, and read again for as long as BigQuery keeps the session: six hours.

    Attributes:
        name: of the stream, at BigQuery.
        wire_schema: Arrow schema of the batches that come, serialized.
        schema: what they are handed out as.
        settings: the config's env.query.
        file: the query's, for messages.
    """

    name: str
    wire_schema: bytes
    schema: "pa.Schema"
    settings: QueryEngine
    file: Path

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield the rows in their order, one batch in memory at a time.

        Raises:
            DataError: the session is over.
            RunFailed: BigQuery did not answer for `retry_s`.
        """
        import pyarrow as pa

        wire = pa.ipc.read_schema(pa.py_buffer(self.wire_schema))
        with explained(Asked(self.file, "", self.settings)), storage_client(self.settings) as client:
            for message in client.read_rows(self.name, retry=_retry(self.settings)):
                serialized = message.arrow_record_batch.serialized_record_batch
                yield conform(pa.ipc.read_record_batch(pa.py_buffer(serialized), wire), self.schema)


def open_streams(destination: Any, schema: "pa.Schema", n_streams: int, *, project: str, asked: Asked) -> "Sequence[Stream]":
    """Return up to `n_streams` streams that together hold every row of the table `destination` once.

    Raises:
        UserError: sessions may not be opened.
        RunFailed: BigQuery did not answer for `retry_s`.
    """
    from google.cloud.bigquery_storage import types

    compression = types.ArrowSerializationOptions(buffer_compression=types.ArrowSerializationOptions.CompressionCodec.LZ4_FRAME)
    options = types.ReadSession.TableReadOptions(selected_fields=schema.names, arrow_serialization_options=compression)
    wanted = types.ReadSession(table=destination.to_bqstorage(), data_format=types.DataFormat.ARROW, read_options=options)
    with explained(asked), storage_client(asked.settings) as client:
        session = client.create_read_session(
            parent=f"projects/{project}",
            read_session=wanted,
            max_stream_count=n_streams,
            retry=_retry(asked.settings),
            timeout=SESSION_S,
        )
    wire = session.arrow_schema.serialized_schema
    return [Stream(stream.name, wire, schema, asked.settings, asked.file) for stream in session.streams]


def _retry(settings: QueryEngine) -> Any:
    """Return Google's own policy for this API, but for as long as the config says and not a day."""
    from google.api_core import retry
    from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable

    transient = retry.if_exception_type(DeadlineExceeded, ServiceUnavailable)
    return retry.Retry(initial=0.1, maximum=10.0, multiplier=1.3, predicate=transient, timeout=settings.retry_s)
