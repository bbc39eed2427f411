"""What gives other rows tomorrow is refused on every road, and nothing that only looks like it."""

from pathlib import Path

import pytest

from waze_data_tfx.data import sql
from waze_data_tfx.errors import ConfigError

FILE = Path("rides.sql")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT a\nFROM t\nWHERE day < CURRENT_DATE()", "rides.sql:3: CURRENT_DATE: a run must be repeatable; use a parameter"),
        ("SELECT CURRENT_TIMESTAMP AS now FROM t", "rides.sql:1: CURRENT_TIMESTAMP: a run must be repeatable"),
        ("SELECT a FROM t WHERE RAND ( ) < 0.1", "rides.sql:1: RAND: a run must be repeatable; use MOD(ABS(FARM_FINGERPRINT"),
        ("SELECT a FROM t TABLESAMPLE SYSTEM (10 PERCENT)", "rides.sql:1: TABLESAMPLE: a run must be repeatable"),
        ("SELECT GENERATE_UUID() AS id, a FROM ML.PREDICT(MODEL m, TABLE t)", "rides.sql:1: GENERATE_UUID"),
    ],
)
def test_bigquerys_own_text(text, expected):
    with pytest.raises(ConfigError) as caught:
        sql.check_repeatable(text, file=FILE)
    assert caught.value.problems[0].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'CURRENT_DATE()', \"RAND()\" FROM t -- RAND()",
        "SELECT t.current_date, rand, `now`, now FROM t /* uuid() */ WHERE day < @current_date",
    ],
)
def test_text_names_and_comments_are_no_functions(text):
    sql.check_repeatable(text, file=FILE)


@pytest.mark.parametrize("call", ["now()", "random()", "uuid()", "current_date", "today()"])
def test_an_override(call):
    with pytest.raises(ConfigError, match=r"rides.duckdb.sql:2: \w+: a run must be repeatable"):
        sql.read_override(f'SELECT a,\n{call} AS x FROM "p.d.t"', file=Path("rides.duckdb.sql"))


def test_an_override_that_samples():
    with pytest.raises(ConfigError, match="a run must be repeatable"):
        sql.read_override('SELECT a FROM "p.d.t" USING SAMPLE 10%', file=Path("rides.duckdb.sql"))
