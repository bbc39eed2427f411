"""env.query: what BigQuery would refuse is refused before it is asked."""

import pytest

from waze_data_tfx.config.query_engine import QueryEngine
from waze_data_tfx.errors import ConfigError

HERE = "http://127.0.0.1:9050"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"api_endpoint": "http://bigquery.example.com"}, "expected https: without encryption only this machine"),
        ({"api_endpoint": "bigquery.example.com"}, "expected an address such as https://"),
        ({"api_endpoint": HERE}, "expected both on this machine, or neither"),
        ({"storage_endpoint": HERE, "api_endpoint": "https://bigquery-x.p.googleapis.com"}, "expected both on this machine"),
        ({"labels": {"Team": "x"}}, "received key 'Team'"),
        ({"labels": {"team": "A b"}}, "received team: 'A b'"),
        ({"maximum_bytes_billed": 0}, "greater than 0"),
        ({"default_dataset": "a.b.c.d e"}, "pattern"),
    ],
)
def test_what_is_refused(given: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        QueryEngine(**given)


def test_what_is_a_fake_and_what_is_not() -> None:
    assert QueryEngine(api_endpoint=HERE, storage_endpoint="http://localhost:9060/").is_loopback
    assert not QueryEngine(api_endpoint="https://bigquery-x.p.googleapis.com").is_loopback
    assert QueryEngine(default_dataset="my-project.sales", labels={"team": ""}).default_dataset == "my-project.sales"
