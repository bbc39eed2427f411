"""Google's own clients against the fake: what is asked, what comes back, and what is said when it does not."""

import datetime as dt
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from waze_data_tfx.config import load
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.engines import engine_of
from waze_data_tfx.errors import DataError, NoCredentials, RunFailed, UserError
from waze_data_tfx.testing.bigquery import FakeBigQuery, Refused

QUERY = """-- what people order
SELECT o.amount, o.city
FROM `shop.sales.orders` AS o
WHERE o.city IN UNNEST(@cities) AND o.day >= @since
"""
ORDERS = pa.table({"amount": pa.array(range(10), pa.int64()), "city": ["port", "hill"] * 5})
CONFIG = """
name: orders
label: amount
data:
  query: orders.sql
  parameters: {cities: [port, hill], since: {type: DATE, value: "2025-01-31"}}
features: {vocabulary: {city: {top_k: 2}}}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""

Make = Callable[..., Config]


@pytest.fixture
def fake() -> Iterator[FakeBigQuery]:
    with FakeBigQuery({"shop.sales.orders": ORDERS}, answer=lambda text, parameters: ORDERS) as fake:
        fake.set(batch_rows=3)
        yield fake


@pytest.fixture
def config_of(tmp_path: Path, fake: FakeBigQuery) -> Make:
    def make(*sets: str, query: str = QUERY) -> Config:
        (tmp_path / "orders.sql").write_text(query)
        (tmp_path / "orders.yaml").write_text(CONFIG)
        return load(tmp_path / "orders.yaml", env="bigquery", sets=[*fake.sets, "env.query.retry_s=2", *sets]).config

    return make


def rows_of(config: Config, n_shards: int = 2) -> list[dict]:
    staged = engine_of(config).stage("", n_shards)
    return [row for shard in staged.shards for batch in shard.batches() for row in batch.to_pylist()]


def test_every_row_comes_once_whatever_the_number_of_shards(config_of: Make, fake: FakeBigQuery) -> None:
    for n_shards in (1, 3):
        staged = engine_of(config_of()).stage("", n_shards)
        assert len(staged.shards) == n_shards
        assert staged.n_rows == 10
        again = [pickle.loads(pickle.dumps(shard)) for shard in staged.shards]  # as it travels to a worker
        for shards in (staged.shards, again):
            batches = [batch for shard in shards for batch in shard.batches()]
            assert pa.Table.from_batches(batches).sort_by("amount").to_pylist() == ORDERS.to_pylist()


def test_what_is_asked_of_bigquery(config_of: Make, fake: FakeBigQuery) -> None:
    rows_of(config_of("env.query.labels={team: growth}", "env.query.maximum_bytes_billed=1000000", "env.query.timeout_s=60"))
    [dry, run] = [r.body for r in fake.requests if r.path.endswith("/jobs")]
    assert dry["configuration"]["dryRun"] is True
    asked = run["configuration"]
    assert "dryRun" not in asked
    assert asked["labels"] == {"waze_tfx_pipeline": "orders", "team": "growth"}
    assert asked["jobTimeoutMs"] == "60000"
    assert {k: v for k, v in asked["query"].items() if k != "destinationTable"} == {
        "query": QUERY,  # as it is written
        "useLegacySql": False,
        "useQueryCache": True,
        "maximumBytesBilled": "1000000",
        "parameterMode": "NAMED",
        "queryParameters": [
            {
                "name": "cities",
                "parameterType": {"type": "ARRAY", "arrayType": {"type": "STRING"}},
                "parameterValue": {"arrayValues": [{"value": "port"}, {"value": "hill"}]},
            },
            {"name": "since", "parameterType": {"type": "DATE"}, "parameterValue": {"value": "2025-01-31"}},
        ],
    }
    assert {r.path.split("/")[2] for r in fake.requests} == {"test-project"}
    [session] = fake.sessions
    assert session.parent == "projects/test-project"
    assert session.read_session.data_format.name == "ARROW"
    assert list(session.read_session.read_options.selected_fields) == ["amount", "city"]
    assert session.max_stream_count == 2


@pytest.mark.parametrize(
    ("parameter", "sent"),
    [
        ("7", ("INT64", "7")),
        ("0.5", ("FLOAT64", 0.5)),
        ("true", ("BOOL", "true")),
        ("{type: NUMERIC, value: '1.10'}", ("NUMERIC", "1.10")),
        ("{type: DATETIME, value: '2025-01-31T10:00:00'}", ("DATETIME", "2025-01-31T10:00:00.000000")),
        ("{type: TIMESTAMP, value: '2025-01-31T10:00:00'}", ("TIMESTAMP", "2025-01-31 10:00:00+00:00")),  # no zone: UTC
        ("{type: TIMESTAMP, value: '2025-01-31T10:00:00+02:00'}", ("TIMESTAMP", "2025-01-31 08:00:00+00:00")),
    ],
)
def test_a_parameter_travels_with_its_type(parameter: str, sent: tuple, config_of: Make, fake: FakeBigQuery) -> None:
    config = config_of(f"data.parameters={{x: {parameter}}}", query="SELECT amount, city FROM shop.sales.orders WHERE x = @x")
    engine_of(config).columns()
    made = {p["name"]: p for p in fake.requests[-1].body["configuration"]["query"]["queryParameters"]}["x"]
    assert (made["parameterType"]["type"], made["parameterValue"]["value"]) == sent


def test_every_type_arrives_as_the_storage_api_gives_it(config_of: Make) -> None:
    struct = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    kinds = {
        "i": (pa.int64(), 2**62),
        "f": (pa.float64(), 0.1),
        "b": (pa.bool_(), True),
        "s": (pa.string(), "é"),
        "y": (pa.binary(), b"\x00"),
        "d": (pa.date32(), dt.date(2025, 1, 31)),
        "dt": (pa.timestamp("us"), dt.datetime(2025, 1, 31, 10)),
        "ts": (pa.timestamp("us", tz="UTC"), dt.datetime(2025, 1, 31, 10, tzinfo=dt.UTC)),
        "t": (pa.time64("us"), dt.time(10, 30)),
        "n": (pa.decimal128(38, 9), Decimal("1.100000000")),
        "bn": (pa.decimal256(76, 38), Decimal("1.5")),
        "l": (pa.list_(pa.int64()), [1, 2]),
        "st": (struct, {"a": 1, "b": ["x"]}),
        "ls": (pa.list_(struct), [{"a": 1, "b": []}]),
    }
    table = pa.table({name: pa.array([value, None], kind) for name, (kind, value) in kinds.items()})
    with FakeBigQuery({"shop.sales.orders": table}, answer=lambda text, parameters: table) as fake:
        engine = engine_of(config_of(*fake.sets))
        assert dict(engine.columns()) == {name: kind for name, (kind, _) in kinds.items()}
        [batch] = [batch for shard in engine.stage("", 1).shards for batch in shard.batches()]
    assert batch.to_pylist() == [{n: v for n, (_, v) in kinds.items()}, dict.fromkeys(kinds)]


def test_no_rows_are_no_shards(config_of: Make) -> None:
    with FakeBigQuery({"shop.sales.orders": ORDERS}, answer=lambda text, parameters: ORDERS.slice(0, 0)) as fake:
        staged = engine_of(config_of(*fake.sets)).stage("", 2)
        assert (staged.n_rows, list(staged.shards), fake.sessions) == (0, [], [])


def test_a_broken_stream_goes_on_at_its_next_row(config_of: Make, fake: FakeBigQuery) -> None:
    """10 rows in one stream, batches of 3: broken after two, so it is asked for row 6; then refused at once, and asked again."""
    staged = engine_of(config_of()).stage("", 1)
    fake.fail_storage("ReadRows", code="UNAVAILABLE", message="connection reset", after_batches=2)
    fake.fail_storage("ReadRows", code="UNAVAILABLE", message="connection refused")
    [shard] = staged.shards
    assert [row["amount"] for batch in shard.batches() for row in batch.to_pylist()] == list(range(10))
    assert [offset for _, offset in fake.reads] == [0, 6, 6]


def test_a_stream_that_stays_broken_is_given_up(config_of: Make, fake: FakeBigQuery) -> None:
    [shard] = engine_of(config_of("env.query.retry_s=0.5")).stage("", 1).shards
    fake.fail_storage("ReadRows", code="UNAVAILABLE", message="connection refused", times=1000)
    with pytest.raises(RunFailed, match=r"does not answer.*connection refused.*0.5 s"):
        list(shard.batches())


def test_an_expired_session_says_so(config_of: Make, fake: FakeBigQuery) -> None:
    [shard] = engine_of(config_of()).stage("", 1).shards
    fake.fail_storage("ReadRows", code="NOT_FOUND", message="Session expired at 2025-01-31")
    with pytest.raises(DataError, match=r"orders.sql: .*Session expired"):
        list(shard.batches())


def test_facts_for_the_lineage_and_the_second_run_is_free(config_of: Make, fake: FakeBigQuery) -> None:
    first, second = (engine_of(config_of()).stage("", 1).facts for _ in range(2))
    assert first["engine"] == "bigquery"
    assert first["job"].startswith("waze_tfx_")
    assert first["location"] == "US"
    assert (first["processed_bytes"], first["billed_bytes"], first["cache_hit"]) == (ORDERS.nbytes, ORDERS.nbytes, False)
    assert (second["billed_bytes"], second["cache_hit"]) == (0, True)
    assert second["result"] == first["result"]
    assert dt.datetime.fromisoformat(first["snapshot"]).tzinfo
    fake.put("shop.sales.orders", ORDERS.slice(1))
    assert engine_of(config_of()).stage("", 1).facts["cache_hit"] is False


def test_a_dataset_for_large_results(config_of: Make, fake: FakeBigQuery) -> None:
    config = config_of("env.query.results_dataset=scratch")
    assert len(rows_of(config)) == 10
    [run] = [r.body for r in fake.requests if r.method == "jobs.insert"]
    made = run["configuration"]["query"]["destinationTable"]
    assert (made["projectId"], made["datasetId"]) == ("test-project", "scratch")
    [patch] = [r for r in fake.requests if r.method == "tables.patch"]
    assert patch.path.endswith(made["tableId"])
    a_day = int(patch.body["expirationTime"]) / 1000 - time.time()
    assert 86_000 < a_day < 86_500


def test_versions_change_with_what_is_read(config_of: Make, fake: FakeBigQuery) -> None:
    versions = engine_of(config_of()).versions
    before = versions()
    assert list(before) == ["shop.sales.orders"]
    assert versions() == before
    fake.stream_in("shop.sales.orders", 5)
    streamed = versions()
    assert streamed != before
    fake.put("shop.sales.orders", ORDERS.slice(1))
    assert versions() != streamed


def test_a_view_and_what_it_reads_are_in_the_versions(config_of: Make, fake: FakeBigQuery) -> None:
    """BigQuery's dry run names the table only; the view's text decides as much."""
    fake.put_view("shop.sales.big", "SELECT * FROM shop.sales.orders WHERE amount > 5")
    versions = engine_of(config_of(query="WITH x AS (SELECT * FROM shop.sales.big) SELECT amount, city FROM x")).versions
    before = versions()
    assert list(before) == ["shop.sales.big", "shop.sales.orders"]
    fake.put_view("shop.sales.big", "SELECT * FROM shop.sales.orders WHERE amount > 6")
    after = versions()
    assert after["shop.sales.big"] != before["shop.sales.big"]
    assert after["shop.sales.orders"] == before["shop.sales.orders"]


def test_what_cannot_be_looked_up_is_never_the_same(config_of: Make, fake: FakeBigQuery) -> None:
    versions = engine_of(config_of()).versions
    fake.fail("tables.get", status=403, reason="accessDenied", message="Access Denied: Table shop:sales.orders", times=2)
    assert versions()["shop.sales.orders"].startswith("unknown ")
    assert versions()["shop.sales.orders"] != versions()["shop.sales.orders"]


def test_a_wildcard_is_all_its_tables(config_of: Make) -> None:
    days = {f"shop.sales.day_{day}": ORDERS for day in ("20250101", "20250102")}
    with FakeBigQuery({**days, "shop.sales.other": ORDERS}, answer=lambda text, parameters: ORDERS) as fake:
        config = config_of(*fake.sets, query="SELECT amount, city FROM `shop.sales.day_*`")
        versions = engine_of(config).versions
        [(name, before)] = versions().items()
        assert name == "shop.sales.day_*"
        assert before.startswith("2 tables ")
        assert versions() == {name: before}
        fake.put("shop.sales.other", ORDERS.slice(1))
        assert versions() == {name: before}
        fake.put("shop.sales.day_20250102", ORDERS.slice(1))
        changed = versions()[name]
        assert changed != before
        fake.put("shop.sales.day_20250103", ORDERS)
        assert versions()[name].startswith("3 tables ")


def test_an_external_table_is_never_taken_for_unchanged(config_of: Make, fake: FakeBigQuery) -> None:
    fake.put_external("shop.sales.orders", ORDERS)
    first, second = (engine_of(config_of()).versions()["shop.sales.orders"] for _ in range(2))
    assert first != second
    assert first.endswith(": external, its files may change unnoticed")


def test_costs_are_asked_of_a_dry_run(config_of: Make, fake: FakeBigQuery) -> None:
    whole, table = engine_of(config_of("env.query.maximum_bytes_billed=7")).costs()
    assert (whole.what, whole.n_rows, whole.n_bytes) == ("query", None, ORDERS.nbytes)
    assert whole.note == "above env.query.maximum_bytes_billed, 7"
    assert (table.what, table.n_rows, table.n_bytes) == ("shop.sales.orders", 10, ORDERS.nbytes)
    assert [r.method for r in fake.requests if "jobs" in r.method] == ["jobs.dryRun"]


def test_a_default_dataset_and_a_location(config_of: Make, fake: FakeBigQuery) -> None:
    sets = ("env.query.default_dataset=shop.sales", "env.query.location=US")
    assert len(rows_of(config_of(*sets, query="SELECT amount, city FROM orders"))) == 10
    with pytest.raises(DataError, match=r"orders.sql: Not found: Dataset was not found in location EU"):
        engine_of(config_of("env.query.location=EU")).columns()


def refuse(status: int, reason: str, message: str) -> Callable:
    def answer(text: str, parameters: object) -> pa.Table:
        raise Refused(status, reason, message)

    return answer


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "said"),
    [
        (
            400,
            "invalidQuery",
            "Unrecognized name: amout; Did you mean amount? at [2:10]",
            DataError,
            r"orders\.sql:2: Unrecognized name: amout; Did you mean amount\?; column 10\n    SELECT o.amount, o.city\n {13}\^",
        ),
        (
            403,
            "accessDenied",
            "Access Denied: Project test-project: User does not have bigquery.jobs.create permission in project test-project.",
            UserError,
            r"bigquery.jobs.create permission in project test-project\n.*next: ask for roles/bigquery.jobUser",
        ),
        (
            403,
            "accessDenied",
            "Access Denied: Table shop:sales.orders: User does not have permission to query table shop:sales.orders",
            UserError,
            "next: ask for roles/bigquery.dataViewer on the dataset",
        ),
        (403, "quotaExceeded", "Quota exceeded: Your project exceeded quota", UserError, "Quota exceeded.*\n.*Quotas"),
        (401, "authError", "Invalid Credentials", NoCredentials, "gcloud auth application-default login"),
        (403, "responseTooLarge", "Response too large to return", UserError, "next: .*env.query.results_dataset"),
        (
            403,
            "accessNotConfigured",
            "BigQuery API has not been used in project 1 before or it is disabled.",
            UserError,
            "next: gcloud services enable bigquery.googleapis.com",
        ),
    ],
)
def test_what_bigquery_refuses_is_said_in_the_query_s_terms(
    status: int, reason: str, message: str, kind: type, said: str, config_of: Make
) -> None:
    with FakeBigQuery({"shop.sales.orders": ORDERS}, answer=refuse(status, reason, message)) as fake:
        for call in (lambda e: e.columns(), lambda e: e.costs(), lambda e: e.stage("", 1)):
            with pytest.raises(kind) as raised:
                call(engine_of(config_of(*fake.sets)))
            assert type(raised.value) is kind
            raised.match(said)
            assert "http" not in raised.value.message  # no addresses of requests


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "shop.sales.order",
            r"orders.sql:2: Not found: Table shop:sales.order was not found in location US; did you mean 'orders'\?",
        ),
        ("shop.sale.orders", r"orders.sql:2: Not found: Dataset shop:sale was .* location US; did you mean 'sales'\?"),
    ],
)
def test_a_table_that_does_not_exist_is_named_with_its_neighbour(table: str, said: str, config_of: Make) -> None:
    with pytest.raises(DataError, match=said):
        engine_of(config_of(query=f"SELECT amount, city -- from order\nFROM `{table}`")).columns()


def test_nothing_but_a_select_is_run(config_of: Make, fake: FakeBigQuery) -> None:
    with pytest.raises(DataError, match=r"orders.sql: received a statement of the kind DROP_TABLE; expected one SELECT"):
        engine_of(config_of(query="DROP TABLE shop.sales.orders")).stage("", 1)
    assert [r.method for r in fake.requests] == ["jobs.dryRun"]


def test_a_parameter_without_a_value(config_of: Make) -> None:
    with pytest.raises(DataError, match=r"orders.sql: @sinc has no value; known: cities, since; did you mean 'since'\?"):
        engine_of(config_of(query=QUERY.replace("@since", "@sinc"))).columns()


def test_too_many_bytes_says_both_figures_and_nothing_is_read(config_of: Make, fake: FakeBigQuery) -> None:
    with pytest.raises(UserError, match=rf"maximum_bytes_billed: .* {ORDERS.nbytes} bytes; received a limit of 7\n"):
        engine_of(config_of("env.query.maximum_bytes_billed=7")).stage("", 1)
    assert fake.sessions == []


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("jobs.insert", 503, "backendError"),
        ("jobs.insert", 429, "rateLimitExceeded"),
        ("jobs.get", 503, "backendError"),
        ("jobs.getQueryResults", 500, "internalError"),
        ("jobs.dryRun", 502, "badGateway"),
        ("job", 400, "backendError"),
    ],
)
def test_what_passes_is_tried_again(method: str, status: int, reason: str, config_of: Make, fake: FakeBigQuery) -> None:
    fake.fail(method, status=status, reason=reason, message="try again")
    assert len(rows_of(config_of("env.query.retry_s=20"))) == 10


def test_what_does_not_pass_is_given_up_in_time(config_of: Make, fake: FakeBigQuery) -> None:
    fake.fail("jobs.insert", status=503, reason="backendError", message="Backend Error", times=1000)
    began = time.monotonic()
    with pytest.raises(RunFailed, match=r"orders.sql: BigQuery does not answer .*503.*Backend Error; .* 2 s"):
        engine_of(config_of()).stage("", 1)
    assert time.monotonic() - began < 10


def test_a_slow_job_is_waited_for_and_cancelled_at_its_limit(config_of: Make, fake: FakeBigQuery) -> None:
    fake.set(job_s=0.5)
    assert len(rows_of(config_of())) == 10
    fake.set(job_s=60)
    with pytest.raises(RunFailed, match=r"took longer than 1 s and was cancelled\n.*env.query.timeout_s"):
        engine_of(config_of("env.query.timeout_s=1")).stage("", 1)
    assert "jobs.cancel" in [r.method for r in fake.requests]
    fake.fail("job", status=400, reason="stopped", message="Job execution was cancelled: Job timed out after 1s")
    fake.set(job_s=0)
    with pytest.raises(RunFailed, match=r"ended before it was done; .*timed out after 1s\n.*env.query.timeout_s"):
        engine_of(config_of("env.query.timeout_s=1")).stage("", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_the_job(number: int, config_of: Make, fake: FakeBigQuery) -> None:
    fake.set(job_s=60)
    engine = engine_of(config_of())
    engine.columns()
    handlers = signal.getsignal(signal.SIGTERM)

    def interrupt() -> None:
        while "jobs.get" not in [r.method for r in fake.requests]:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.stage("", 1)
    assert time.monotonic() - began < 15
    assert fake.requests[-1].method == "jobs.cancel"
    assert signal.getsignal(signal.SIGTERM) is handlers
