"""The fake's JSON API, on loopback: which request is which method, uploads in one part or several, and JSON.

Started and stopped by FakeStorage. Decides nothing: `state` does.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from .state import MAX_BYTES, Refused, Request, State

_UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_LIST = re.compile(r"/storage/v1/b/([^/]+)/o")
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
_DOWNLOAD = re.compile(r"/download/storage/v1/b/([^/]+)/o/([^/]+)")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """A resumable upload: what it will be, and what has come of it."""

    bucket: str
    metadata: dict[str, Any]
    query: dict[str, str]
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Answer:
    """Status, headers and body of an answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class RestServer:
    """Listens until it is closed."""

    def __init__(self, state: State) -> None:
        """Start on a free port of loopback."""

        class Handler(_Handler):
            pass

        Handler.state, Handler.sessions = state, {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop, and free the port."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two it waits 40 ms for the client's acknowledgement of the first
    disable_nagle_algorithm = True
    state: State
    sessions: dict[str, Session]

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test reads `requests`."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BYTES:
            raise ConnectionAbortedError(f"a body of {length} bytes: the fake takes {MAX_BYTES} at most")
        raw = self.rfile.read(length)
        try:
            answer = self._call(raw)
        except Refused as refused:
            error = {"message": refused.message, "reason": refused.reason, "domain": "global"}
            answer = _json({"error": {"code": refused.status, "message": refused.message, "errors": [error]}}, refused.status)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def _call(self, raw: bytes) -> Answer:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query))
        verb, path = self.command, address.path
        if verb == "PUT" and _UPLOAD.fullmatch(path) and query.get("upload_id") in self.sessions:
            return self._go_on(query["upload_id"], raw)
        if verb == "POST" and (match := _UPLOAD.fullmatch(path)):
            return self._upload(unquote(match[1]), query, raw)
        if verb == "GET" and (match := _LIST.fullmatch(path)):
            return self._asked("objects.list", match, query, lambda b, n: _json(self.state.list(b, query)))
        if verb == "GET" and (match := _DOWNLOAD.fullmatch(path)):
            return self._asked("objects.download", match, query, lambda b, n: self._content(b, n, query))
        if verb == "GET" and (match := _OBJECT.fullmatch(path)):
            return self._asked("objects.get", match, query, lambda b, n: _json(self.state.get(b, n, query).resource(b, n)))
        if verb == "DELETE" and (match := _OBJECT.fullmatch(path)):
            return self._asked("objects.delete", match, query, lambda b, n: self._deleted(b, n, query))
        raise Refused(404, "notFound", f"{verb} {path}: the fake has no such method")

    def _asked(self, method: str, match: "re.Match[str]", query: dict[str, str], work: Any) -> Answer:
        bucket, name = unquote(match[1]), unquote(match[2]) if match.re.groups > 1 else ""
        return self._done(Request(method, bucket, name, query), work)

    def _done(self, request: Request, work: Any) -> Answer:
        """Note the request, let what was ordered happen, and do the work."""
        self.state.requests.append(request)
        if act := self.state.acts.get(request.method):
            act(request)
        with self.state.lock:
            failure = self.state.failure(request.method)
            if failure and not failure.done:
                raise failure.refused
            answer: Answer = work(request.bucket, request.name)
        if failure:
            raise failure.refused
        return answer

    def _content(self, bucket: str, name: str, query: Mapping[str, str]) -> Answer:
        found = self.state.get(bucket, name, query)
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Goog-Generation": str(found.generation),
            "X-Goog-Hash": f"crc32c={found.crc32c},md5={found.md5}",
        }
        return Answer(200, found.content, headers)

    def _deleted(self, bucket: str, name: str, query: Mapping[str, str]) -> Answer:
        self.state.delete(bucket, name, query)
        return Answer(204)

    def _upload(self, bucket: str, query: dict[str, str], raw: bytes) -> Answer:
        """Take an upload in one request, or begin one in several."""
        if query.get("uploadType") == "multipart":
            metadata, content = _parts(self.headers["Content-Type"], raw)
            return self._insert(bucket, metadata, content, query)
        if query.get("uploadType") == "resumable":
            self.state.bucket(bucket)
            session = uuid4().hex
            self.sessions[session] = Session(bucket, json.loads(raw), query)
            host = self.headers["Host"]
            place = f"http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
            return Answer(200, headers={"Location": place})
        raise Refused(400, "invalid", "uploadType: expected multipart or resumable")

    def _go_on(self, upload_id: str, raw: bytes) -> Answer:
        """Take a part of a resumable upload; the last one makes the object."""
        session = self.sessions[upload_id]
        match = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if match is None:
            raise Refused(400, "invalid", "Content-Range: expected bytes FIRST-LAST/TOTAL")
        if match[1] and int(match[1]) == len(session.content):
            session.content.extend(raw)
        if match[3] != "*" and len(session.content) == int(match[3]):
            return self._insert(session.bucket, session.metadata, bytes(session.content), session.query)
        held = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
        return Answer(308, headers=held)

    def _insert(self, bucket: str, metadata: dict[str, Any], content: bytes, query: dict[str, str]) -> Answer:
        request = Request("objects.insert", bucket, metadata["name"], query)
        return self._done(request, lambda b, n: _json(self.state.insert(b, metadata, content, query)))


def _json(body: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def _parts(content_type: str, raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the metadata and the content of a multipart/related body; the content byte by byte as it came."""
    boundary = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n").get_boundary()
    mark = b"--" + (boundary or "").encode()
    _, first, rest = raw.split(mark, 2)
    metadata = json.loads(first.partition(b"\r\n\r\n")[2])
    content = rest.partition(b"\r\n\r\n")[2]
    return metadata, content[: content.rindex(b"\r\n" + mark + b"--")]
