"""The macros against Python on many values: hashes, and dates over the borders of months, years and leap years."""

import random
import re
from datetime import date, timedelta

import duckdb
import pytest

from waze_data_tfx.data import sql
from waze_data_tfx.data.sql import functions


@pytest.fixture(scope="module")
def engine():
    connection = duckdb.connect()
    sql.prepare(connection)
    sql.prepare(connection)  # again is no harm
    return connection


def test_a_connection_gets_what_its_query_calls_and_what_that_calls():
    """BQ_TRUNC calls bq_float, and that bq_error; nothing here hashes."""
    with duckdb.connect() as connection:
        sql.prepare(connection, "SELECT BQ_TRUNC(x) FROM t")
        assert connection.execute("SELECT bq_trunc(-2.5::DOUBLE)").fetchone() == (-2.0,)
        with pytest.raises(duckdb.Error, match="NUMERIC here is not supported locally"):
            connection.execute("SELECT bq_trunc(2.5::DECIMAL(9, 2))").fetchall()
        ours = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name LIKE 'bq%'"
        made = connection.execute(ours).fetchall()
    assert sorted(name for (name,) in made) == ["bq_error", "bq_float", "bq_trunc"]


def test_every_macro_calls_only_earlier_ones():
    known = {name for name, *_ in functions.FUNCTIONS}
    for macro in functions.MACROS:
        name, _, body = macro.partition("(")
        assert set(re.findall(r"(bq_\w+)\(", body)) <= known, name
        known.add(name)


def test_fingerprints_are_tensorflows_at_every_length(engine):
    import tensorflow as tf

    letters = random.Random(7)
    texts = ["".join(letters.choice("abcéж🚕") for _ in range(n)) for n in range(300)]
    answered = engine.execute("SELECT bq_farm_fingerprint(unnest($texts))", {"texts": texts}).fetchall()
    hashes = tf.raw_ops.Fingerprint(data=[text.encode() for text in texts], method="farmhash64").numpy()
    assert [h for (h,) in answered] == hashes.view("<i8").reshape(-1).tolist()
    assert answered[0] == (-7286425919675154353,)  # of '': 0x9ae16a3b2f90404f, the constant k2 of FarmHash


def test_fingerprints_of_bytes_that_are_no_text(engine):
    (text, same, other, absent) = engine.execute(
        """SELECT bq_farm_fingerprint('foo'), bq_farm_fingerprint('foo'::BLOB), bq_farm_fingerprint('\\xFF\\x00'::BLOB),
        bq_farm_fingerprint(NULL::BLOB)"""
    ).fetchone()
    assert text == same == 6150913649986995171
    assert other not in (None, same)
    assert absent is None


def test_rows_without_a_text_have_no_fingerprint_and_leave_the_others_theirs(engine):
    found = engine.execute("SELECT bq_farm_fingerprint(x) FROM (SELECT unnest([NULL, 'foo', NULL, '']) AS x)").fetchall()
    assert found == [(None,), (6150913649986995171,), (None,), (-7286425919675154353,)]


def test_a_number_has_no_fingerprint(engine):
    with pytest.raises(duckdb.Error, match="FARM_FINGERPRINT: expected STRING or BYTES; received INTEGER"):
        engine.execute("SELECT bq_farm_fingerprint(1)").fetchall()


def sunday_week(day):
    """Return the days since the last Sunday."""
    return day.isoweekday() % 7


def test_date_parts_are_pythons_on_every_day_of_nine_years(engine):
    first, n = date(2016, 1, 1), 366 * 9
    found = engine.execute(
        """SELECT d, bq_extract_week(d, 0), bq_extract_week(d, 1), bq_extract_isoweek(d), bq_extract_isoyear(d),
        bq_extract_dayofweek(d), bq_date_trunc_week(d, 0), bq_date_trunc_week(d, 4), bq_date_trunc_isoyear(d),
        bq_date_diff_week(d, DATE '2016-02-29', 0), strftime(d, '%U')
        FROM (SELECT DATE '2016-01-01' + CAST(i AS INTEGER) AS d FROM range(?) AS r(i)) ORDER BY d""",
        [n],
    ).fetchall()
    start = date(2016, 2, 28)  # the Sunday before 2016-02-29
    assert [row[0] for row in found] == [first + timedelta(days=i) for i in range(n)]
    for day, week, from_monday, isoweek, isoyear, weekday, sunday, thursday, isostart, weeks, u in found:
        assert (week, from_monday) == (int(day.strftime("%U")), int(day.strftime("%W")))
        assert (isoyear, isoweek) == day.isocalendar()[:2]
        assert weekday == sunday_week(day) + 1
        assert sunday == day - timedelta(days=sunday_week(day))
        assert thursday == day - timedelta(days=(day.weekday() - 3) % 7)
        assert isostart == date.fromisocalendar(isoyear, 1, 1)
        assert weeks == (sunday - start).days // 7
        assert u == day.strftime("%U")


def test_months_are_added_from_the_day_itself_and_end_with_the_month(engine):
    days = [date(2023, 12, 31), date(2024, 1, 30), date(2024, 2, 29), date(2023, 2, 28)]
    for day in days:
        for n in (-13, -12, -1, 0, 1, 2, 12, 48):
            (found,) = engine.execute("SELECT bq_date_add_month(?::DATE, ?)", [day, n]).fetchone()
            month = day.year * 12 + day.month - 1 + n
            year, index = divmod(month, 12)
            last = (date(year + (index == 11), (index + 1) % 12 + 1, 1) - timedelta(days=1)).day
            assert found == date(year, index + 1, min(day.day, last))


def test_numbers_as_text_are_written_with_15_or_17_digits(engine):
    numbers = random.Random(3)
    values = [numbers.choice((1, -1)) * numbers.random() * 10.0 ** numbers.randint(-8, 20) for _ in range(500)] + [
        5.0,
        1e15,
        1e-5,
        123456789012345680.0,
    ]
    found = engine.execute("SELECT x, bq_string(x) FROM (SELECT unnest($values::DOUBLE[]) AS x)", {"values": values}).fetchall()
    for value, text in found:
        assert text == (f"{value:.15g}" if float(f"{value:.15g}") == value else f"{value:.17g}")
        assert float(text) == value


def test_numeric_is_refused_where_duckdb_would_answer_in_another_type(engine):
    for expression in ("bq_divide(x, 2)", "bq_round(x)", "bq_times(x, x)", "bq_div(x, 2)"):
        with pytest.raises(duckdb.Error, match=r"FLOAT64|INT64"):
            engine.execute(f"SELECT {expression} FROM (SELECT 1.5::DECIMAL(38, 9) AS x)").fetchall()
