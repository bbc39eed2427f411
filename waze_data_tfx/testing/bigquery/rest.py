"""The fake's REST API, on loopback: which request is which method, and JSON.

Started and stopped by FakeBigQuery. Decides nothing: `state` and `jobs` do.
"""

import gzip
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .jobs import Jobs
from .state import Refused, Request, State

WAIT_MS = 200
"""For which a request for results waits for the job, if it does not say how long; BigQuery waits for ten seconds."""
Call = Callable[[State, Jobs, "re.Match[str]", dict[str, str], Any], Any]

_TABLE = r"/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)"
_JOB = r"/projects/[^/]+/jobs/([^/]+)"
ROUTES: list[tuple[str, str, str, Call]] = [
    ("POST", r"/projects/([^/]+)/jobs", "jobs.insert", lambda state, jobs, m, q, body: jobs.insert(m[1], body)),
    ("POST", rf"{_JOB}/cancel", "jobs.cancel", lambda state, jobs, m, q, body: jobs.cancel(m[1], q.get("location"))),
    ("GET", _JOB, "jobs.get", lambda state, jobs, m, q, body: jobs.get(m[1], q.get("location"))),
    (
        "GET",
        r"/projects/[^/]+/queries/([^/]+)",
        "jobs.getQueryResults",
        lambda state, jobs, m, q, body: jobs.query_results(m[1], q.get("location"), int(q.get("timeoutMs", WAIT_MS)) / 1000),
    ),
    ("GET", _TABLE, "tables.get", lambda state, jobs, m, q, body: state.table(m[1], m[2], m[3])),
    ("PATCH", _TABLE, "tables.patch", lambda state, jobs, m, q, body: state.patch(m[1], m[2], m[3], body)),
    (
        "GET",
        r"/projects/([^/]+)/datasets/([^/]+)/tables",
        "tables.list",
        lambda state, jobs, m, q, body: state.tables_of(m[1], m[2]),
    ),
    ("GET", r"/projects/([^/]+)/datasets", "datasets.list", lambda state, jobs, m, q, body: state.datasets_of(m[1])),
]
ORDERED_INSIDE = ("jobs.insert",)
"""Methods whose failures `jobs` raises itself: a dry run is another method."""


class RestServer:
    """Listens until it is closed."""

    def __init__(self, state: State) -> None:
        """Start on a free port of loopback."""

        class Handler(_Handler):
            pass

        Handler.state, Handler.jobs = state, Jobs(state)
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
    jobs: Jobs

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
                return call(self.state, self.jobs, match, query, body)
        raise Refused(404, "notFound", f"{self.command} {path}: the fake has no such method")


def _named(name: str, body: Any) -> str:
    is_dry = name == "jobs.insert" and body.get("configuration", {}).get("dryRun")
    return "jobs.dryRun" if is_dry else name
