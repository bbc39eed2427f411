"""The fake's REST API, on loopback: which request is which method, and JSON.

Started and stopped by FakeBigQuery. Decides nothing: `state` does.
"""

import gzip
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .state import Refused, Request, State

WAIT_MS = 200
"""For which a request for results waits for the job, if it does not say how long; BigQuery waits for ten seconds."""
Call = Callable[[State, "re.Match[str]", dict[str, str], Any], Any]

ROUTES: list[tuple[str, str, str, Call]] = [
    ("POST", r"/projects/([^/]+)/jobs", "jobs.insert", lambda s, m, q, body: s.insert(m[1], body)),
    ("POST", r"/projects/[^/]+/jobs/([^/]+)/cancel", "jobs.cancel", lambda s, m, q, body: s.cancel(m[1])),
    ("GET", r"/projects/[^/]+/jobs/([^/]+)", "jobs.get", lambda s, m, q, body: s.job(m[1], q.get("location"))),
    (
        "GET",
        r"/projects/[^/]+/queries/([^/]+)",
        "jobs.getQueryResults",
        lambda s, m, q, body: s.query_results(m[1], q.get("location"), int(q.get("timeoutMs", WAIT_MS)) / 1000),
    ),
    ("GET", r"/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)", "tables.get", lambda s, m, q, body: s.table(m[1], m[2], m[3])),
    (
        "PATCH",
        r"/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)",
        "tables.patch",
        lambda s, m, q, body: s.patch(m[1], m[2], m[3], body),
    ),
    ("GET", r"/projects/([^/]+)/datasets/([^/]+)/tables", "tables.list", lambda s, m, q, body: _tables(s, m[1], m[2])),
    ("GET", r"/projects/([^/]+)/datasets", "datasets.list", lambda s, m, q, body: _datasets(s, m[1])),
]
ORDERED_INSIDE = ("jobs.insert",)
"""Methods whose failures `state` raises itself: a dry run is another one."""


class RestServer:
    """Listens until it is closed."""

    def __init__(self, state: State) -> None:
        """Start on a free port of loopback."""

        class Handler(_Handler):
            pass

        Handler.state = state
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
    state: State

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test reads `requests`."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        try:
            status, body = 200, self._call(json.loads(raw) if raw else None)
        except Refused as refused:
            error = {"message": refused.message, "reason": refused.reason, "domain": "global"}
            status, body = refused.status, {"error": {"code": refused.status, "message": refused.message, "errors": [error]}}
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PATCH = _answer

    def _call(self, body: Any) -> Any:
        address = urlsplit(self.path)
        path = unquote(address.path).removeprefix("/bigquery/v2")
        query = dict(parse_qsl(address.query))
        for verb, pattern, name, call in ROUTES:
            match = re.fullmatch(pattern, path)
            if verb == self.command and match:
                self.state.requests.append(Request(_named(name, body), path, query, body))
                if name not in ORDERED_INSIDE:
                    self.state.fail_if_ordered(name)
                return call(self.state, match, query, body)
        raise Refused(404, "notFound", f"{self.command} {path}: the fake has no such method")


def _named(name: str, body: Any) -> str:
    is_dry = name == "jobs.insert" and body.get("configuration", {}).get("dryRun")
    return "jobs.dryRun" if is_dry else name


def _tables(state: State, project: str, dataset: str) -> dict[str, Any]:
    references = [{"projectId": project, "datasetId": dataset, "tableId": name} for name in state.tables_of(project, dataset)]
    return {"kind": "bigquery#tableList", "tables": [{"tableReference": r, "type": "TABLE"} for r in references]}


def _datasets(state: State, project: str) -> dict[str, Any]:
    references = [{"projectId": project, "datasetId": name} for name in state.datasets_of(project)]
    return {"kind": "bigquery#datasetList", "datasets": [{"datasetReference": r} for r in references]}
