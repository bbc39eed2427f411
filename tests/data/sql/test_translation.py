"""Every case on DuckDB, what is refused with its line, and what else `translate` promises."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from sql_cases_for_test import ERROR, QUERIES, SCALARS, at

from waze_data_tfx.data import sql
from waze_data_tfx.data.sql import calls, supported
from waze_data_tfx.data.sql.grammar import PlainBigQuery, parse
from waze_data_tfx.errors import ConfigError

FILE = Path("rides.sql")
TRIPS = "SELECT {} FROM `my-project.taxi.trips` AS t"


@pytest.fixture(scope="module")
def engine():
    connection = duckdb.connect()
    sql.prepare(connection)
    connection.execute(
        """CREATE TABLE "my-project.taxi.trips" AS SELECT 1::BIGINT AS id, 10.0::DOUBLE AS fare,
        TIMESTAMPTZ '2024-01-07 10:00:00+00' AS started_at, 'Flash Cab' AS company"""
    )
    return connection


def rows(engine, text, **parameters):
    translated = sql.translate(text, file=FILE)
    return engine.execute(translated.sql, parameters or None).fetchall()


@pytest.mark.parametrize(("expression", "value"), SCALARS, ids=[e for e, _ in SCALARS])
def test_an_expression_has_bigquerys_value_and_type(engine, expression, value):
    text = f"SELECT {expression} AS v FROM UNNEST([0]) AS one"
    if value is ERROR:
        with pytest.raises((duckdb.Error, ConfigError)):
            rows(engine, text)
    else:
        (answer,) = rows(engine, text)[0]
        assert answer == value
        assert type(answer) is type(value)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_has_bigquerys_rows(engine, name):
    text, expected = QUERIES[name]
    assert rows(engine, text) == expected


def test_the_cases_reach_the_whole_list():
    texts = [f"SELECT {e} AS v FROM UNNEST([0]) AS one" for e, _ in SCALARS] + [text for text, _ in QUERIES.values()]
    texts.append(TRIPS.format("t.id") + " WHERE t.fare > @least")
    reached, called = set(), set()
    for text in texts:
        for node in parse(text, file=FILE, dialect=PlainBigQuery).walk():
            reached.add(type(node).__name__)
            called.add(node.name.upper() if type(node).__name__ == "Anonymous" else "IF" if type(node).__name__ == "If" else "")
    assert set(supported.SYNTAX) - reached == set()
    assert set(supported.FUNCTIONS) - called == set()


def test_every_function_has_one_rewriting():
    assert set(calls.SHAPED) == set(supported.SHAPED)
    assert set(calls.AGGREGATES) <= set(supported.AGGREGATE)
    names = [*supported.SCALAR, *supported.AGGREGATE, *supported.WINDOW, *supported.SHAPED]
    assert len(names) == len(set(names))


def test_tables_and_parameters_are_named_in_their_order():
    text = """
        WITH recent AS (SELECT * FROM `my-project.taxi.trips` WHERE DATE(started_at) > @since)
        SELECT r.id, z.name FROM recent AS r JOIN other-project.geo.zones AS z ON r.id = z.id
        WHERE r.fare > @least AND DATE(r.started_at) <= @until AND DATE(r.started_at) > @since
        AND z.id IN (SELECT id FROM geo.zones)
    """
    translated = sql.translate(text, file=FILE)
    assert translated.tables == ("my-project.taxi.trips", "other-project.geo.zones", "geo.zones")
    assert translated.parameters == ("since", "least", "until")
    assert '"my-project.taxi.trips"' in translated.sql
    assert "$since" in translated.sql
    assert sql.references(text, file=FILE).tables == translated.tables
    assert sql.references(text, file=FILE).sql == text


def test_a_table_is_known_by_its_last_part(engine):
    assert rows(engine, "SELECT trips.id FROM `my-project.taxi.trips` WHERE trips.fare = 10") == [(1,)]


def test_parameters_choose_rows_by_their_types(engine):
    where = " WHERE DATE(t.started_at) BETWEEN DATE_SUB(@day, INTERVAL @n WEEK) AND @day AND t.company IN UNNEST(@companies)"
    text = TRIPS.format("t.id, TIMESTAMP_ADD(@now, INTERVAL 1 HOUR) AS later") + where
    parameters = {"n": 1, "companies": ["Flash Cab"], "now": at(2024, 1, 1)}
    assert rows(engine, text, day=date(2024, 1, 10), **parameters) == [(1, at(2024, 1, 1, 1))]
    assert rows(engine, text, day=date(2024, 1, 6), **parameters) == []


def test_columns_without_a_name_are_named_as_bigquery_does(engine):
    translated = sql.translate(TRIPS.format("t.id + 1, t.id, COUNT(*) OVER ()"), file=FILE)
    assert [c[0] for c in engine.execute(translated.sql).description] == ["f0_", "id", "f1_"]


def test_names_that_duckdb_reserves_are_quoted(engine):
    assert rows(engine, "SELECT analyse, pivot FROM (SELECT 1 AS analyse, 2 AS pivot)") == [(1, 2)]


REFUSED = [
    ("SELECT\n  CURENT_DAY(),\n  SOUNDEX(company)", "2: CURENT_DAY: function not on the tested list; received CURENT_DAY()"),
    ("SELECT SAFE_DIVDE(1, 2)", "did you mean 'SAFE_DIVIDE'?"),
    ("SELECT\n CURRENT_DATE()", "2: CURRENT_DATE: a run must be repeatable; use a parameter such as @window_end or @run_date"),
    ("SELECT CURRENT_TIMESTAMP", "1: CURRENT_TIMESTAMP: a run must be repeatable"),
    ("SELECT RAND()", "1: RAND: a run must be repeatable; use MOD(ABS(FARM_FINGERPRINT(key)), n)"),
    ("SELECT GENERATE_UUID()", "1: GENERATE_UUID: a run must be repeatable"),
    ("SELECT SAFE.SUBSTR(company, 1)", "1: SAFE. prefix: use SAFE_CAST"),
    ("SELECT INSTR(company, 'a', 1, 2)", "1: INSTR: expected 2 arguments; received 4"),
    ("SELECT ANY_VALUE(company HAVING MAX fare)", "1: HAVING MAX or MIN inside an aggregate: use MAX_BY or MIN_BY"),
    ("SELECT\n\n DATE_TRUNC(day, FORTNIGHT)", "3: DATE_TRUNC: expected a part of DAY, WEEK"),
    ("SELECT DATE_ADD(day, INTERVAL 1 HOUR)", "1: DATE_ADD: expected a part of DAY, WEEK, MONTH, QUARTER, YEAR; received HOUR"),
    ("SELECT TIMESTAMP_ADD(ts, INTERVAL 1 MONTH)", "1: TIMESTAMP_ADD: expected a part of MICROSECOND"),
    ("SELECT TIMESTAMP_TRUNC(ts, HOUR, 'Asia/Kolkata')", "HOUR with a time zone is not on the tested list"),
    ("SELECT FORMAT_DATE('%Q', day)", "1: FORMAT_DATE: format element not on the tested list"),
    ("SELECT PARSE_DATE('%d.%m.', company)", "1: PARSE_DATE: expected a format with a year; received '%d.%m.'"),
    ("SELECT PARSE_DATE(company, company)", "1: PARSE_DATE: expected a literal format; received company"),
    ("SELECT REGEXP_EXTRACT(company, r'(a)(b)')", "1: REGEXP_EXTRACT: expected at most one capturing group; received 2 groups"),
    ("SELECT REGEXP_EXTRACT(company, r'a(b)?')", "a group that may stay unmatched is not on the tested list"),
    ("SELECT CAST(company AS BYTES)", "1: type: not on the tested list; known: INT64"),
    ("SELECT CAST(day AS STRING FORMAT 'YYYY')", "FORMAT"),
    ("SELECT CAST(fare AS NUMERIC(10, 2))", "1: type: not on the tested list"),
    ("SELECT ROW_NUMBER()", "1: ROW_NUMBER: expected OVER (...)"),
    ("SELECT LOWER(company) OVER ()", "1: LOWER: is no window function"),
    ("SELECT ARRAY_AGG(id LIMIT 2) OVER ()", "ARRAY_AGG: LIMIT or quantiles with OVER are not on the tested list"),
    ("SELECT STRUCT(1, 2)", "1: STRUCT: expected a name for every field"),
    ("SELECT STRUCT<a INT64>(1)", "STRUCT<...> with types"),
    ("SELECT b'x'", "1: bytes literal: not on the tested list"),
    ("SELECT 0x1F", "1: hexadecimal literal: not on the tested list"),
    ("SELECT id & 3", "1: BITWISEAND: not on the tested list"),
    ("SELECT (id, fare) IN ((1, 2))", "1: tuple: compare the columns one by one"),
    ("SELECT @@project_id", "1: @@: a system variable is not on the tested list"),
    ("SELECT ?", "1: ?: use a named parameter, @name"),
]
FROM = [
    ("SELECT 1", "1: SELECT: expected FROM; received none"),
    ("SELECT id FROM `p.d.events_*`", "1: wildcard table: a run must be repeatable"),
    ("SELECT id FROM p.d.t\nWHERE _TABLE_SUFFIX = '1'", "2: _TABLE_SUFFIX: a column of BigQuery's storage, not of the data"),
    ("SELECT id FROM p.d.t FOR SYSTEM_TIME AS OF ts", "1: FOR SYSTEM_TIME AS OF: a run must be repeatable"),
    ("SELECT id FROM p.d.t TABLESAMPLE SYSTEM (1 PERCENT)", "1: TABLESAMPLE: a run must be repeatable"),
    ("SELECT id FROM trips", "1: table: expected project.dataset.table or dataset.table; received trips"),
    ("WITH trips AS (SELECT 1 AS id) SELECT id FROM trip", "received trip; did you mean 'trips'?"),
    ("SELECT id FROM p.d.INFORMATION_SCHEMA.TABLES", "INFORMATION_SCHEMA: describes BigQuery, not data"),
    ("SELECT id FROM ML.PREDICT(MODEL m, TABLE t)", "1:33: syntax: Expecting )"),
    ("SELECT x FROM p.d.rides_of(3)", "1: RIDES_OF: function not on the tested list"),
    ("SELECT x FROM p.d.t PIVOT(SUM(a) FOR b IN ('x', 'y'))", "1: PIVOT: not on the tested list"),
    (
        "SELECT * FROM p.d.t AS t, UNNEST(t.items) AS item",
        "1: *: over UNNEST or a STRUCT is not on the tested list; name the columns",
    ),
    ("SELECT item.* FROM p.d.t AS t, UNNEST(t.items) AS item", "1: *: over UNNEST or a STRUCT"),
    ("SELECT id FROM p.d.t, UNNEST(t.items)", "1: UNNEST: expected one array and a name: UNNEST(array) AS name"),
    ("SELECT g FROM p.d.t GROUP BY CUBE(g)", "1: CUBE: not on the tested list"),
    ("SELECT g FROM p.d.t GROUP BY ALL", "1: GROUP: with ALL is not on the tested list"),
    (
        "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT a FROM t",
        "WITH: with RECURSIVE is not on the tested list",
    ),
    ("SELECT AS VALUE x FROM p.d.t", "1: SELECT AS VALUE: not on the tested list"),
    ("DECLARE x INT64 DEFAULT 1;\nSELECT x FROM p.d.t", "2: statements: expected one SELECT; received 2"),
    ("CREATE TABLE p.d.t AS SELECT 1 AS x", "1: CREATE: expected one SELECT or WITH ... SELECT; received another statement"),
    ("DELETE FROM p.d.t WHERE TRUE", "1: DELETE: expected one SELECT"),
    ("", "rides.sql: statements: expected one SELECT; received none"),
    ("SELECT a\nFROM p.d.t\nWHERE (a > 1", "3:12: syntax: Expecting ); received"),
    ("SELECT 'open FROM p.d.t", "syntax: "),
]
CASES = [(f"{text}\nFROM p.d.t", message) for text, message in REFUSED] + FROM


@pytest.mark.parametrize(("text", "message"), CASES, ids=[m for _, m in CASES])
def test_what_is_not_on_the_list_is_refused_with_its_line_and_the_next_step(text, message):
    with pytest.raises(ConfigError) as refused:
        sql.translate(text, file=FILE)
    shown = f"rides.sql:{message}" if message[0].isdigit() else message
    assert any(shown in problem for problem in refused.value.problems), refused.value.problems


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as refused:
        sql.translate("SELECT SOUNDEX(a),\n RAND(),\n DATE_TRUNC(d, FORTNIGHT)\nFROM p.d.t", file=FILE)
    assert [problem.split(": ")[0] for problem in refused.value.problems] == ["rides.sql:1", "rides.sql:2", "rides.sql:3"]
    assert refused.value.problems[0].endswith("or write rides.duckdb.sql beside it, in DuckDB's dialect")


def test_an_untranslatable_query_still_names_what_it_reads():
    text = "SELECT SOUNDEX(name) FROM `p.d.t` WHERE day = @run_date"
    found = sql.references(text, file=FILE)
    assert (found.tables, found.parameters, found.sql) == (("p.d.t",), ("run_date",), text)


def test_an_override_is_taken_as_it_is():
    text = (
        'WITH a AS (SELECT * FROM "p.d.t" WHERE day = $day)\nSELECT soundex(name) FROM a JOIN "p.d.u" USING (id) WHERE x > $x;\n'
    )
    found = sql.read_override(text, file=Path("rides.duckdb.sql"))
    assert (found.tables, found.parameters) == (("p.d.t", "p.d.u"), ("day", "x"))
    assert found.sql == text.strip().rstrip(";")
    with pytest.raises(ConfigError, match=r'rides.duckdb.sql:2: table: expected one quoted name, "p.d.t"; received p.d.t'):
        sql.read_override("SELECT 1\nFROM p.d.t", file=Path("rides.duckdb.sql"))
    with pytest.raises(ConfigError, match="expected one SELECT"):
        sql.read_override('SELECT 1 FROM "a.b"; DROP TABLE x', file=Path("rides.duckdb.sql"))
