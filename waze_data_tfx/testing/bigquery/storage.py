"""The fake's Storage Read API: gRPC in plain text, on loopback.

Started and stopped by FakeBigQuery. Checks what a session asks for, hands out Arrow batches from the offset that is asked for,
and breaks a stream where that was ordered.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .state import State

if TYPE_CHECKING:
    import pyarrow as pa

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
MAX_STREAMS = 4
"""That it makes if a client does not say how many."""


class StorageServer:
    """Listens until it is closed."""

    def __init__(self, state: State) -> None:
        """Start on a free port of loopback."""
        import grpc
        from google.cloud.bigquery_storage import types

        self._state = state
        self._streams: dict[str, pa.Table] = {}
        self._compression: dict[str, str | None] = {}
        handlers = {
            "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                self._create,
                request_deserializer=types.CreateReadSessionRequest.deserialize,
                response_serializer=types.ReadSession.serialize,
            ),
            "ReadRows": grpc.unary_stream_rpc_method_handler(
                self._read,
                request_deserializer=types.ReadRowsRequest.deserialize,
                response_serializer=types.ReadRowsResponse.serialize,
            ),
        }
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Stop, and break what is still being read."""
        self._server.stop(None).wait()

    def _create(self, request: Any, context: Any) -> Any:
        import grpc
        from google.cloud.bigquery_storage import types

        self._state.sessions.append(request)
        if order := self._state.break_if_ordered("CreateReadSession"):
            context.abort(getattr(grpc.StatusCode, order[0]), order[1])
        wanted = request.read_session
        name = ".".join(wanted.table.split("/")[1::2])
        if name not in self._state.results:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Table {wanted.table}")
        if wanted.data_format != types.DataFormat.ARROW or not request.parent.startswith("projects/"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expected the format ARROW and a parent projects/ID")
        table, fields = self._state.results[name], list(wanted.read_options.selected_fields)
        if unknown := set(fields) - set(table.schema.names):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"request failed: unknown fields {sorted(unknown)}")
        table = table.select([n for n in table.schema.names if n in fields] if fields else table.schema.names)
        return self._session(request, table)

    def _session(self, request: Any, table: "pa.Table") -> Any:
        from google.cloud.bigquery_storage import types

        project = request.parent.split("/")[1]
        name = f"projects/{project}/locations/{self._state.location.lower()}/sessions/{uuid4().hex}"
        codec = request.read_session.read_options.arrow_serialization_options.buffer_compression
        compression = {1: "lz4", 2: "zstd"}.get(int(codec))
        n_streams = min(request.max_stream_count or MAX_STREAMS, MAX_STREAMS, max(1, table.num_rows))
        streams = []
        for i in range(n_streams):
            start, stop = (table.num_rows * k // n_streams for k in (i, i + 1))
            streams.append(types.ReadStream(name=f"{name}/streams/{i}"))
            self._streams[streams[-1].name] = table.slice(start, stop - start)
            self._compression[streams[-1].name] = compression
        schema = types.ArrowSchema(serialized_schema=table.schema.serialize().to_pybytes())
        return types.ReadSession(name=name, arrow_schema=schema, streams=streams, table=request.read_session.table)

    def _read(self, request: Any, context: Any) -> Iterator[Any]:
        import grpc
        from google.cloud.bigquery_storage import types

        self._state.reads.append((request.read_stream, request.offset))
        if request.read_stream not in self._streams:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Session expired or unknown: {request.read_stream}")
        table = self._streams[request.read_stream]
        order = self._state.break_if_ordered("ReadRows")
        compression = self._compression[request.read_stream]
        schema = types.ArrowSchema(serialized_schema=table.schema.serialize().to_pybytes())
        for i, batch in enumerate(table.slice(request.offset).combine_chunks().to_batches(self._state.batch_rows)):
            if order and i == order[2]:
                context.abort(getattr(grpc.StatusCode, order[0]), order[1])
            sent = types.ArrowRecordBatch(serialized_record_batch=_message(batch, compression))
            first = {"arrow_schema": schema} if i == 0 else {}
            yield types.ReadRowsResponse(arrow_record_batch=sent, row_count=batch.num_rows, **first)


def _message(batch: "pa.RecordBatch", compression: str | None) -> bytes:
    """Return the batch as an encapsulated Arrow message without its schema, its buffers compressed as they are on the wire."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()  # the schema
    serialized: bytes = messages.read_next_message().serialize().to_pybytes()
    return serialized
