"""A second opinion on the same cases: bqemulator, asked by the real BigQuery client.

bqemulator is no part of the lock: it asks for another sqlglot, and its pytest plugin, which every pytest in the environment would
load, imports packages that it does not bring. So what it needs beyond the lock is installed beside, from bqemulator.lock, into
.bqemulator/ at the top of the project; where that is impossible the tests are skipped with the reason.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sql_cases_for_test import ERROR, QUERIES, SCALARS

LOCK = Path(__file__).with_name("bqemulator.lock")
TOP = Path(__file__).parents[3]
SERVER = TOP / "tests/bqemulator_server.py"

DIFFERS = {
    "DuckDB's float arithmetic, which answers inf or nan where BigQuery raises": [
        "LN(0)",
        "LOG10(0)",
        "EXP(1000)",
        "POWER(-1, 0.5)",
        "SQRT(-1)",
        "ACOS(2)",
    ],
    "DuckDB's types of literals and results": [
        "SIGN(-2.5)",
        "2147483647 + 1",
        "60 * 60 * 24 * 365 * 100",
    ],
    "its translation uses a syntax for lambdas that DuckDB 2 refuses": [
        "RANGE_BUCKET(20, [0, 10, 20, 30, 40])",
        "RANGE_BUCKET(20, [0, 10, 20, 20, 40, 40])",
        "RANGE_BUCKET(25, [0, 10, 20, 30, 40])",
        "RANGE_BUCKET(-10, [5, 6, 7, 8])",
        "ARRAY_TO_STRING(['a', NULL, 'b'], '-', 'MISSING')",
    ],
    "DuckDB's CAST: how numbers and times are written, halves rounded to even, 't' as TRUE, '1.5' as 2": [
        "CAST(1.0 AS STRING)",
        "CAST(1e15 AS STRING)",
        "CAST(TIMESTAMP '2024-01-05 06:07:08.5' AS STRING)",
        "CAST(NUMERIC '1.50' AS STRING)",
        "CAST(2.5 AS INT64)",
        "CAST(-2.5 AS INT64)",
        "CAST('1.5' AS INT64)",
        "SAFE_CAST('1.5' AS INT64)",
        "SAFE_CAST('t' AS BOOL)",
        "CAST('t' AS BOOL)",
        "CONCAT('a', 2.0)",
    ],
    "DuckDB's text functions: only spaces trimmed, positions before the first, negative lengths, no escape in LIKE": [
        "TRIM(' \\t a b \\n')",
        "SUBSTR('apple', 0, 2)",
        "SUBSTR('apple', -10, 2)",
        "SUBSTR('apple', 2, -1)",
        "LEFT('banana', -1)",
        "'a_b' LIKE 'a\\\\_b'",
    ],
    "DuckDB's arrays: NULL out of range, || as text, a step of 0, months counted from the month before": [
        "['a', 'b'][OFFSET(2)]",
        "['a', 'b'][OFFSET(-1)]",
        "[1] || [2]",
        "GENERATE_ARRAY(1, 2, 0)",
        "GENERATE_DATE_ARRAY('2016-01-31', '2016-04-30', INTERVAL 1 MONTH)",
        "array_agg",
    ],
    "weeks that begin on another day than its own": [
        "DATE_DIFF(DATE '2017-12-18', DATE '2017-12-17', WEEK(MONDAY))",
        "DATE_DIFF(DATE '2017-12-18', DATE '2017-12-17', ISOWEEK)",
        "DATE_TRUNC(DATE '2017-11-05', WEEK(MONDAY))",
        "DATE_TRUNC(DATE '2017-11-05', ISOWEEK)",
        "EXTRACT(WEEK FROM DATE '2017-11-05')",
        "EXTRACT(WEEK(MONDAY) FROM DATE '2017-11-05')",
        "DATETIME_DIFF(DATETIME '2017-10-15 00:00:00', DATETIME '2017-10-14 00:00:00', WEEK)",
        "DATETIME_TRUNC(DATETIME '2013-09-15 00:00:00', WEEK(MONDAY))",
        "TIMESTAMP_TRUNC(TIMESTAMP '2017-11-06 00:00:00+12', WEEK(MONDAY), 'UTC')",
    ],
    "DuckDB's parts of a second hold the seconds": [
        "EXTRACT(MILLISECOND FROM DATETIME '2024-01-05 23:31:32.123456')",
        "EXTRACT(MICROSECOND FROM DATETIME '2024-01-05 23:31:32.123456')",
    ],
    "UNIX_SECONDS and UNIX_MILLIS round; BigQuery's reference: rounded down": [
        "UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:01.8+00')",
        "UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5+00')",
        "UNIX_MILLIS(TIMESTAMP '1970-01-01 00:00:00.0018+00')",
    ],
    "TIMESTAMP_DIFF counts borders; BigQuery's reference: whole intervals": [
        "TIMESTAMP_DIFF(TIMESTAMP '2010-07-07 10:20:00+00', TIMESTAMP '2008-12-25 15:30:00+00', HOUR)",
        "TIMESTAMP_DIFF(TIMESTAMP '2001-02-01 01:00:00+00', TIMESTAMP '2001-02-01 00:00:01+00', HOUR)",
    ],
    "formats and zones of FORMAT_ and PARSE_TIMESTAMP": [
        "FORMAT_TIMESTAMP('%R', TIMESTAMP '2024-07-01 12:00:00+00')",
        "PARSE_TIMESTAMP('%F %T', '2024-01-05 06:07:08', 'Europe/Berlin')",
    ],
    "DuckDB's DATE - DATE is a number; BigQuery's an interval, which is refused here": [
        "DATE '2024-01-01' - DATE '2023-12-31'",
    ],
    "BigQuery answers too; refused here, with what to use instead": [
        "DATE_ADD(DATETIME '2024-01-01 00:00:00', INTERVAL 1 DAY)",
        "FORMAT_DATE('%x', DATE '2008-12-25')",
    ],
    "GROUP BY, and inside ORDER BY, of a name that is both alias and column: DuckDB takes the column, BigQuery the alias": [
        "alias_before_column",
        "alias_inside_order",
    ],
    "COUNTIF with OVER becomes a syntax error": [
        "window",
    ],
}
"""Why: the cases that bqemulator answers otherwise. A case that becomes equal fails until it is taken out."""
OTHERWISE = {case: reason for reason, cases in DIFFERS.items() for case in cases}


def installed():
    """Return the folder that holds bqemulator, made from its lock once."""
    folder = TOP / ".bqemulator" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    if not (folder / ".complete").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable, "--no-deps"]
        done = subprocess.run([*command, "--target", str(folder), "-r", str(LOCK)], capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"bqemulator cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
        (folder / ".complete").touch()
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    bigquery = pytest.importorskip("google.cloud.bigquery")
    from google.auth.credentials import AnonymousCredentials

    environment = {**os.environ, "PYTHONPATH": str(installed())}
    errors = tmp_path_factory.mktemp("bqemulator") / "stderr"
    with errors.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, str(SERVER)], stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        )
    try:
        address = next((line.strip() for line in server.stdout if line.startswith("http://127.0.0.1:")), "")
        assert address, errors.read_text()
        yield bigquery.Client(project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": address})
    finally:
        server.kill()
        server.wait()


def ask(client, text):
    from google.api_core.exceptions import GoogleAPICallError

    try:
        return [tuple(row.values()) for row in client.query(text, retry=None, job_retry=None).result(retry=None, timeout=60)]
    except GoogleAPICallError:
        return ERROR


def agrees(answer, expected):
    return answer == expected and (
        answer is ERROR or [list(map(type, r)) for r in answer] == [list(map(type, r)) for r in expected]
    )


CASES = [(e, f"SELECT {e} AS v FROM UNNEST([0]) AS one", v if v is ERROR else [(v,)]) for e, v in SCALARS]
CASES += [(name, text, expected) for name, (text, expected) in QUERIES.items()]


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[name for name, *_ in CASES])
def test_bqemulator_agrees_or_is_known_to_differ(client, name, text, expected):
    answer = ask(client, text)
    if name in OTHERWISE:
        assert not agrees(answer, expected), f"now equal: take it out of DIFFERS ({OTHERWISE[name]})"
    else:
        assert agrees(answer, expected), answer


def test_what_is_known_to_differ_is_a_case():
    assert set(OTHERWISE) <= {name for name, *_ in CASES}
