"""BigQuery's functions in DuckDB: macros, which DuckDB writes into the query that calls them, and FARM_FINGERPRINT.

`register` is called on every connection that runs translated SQL. `typeof` is known when a query is bound, so that a choice by
type costs nothing per row; what a type has no right answer for is an error, never another answer. What each does is said in
BigQuery's reference: "Mathematical functions", "String functions", "Date functions", "Timestamp functions", "Conversion rules".
"""

import re
from typing import Any

_SPACES = r"""concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13), chr(133), chr(160), chr(5760), chr(8192), chr(8193),
    chr(8194), chr(8195), chr(8196), chr(8197), chr(8198), chr(8199), chr(8200), chr(8201), chr(8202), chr(8232), chr(8233),
    chr(8239), chr(8287), chr(12288))"""
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_TIME = r"([ Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?)?"
_ZONE = r"( ?([Zz]|UTC|[+-]\d{1,2}(:\d{2})?)| [A-Za-z_]+/[A-Za-z_/]+)?"


def _domain(name: str, signature: str, bad: str, result: str) -> str:
    """Return a macro that raises where BigQuery does."""
    return (
        f"bq_{name}({signature}) AS CASE WHEN {bad} THEN bq_error('{name.upper()}: argument out of its domain') ELSE {result} END"
    )


def _converted(name: str, target: str, *, shape: str) -> list[str]:
    """Return the CAST and SAFE_CAST macros to a type of time, of which texts must have a `shape`."""
    text = "CAST(x AS VARCHAR)"
    return [
        f"""bq_{name}(x) AS CASE WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match({text}, '{shape}') THEN CAST(x AS {target})
            ELSE bq_error('Invalid {name}: ''' || {text} || '''; expected YYYY-MM-DD and what {name} takes after it') END""",
        f"""bq_safe_{name}(x) AS CASE WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match({text}, '{shape}')
            THEN TRY_CAST(x AS {target}) WHEN regexp_matches({text}, '^\\s*\\d+-\\d')
            THEN bq_error('SAFE_CAST to {name}: this form of text is not supported locally: ' || {text}) END""",
    ]


def _shifts(kind: str, units: str) -> list[str]:
    """Return the macros that add n units; `interval` of n is DuckDB's `to_units(n)`."""
    made = []
    for unit in units.split():
        count, to = ("3 * n", "months") if unit == "quarter" else ("7 * n", "days") if unit == "week" else ("n", f"{unit}s")
        whole = "BIGINT" if to in ("microseconds", "milliseconds", "seconds", "minutes", "hours") else "INTEGER"
        moved = f"bq_a_{kind}(x) + to_{to}(CAST({count} AS {whole}))"
        made.append(f"bq_{kind}_add_{unit}(x, n) AS {f'CAST({moved} AS DATE)' if kind == 'date' else moved}")
    return made


def _guard(kind: str, target: str) -> str:
    return f"""bq_a_{kind}(x) AS CASE WHEN typeof(x) IN ('{target}', '"NULL"') THEN CAST(x AS {target})
        ELSE bq_error('expected a {kind.upper()}; received ' || typeof(x) || '; convert it with {kind.upper()}(...)') END"""


_CLOCK = "microsecond millisecond second minute hour"
_MICROSECONDS = {
    "microsecond": 1,
    "millisecond": 10**3,
    "second": 10**6,
    "minute": 6 * 10**7,
    "hour": 36 * 10**8,
    "day": 864 * 10**8,
}

MACROS: tuple[str, ...] = (
    # types
    """bq_float(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL%'
        THEN bq_error('NUMERIC here is not supported locally: cast it to FLOAT64')
        ELSE CAST(x AS DOUBLE) END""",
    """bq_plain(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL%'
        THEN bq_error('NUMERIC here is not supported locally: cast it to FLOAT64')
        ELSE x END""",
    """bq_integer(x) AS CASE WHEN typeof(x) LIKE '%INT' OR typeof(x) IN ('INTEGER', '"NULL"') THEN CAST(x AS BIGINT)
        ELSE bq_error('expected an INT64; received ' || typeof(x) || '; cast it to INT64') END""",
    _guard("date", "DATE"),
    _guard("datetime", "TIMESTAMP"),
    _guard("timestamp", "TIMESTAMP WITH TIME ZONE"),
    # conversions
    """bq_float_text(x) AS CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END
        WHEN CAST(printf('%.15g', x) AS DOUBLE) = x THEN printf('%.15g', x) ELSE printf('%.17g', x) END""",
    r"""bq_time_text(x) AS CASE WHEN regexp_matches(x, '\.\d') THEN regexp_extract(x, '^[^.]*') || '.'
        || rpad(regexp_extract(x, '\.(\d+)', 1), CASE WHEN length(regexp_extract(x, '\.(\d+)', 1)) <= 3 THEN 3 ELSE 6 END, '0')
        || regexp_extract(x, '\.\d+(.*)$', 1) ELSE x END""",
    r"""bq_string(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN bq_float_text(TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE))
        WHEN typeof(x) LIKE 'DECIMAL%' THEN regexp_replace(regexp_replace(CAST(x AS VARCHAR), '(\.\d*?)0+$', '\1'), '\.$', '')
        WHEN typeof(x) LIKE 'TIME%' THEN bq_time_text(CAST(x AS VARCHAR))
        WHEN typeof(x) = 'BLOB' OR typeof(x) LIKE '%[]' OR typeof(x) LIKE 'STRUCT%' OR typeof(x) LIKE 'INTERVAL%'
        THEN bq_error('cannot be cast to STRING locally: ' || typeof(x)) ELSE CAST(x AS VARCHAR) END""",
    "bq_safe_string(x) AS bq_string(x)",
    r"""bq_int64(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(x AS DOUBLE)) AS BIGINT)
        WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?(\d+|0[xX][0-9a-fA-F]+)\s*')
        THEN CAST(x AS BIGINT)
        ELSE bq_error('Bad int64 value: ' || CAST(x AS VARCHAR)) END""",
    r"""bq_safe_int64(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN TRY_CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
        WHEN typeof(x) <> 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?(\d+|0[xX][0-9a-fA-F]+)\s*')
        THEN TRY_CAST(x AS BIGINT) END""",
    """bq_float64(x) AS CASE WHEN typeof(x) = 'VARCHAR' AND contains(CAST(x AS VARCHAR), '_')
        THEN bq_error('Bad double value: ' || CAST(x AS VARCHAR)) ELSE CAST(x AS DOUBLE) END""",
    """bq_safe_float64(x) AS CASE WHEN typeof(x) = 'VARCHAR' AND contains(CAST(x AS VARCHAR), '_') THEN NULL
        ELSE TRY_CAST(x AS DOUBLE) END""",
    """bq_safe_bool(x) AS CASE WHEN typeof(x) <> 'VARCHAR' THEN TRY_CAST(x AS BOOLEAN)
        WHEN lower(CAST(x AS VARCHAR)) IN ('true', 'false') THEN TRY_CAST(x AS BOOLEAN) END""",
    """bq_bool(x) AS CASE WHEN x IS NOT NULL AND bq_safe_bool(x) IS NULL THEN bq_error('Bad bool value: ' || CAST(x AS VARCHAR))
        ELSE bq_safe_bool(x) END""",
    "bq_numeric(x) AS CAST(x AS DECIMAL(38, 9))",
    "bq_safe_numeric(x) AS TRY_CAST(x AS DECIMAL(38, 9))",
    *_converted("date", "DATE", shape=_DAY),
    *_converted("datetime", "TIMESTAMP", shape=_DAY + _TIME),
    *_converted("timestamp", "TIMESTAMPTZ", shape=_DAY + _TIME + _ZONE),
    f"""bq_timestamp_in(x, zone) AS CASE WHEN typeof(x) IN ('DATE', 'TIMESTAMP') OR (typeof(x) = 'VARCHAR'
        AND regexp_full_match(CAST(x AS VARCHAR), '{_DAY + _TIME}')) THEN timezone(zone, CAST(x AS TIMESTAMP))
        ELSE bq_error('TIMESTAMP with a zone: expected DATE, DATETIME or text without one; received '
            || CAST(x AS VARCHAR)) END""",
    # arithmetic
    "bq_divide(a, b) AS CASE WHEN b = 0 THEN bq_error('division by zero: use SAFE_DIVIDE') ELSE bq_float(a) / bq_float(b) END",
    "bq_safe_divide(a, b) AS CASE WHEN b = 0 THEN NULL ELSE bq_float(a) / bq_float(b) END",
    "bq_ieee_divide(a, b) AS bq_float(a) / bq_float(b)",
    """bq_minus(a, b) AS CASE WHEN typeof(a) = 'DATE' AND typeof(b) = 'DATE'
        THEN bq_error('DATE - DATE is an interval: use DATE_DIFF') ELSE a - b END""",
    """bq_times(a, b) AS CASE WHEN typeof(a) LIKE 'DECIMAL%' AND typeof(b) LIKE 'DECIMAL%'
        THEN bq_error('NUMERIC * NUMERIC is not supported locally: cast to FLOAT64') ELSE a * b END""",
    "bq_div(a, b) AS bq_integer(a) // bq_integer(b)",
    "bq_mod(a, b) AS bq_integer(a) % bq_integer(b)",
    "bq_safe_add(a, b) AS TRY(a + b)",
    "bq_safe_subtract(a, b) AS TRY(a - b)",
    "bq_safe_multiply(a, b) AS TRY(a * b)",
    "bq_safe_negate(a) AS TRY(-a)",
    "bq_sign(x) AS CASE WHEN x IS NULL THEN x ELSE sign(x) END",
    "bq_round(x) AS round(bq_float(x)), (x, n) AS round(bq_float(x), CAST(n AS INTEGER))",
    "bq_trunc(x) AS trunc(bq_float(x))",
    "bq_ceil(x) AS ceil(bq_float(x))",
    "bq_floor(x) AS floor(bq_float(x))",
    """bq_ln(x) AS CASE WHEN x <= 0 THEN bq_error('LN: argument out of its domain') ELSE ln(bq_float(x)) END,
        (x, b) AS CASE WHEN x <= 0 OR b <= 0 OR b = 1 THEN bq_error('LOG: argument out of its domain')
        ELSE ln(bq_float(x)) / ln(bq_float(b)) END""",
    _domain("log10", "x", "x <= 0", "log10(bq_float(x))"),
    _domain("exp", "x", "isinf(exp(bq_float(x))) AND NOT isinf(bq_float(x))", "exp(bq_float(x))"),
    _domain("sqrt", "x", "x < 0", "sqrt(bq_float(x))"),
    _domain(
        "pow",
        "a, b",
        """(isnan(power(bq_float(a), bq_float(b))) AND NOT isnan(bq_float(a)) AND NOT isnan(bq_float(b)))
        OR (isinf(power(bq_float(a), bq_float(b))) AND NOT isinf(bq_float(a)) AND NOT isinf(bq_float(b)))""",
        "power(bq_float(a), bq_float(b))",
    ),
    *(f"bq_{name}(x) AS {name}(bq_float(x))" for name in ("sin", "cos", "tan", "atan")),
    *(_domain(name, "x", "abs(x) > 1", f"{name}(bq_float(x))") for name in ("asin", "acos")),
    "bq_atan2(y, x) AS atan2(bq_float(y), bq_float(x))",
    "bq_is_nan(x) AS isnan(bq_float(x))",
    "bq_is_inf(x) AS isinf(bq_float(x))",
    """bq_range_bucket(x, bounds) AS CASE WHEN x IS NULL OR bounds IS NULL THEN NULL
        ELSE CAST(len(list_filter(bounds, lambda bq_item: bq_item <= x)) AS BIGINT) END""",
    # text
    *(f"bq_{side}trim(x) AS {side}trim(x, {_SPACES}), (x, characters) AS {side}trim(x, characters)" for side in ("", "l", "r")),
    """bq_substr(x, p) AS substr(x, CASE WHEN p = 0 OR p < -length(x) THEN 1 ELSE p END),
        (x, p, n) AS CASE WHEN n < 0 THEN bq_error('SUBSTR: the length is negative')
        ELSE substr(x, CASE WHEN p = 0 OR p < -length(x) THEN 1 ELSE p END, n) END""",
    *(
        f"bq_{side}(x, n) AS CASE WHEN n < 0 THEN bq_error('{side.upper()}: the length is negative') ELSE {side}(x, n) END"
        for side in ("left", "right")
    ),
    *(
        f"""bq_{side}(x, n, p := ' ') AS CASE WHEN n < 0 OR p = '' THEN
        bq_error('{side.upper()}: negative length or empty pattern') ELSE {side}(x, CAST(n AS INTEGER), p) END"""
        for side in ("lpad", "rpad")
    ),
    """bq_length(x) AS CASE WHEN typeof(x) IN ('VARCHAR', '"NULL"') THEN length(CAST(x AS VARCHAR)) WHEN typeof(x) = 'BLOB'
        THEN octet_length(CAST(x AS BLOB)) ELSE bq_error('LENGTH: expected STRING; received ' || typeof(x)) END""",
    """bq_byte_length(x) AS CASE WHEN typeof(x) = 'BLOB' THEN octet_length(CAST(x AS BLOB))
        ELSE octet_length(encode(CAST(x AS VARCHAR))) END""",
    "bq_split(x) AS string_split(x, ','), (x, delimiter) AS string_split(x, delimiter)",
    "bq_reverse(x) AS reverse(x)",
    "bq_instr(x, part) AS instr(x, part)",
    "bq_regexp_contains(x, pattern) AS regexp_matches(x, pattern)",
    """bq_join(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE a || b END""",
    # hashes
    """bq_farm_fingerprint(x) AS CASE WHEN typeof(x) = 'BLOB' THEN bq_farm_fingerprint_bytes(CAST(x AS BLOB))
        WHEN typeof(x) IN ('VARCHAR', '"NULL"') THEN bq_farm_fingerprint_text(CAST(x AS VARCHAR))
        ELSE bq_error('FARM_FINGERPRINT: expected STRING or BYTES; received ' || typeof(x) || '; cast it to STRING') END""",
    "bq_md5(x) AS unhex(md5(x))",
    "bq_sha1(x) AS unhex(sha1(x))",
    "bq_sha256(x) AS unhex(sha256(x))",
    "bq_to_hex(x) AS lower(hex(x))",
    # times
    "bq_timestamp_seconds(n) AS timezone('UTC', make_timestamp(bq_integer(n) * 1000000))",
    "bq_timestamp_millis(n) AS timezone('UTC', make_timestamp(bq_integer(n) * 1000))",
    "bq_timestamp_micros(n) AS timezone('UTC', make_timestamp(bq_integer(n)))",
    "bq_unix_micros(x) AS epoch_us(bq_a_timestamp(x))",
    *(
        f"bq_unix_{unit}(x) AS (epoch_us(bq_a_timestamp(x)) - ((epoch_us(bq_a_timestamp(x)) % {n}) + {n}) % {n}) // {n}"
        for unit, n in (("seconds", 10**6), ("millis", 10**3))
    ),
    "bq_unix_date(x) AS bq_a_date(x) - DATE '1970-01-01'",
    "bq_date_from_unix_date(n) AS DATE '1970-01-01' + CAST(n AS INTEGER)",
    *_shifts("date", "day week month quarter year"),
    *_shifts("datetime", f"{_CLOCK} day week month quarter year"),
    *_shifts("timestamp", f"{_CLOCK} day"),
    "bq_week_start(x, first) AS x - CAST((dayofweek(x) - first + 7) % 7 AS INTEGER)",
    "bq_date_trunc_day(x) AS bq_a_date(x)",
    "bq_date_trunc_week(x, first) AS bq_week_start(bq_a_date(x), first)",
    *(f"bq_date_trunc_{unit}(x) AS CAST(date_trunc('{unit}', bq_a_date(x)) AS DATE)" for unit in ("month", "quarter", "year")),
    "bq_date_trunc_isoyear(x) AS bq_week_start(make_date(isoyear(bq_a_date(x)), 1, 4), 1)",
    *(
        f"bq_datetime_trunc_{unit}(x) AS date_trunc('{unit}', bq_a_datetime(x))"
        for unit in f"{_CLOCK} day month quarter year".split()
    ),
    "bq_datetime_trunc_week(x, first) AS CAST(bq_week_start(CAST(bq_a_datetime(x) AS DATE), first) AS TIMESTAMP)",
    "bq_datetime_trunc_isoyear(x) AS CAST(bq_date_trunc_isoyear(CAST(bq_a_datetime(x) AS DATE)) AS TIMESTAMP)",
    *(
        f"bq_timestamp_trunc_{unit}(x, zone) AS timezone(zone, bq_datetime_trunc_{unit}(timezone(zone, bq_a_timestamp(x))))"
        for unit in f"{_CLOCK} day month quarter year isoyear".split()
    ),
    "bq_timestamp_trunc_week(x, first, zone) AS timezone(zone, bq_datetime_trunc_week(timezone(zone, bq_a_timestamp(x)), first))",
    "bq_date_diff_day(a, b) AS bq_a_date(a) - bq_a_date(b)",
    "bq_date_diff_week(a, b, first) AS (bq_week_start(bq_a_date(a), first) - bq_week_start(bq_a_date(b), first)) // 7",
    *(f"bq_date_diff_{unit}(a, b) AS date_diff('{unit}', bq_a_date(b), bq_a_date(a))" for unit in ("month", "quarter", "year")),
    "bq_date_diff_isoyear(a, b) AS isoyear(bq_a_date(a)) - isoyear(bq_a_date(b))",
    *(
        f"bq_datetime_diff_{unit}(a, b) AS date_diff('{unit}', bq_a_datetime(b), bq_a_datetime(a))"
        for unit in f"{_CLOCK} day month quarter year".split()
    ),
    """bq_datetime_diff_week(a, b, first) AS
        bq_date_diff_week(CAST(bq_a_datetime(a) AS DATE), CAST(bq_a_datetime(b) AS DATE), first)""",
    "bq_datetime_diff_isoyear(a, b) AS isoyear(bq_a_datetime(a)) - isoyear(bq_a_datetime(b))",
    *(
        f"bq_timestamp_diff_{unit}(a, b) AS (epoch_us(bq_a_timestamp(a)) - epoch_us(bq_a_timestamp(b))) // {n}"
        for unit, n in _MICROSECONDS.items()
    ),
    *(
        f"bq_extract_{unit}(x) AS {unit}(x)"
        for unit in ("year", "month", "day", "quarter", "hour", "minute", "second", "dayofyear", "isoyear")
    ),
    "bq_extract_millisecond(x) AS millisecond(x) % 1000",
    "bq_extract_microsecond(x) AS microsecond(x) % 1000000",
    "bq_extract_dayofweek(x) AS dayofweek(x) + 1",
    "bq_extract_isoweek(x) AS weekofyear(x)",
    "bq_extract_week(x, first) AS (dayofyear(x) + 6 - (dayofweek(x) - first + 7) % 7) // 7",
    "bq_extract_date(x) AS CAST(x AS DATE)",
    # arrays
    "bq_array_length(x) AS len(x)",
    """bq_array_to_string(x, delimiter) AS array_to_string(x, delimiter),
        (x, delimiter, absent) AS array_to_string(list_transform(x, lambda bq_item: coalesce(bq_item, absent)), delimiter)""",
    "bq_concat_arrays(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END",
    """bq_offset(x, n) AS CASE WHEN x IS NOT NULL AND (n < 0 OR n >= len(x))
        THEN bq_error('Array index ' || n || ' is out of bounds: use SAFE_OFFSET') ELSE x[n + 1] END""",
    "bq_safe_offset(x, n) AS CASE WHEN n >= 0 THEN x[n + 1] END",
    """bq_generate_array(a, b, step := 1) AS CASE WHEN step = 0
        THEN bq_error('GENERATE_ARRAY: the step is 0')
        ELSE generate_series(bq_integer(a), bq_integer(b), bq_integer(step)) END""",
    *(
        f"""bq_date_array_{unit}(a, b, n) AS CASE WHEN n = 0 THEN bq_error('GENERATE_DATE_ARRAY: the step is 0')
        ELSE list_filter(list_transform(generate_series(0, abs(bq_date_diff_{unit}(a, b{first})) // abs(n) + 1),
        lambda bq_item: bq_date_add_{unit}(a, n * bq_item)),
        lambda bq_item: CASE WHEN n > 0 THEN bq_item <= b ELSE bq_item >= b END) END"""
        for unit, first in (("day", ""), ("week", ", 0"), ("month", ""), ("quarter", ""), ("year", ""))
    ),
)
"""`name(parameters) AS body`, in an order in which each calls only earlier ones."""


def register(connection: Any, sql: str | None = None) -> None:
    """Set what BigQuery always has, UTC and an error for n // 0; create the macros and FARM_FINGERPRINT for the connection.

    No function may be volatile: DuckDB takes none in PARTITION BY and ORDER BY of a window.

    Args:
        connection: DuckDB's; functions that it has already are no harm.
        sql: what will be run, so that only what it calls is created, which otherwise takes a tenth of a second; None: all.
    """
    connection.execute(
        "SET TimeZone = 'UTC'; SET error_on_division_by_zero = true; SET ieee_floating_point_ops = true;"
        "SET default_null_order = 'nulls_last'"
    ).fetchall()
    called = None if sql is None else _called(sql)
    for name, function, kind, result in FUNCTIONS:
        if called is None or name in called:
            known = "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?"
            if not connection.execute(known, [name]).fetchall()[0][0]:
                connection.create_function(name, function, [kind], result, type="arrow")
    needed = [macro for macro in MACROS if called is None or _name(macro) in called]
    if needed:
        connection.execute(";".join(f"CREATE OR REPLACE TEMP MACRO {macro}" for macro in needed)).fetchall()


def _called(sql: str) -> set[str]:
    """Return the names that look like functions of ours in the text, and those that they call."""
    called = _names(sql)
    for macro in reversed(MACROS):  # each calls only earlier ones
        if _name(macro) in called:
            called |= _names(macro)
    return called


def _name(macro: str) -> str:
    return macro.partition("(")[0]


def _names(text: str) -> set[str]:
    return set(re.findall(r"bq_\w+", text.lower()))


def failed(messages: Any) -> Any:
    """End the query with the first message.

    In the place of DuckDB's own `error`, which is volatile: a macro with it could stand in no window's PARTITION BY or ORDER BY.

    Raises:
        ValueError: always.
    """
    raise ValueError(messages[0].as_py())


def fingerprints(texts: Any) -> Any:  # DuckDB evaluates annotations, so that Arrow's types cannot stand here unimported
    """Return FarmHash's Fingerprint64 of the texts' UTF-8, as BigQuery's INT64: `[n] int64`."""
    import farmhash
    import numpy as np
    import pyarrow as pa

    hashes = np.fromiter(map(farmhash.fingerprint64, texts.to_numpy(zero_copy_only=False)), dtype=np.uint64, count=len(texts))
    return pa.array(hashes.view(np.int64))


def fingerprints_of_bytes(values: Any) -> Any:
    """Return the same of bytes, which need not be text; TensorFlow hashes them: `[n] int64`."""
    import pyarrow as pa
    import tensorflow as tf

    hashes = tf.raw_ops.Fingerprint(data=values.to_pylist(), method="farmhash64").numpy()
    return pa.array(hashes.view("<i8").reshape(-1))


FUNCTIONS = (
    ("bq_error", failed, "VARCHAR", '"NULL"'),
    ("bq_farm_fingerprint_text", fingerprints, "VARCHAR", "BIGINT"),
    ("bq_farm_fingerprint_bytes", fingerprints_of_bytes, "BLOB", "BIGINT"),
)
"""Name, function of Arrow arrays, type of its argument and of its result."""
