"""Who asks BigQuery, and what is said when nobody is logged in."""

import os
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError, TransportError
from google.auth.transport.requests import Request
from google.cloud.bigquery_storage import BigQueryReadClient

from waze_data_tfx import google_login
from waze_data_tfx.config import load
from waze_data_tfx.config.query_engine import QueryEngine
from waze_data_tfx.data.engines import engine_of
from waze_data_tfx.data.engines.bigquery import clients
from waze_data_tfx.data.engines.bigquery.problems import Asked, explained
from waze_data_tfx.errors import NoCredentials, UserError

CONFIG = """
name: orders
label: amount
data: {query: orders.sql}
features: {dense: [km]}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Nobody is logged in, and no metadata server answers; returns the questions to it."""
    asked: list[dict[str, Any]] = []

    def unreachable(self: Request, url: str, **kwargs: Any) -> None:
        asked.append({"url": url, **kwargs})
        raise TransportError("unreachable")

    for name in [n for n in os.environ if n.startswith(("GOOGLE_", "GCE_", "KUBERNETES_")) or n in google_login._ON_GOOGLE]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr(google_login, "_PRODUCT", tmp_path / "none")
    monkeypatch.setattr(Request, "__call__", unreachable)
    return asked


def test_nobody_is_logged_in_and_it_is_said_at_once(nobody: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "orders.sql").write_text("SELECT amount, km FROM shop.sales.orders")
    (tmp_path / "orders.yaml").write_text(CONFIG)
    engine = engine_of(load(tmp_path / "orders.yaml", env="bigquery").config)
    with pytest.raises(NoCredentials, match=r"^env.query: no Google credentials; .*\n  next: gcloud auth application-default"):
        engine.columns()
    [question] = nobody  # google.auth alone asks three times, for three seconds each, and waits in between
    assert question["timeout"] == 2.0


def test_where_there_is_a_metadata_server_it_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(google_login, "_PRODUCT", tmp_path / "product_name")
    for name in google_login._ON_GOOGLE:
        monkeypatch.delenv(name, raising=False)
    assert not google_login._is_on_google()
    (tmp_path / "product_name").write_text("Google Compute Engine\n")
    assert google_login._is_on_google()


def test_a_login_that_has_expired() -> None:
    with (
        pytest.raises(NoCredentials, match=r"not valid; .*revoked.*\n  next: gcloud auth"),
        explained(Asked(Path("orders.sql"), "", QueryEngine())),
    ):
        raise RefreshError("Token has been expired or revoked.")


def test_private_endpoints_are_asked_in_place_of_google_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "default_credentials", lambda *_, **__: (AnonymousCredentials(), "from-the-login"))
    plain = clients.rest_client(QueryEngine())
    assert (plain._connection.API_BASE_URL, plain.project) == ("https://bigquery.googleapis.com", "from-the-login")
    own = QueryEngine(
        project="mine", api_endpoint="https://bigquery-x.p.googleapis.com", storage_endpoint="https://storage-x.p.googleapis.com/"
    )
    private = clients.rest_client(own)
    assert (private._connection.API_BASE_URL, private.project) == (own.api_endpoint, "mine")
    for settings, host in ((QueryEngine(), "bigquerystorage.googleapis.com:443"), (own, "storage-x.p.googleapis.com:443")):
        with clients.storage_client(settings) as client:
            assert client.transport.host == host
            assert client.transport.grpc_channel


def test_a_connection_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "default_credentials", lambda *_, **__: (AnonymousCredentials(), "p"))
    asked: list[Any] = []
    kind = BigQueryReadClient.get_transport_class("grpc")
    create = kind.create_channel
    monkeypatch.setattr(
        kind, "create_channel", lambda *a, options=(), **k: asked.extend(options) or create(*a, options=options, **k)
    )
    with clients.storage_client(QueryEngine()):
        assert ("grpc.keepalive_time_ms", 60_000) in asked
        assert ("grpc.max_receive_message_length", -1) in asked  # Google's own options stay


def test_a_login_without_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "default_credentials", lambda *_, **__: (AnonymousCredentials(), None))
    with pytest.raises(UserError, match=r"env.query.project: the credentials name no project; .*\n  next: set env.query.project"):
        clients.rest_client(QueryEngine())
