"""The tested list: every construct of BigQuery's SQL that is translated. What is not here is refused.

Read by `checking`, by the tests, which hold every entry against DuckDB, and by docs/sql.md's test. Imports nothing heavy.
"""

SYNTAX = frozenset(
    """
    Select From Where Join Group Rollup Having Qualify Order Ordered Limit Offset With CTE Subquery Union Except Intersect
    Table TableAlias Identifier Column Dot Star Alias Literal RawString Boolean Null Parameter Var Paren
    And Or Not EQ NEQ GT GTE LT LTE Is NullSafeEQ NullSafeNEQ Between In Exists Like
    Add Sub Mul Div Neg DPipe Case If Cast TryCast DataType Extract AtTimeZone Interval
    Array Bracket Unnest Window WindowSpec Distinct IgnoreNulls Anonymous
    """.split()
)
"""Names of sqlglot's node classes."""

TYPES = {
    "BIGINT": "int64",
    "DOUBLE": "float64",
    "TEXT": "string",
    "BOOLEAN": "bool",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp",
    "DATETIME": "datetime",
    "TIMESTAMP": "datetime",
    "DECIMAL": "numeric",
}
"""Types of CAST, by sqlglot's names; `bq_TYPE` and `bq_safe_TYPE` are the macros that convert."""

Arity = tuple[int, int | None]

SCALAR: dict[str, tuple[Arity, str]] = {
    # numbers
    "ABS": ((1, 1), "abs"),
    "SIGN": ((1, 1), "bq_sign"),
    "DIV": ((2, 2), "bq_div"),
    "MOD": ((2, 2), "bq_mod"),
    "SAFE_DIVIDE": ((2, 2), "bq_safe_divide"),
    "IEEE_DIVIDE": ((2, 2), "bq_ieee_divide"),
    "SAFE_ADD": ((2, 2), "bq_safe_add"),
    "SAFE_SUBTRACT": ((2, 2), "bq_safe_subtract"),
    "SAFE_MULTIPLY": ((2, 2), "bq_safe_multiply"),
    "SAFE_NEGATE": ((1, 1), "bq_safe_negate"),
    "ROUND": ((1, 2), "bq_round"),
    "TRUNC": ((1, 1), "bq_trunc"),
    "CEIL": ((1, 1), "bq_ceil"),
    "CEILING": ((1, 1), "bq_ceil"),
    "FLOOR": ((1, 1), "bq_floor"),
    "LN": ((1, 1), "bq_ln"),
    "LOG": ((1, 2), "bq_ln"),
    "LOG10": ((1, 1), "bq_log10"),
    "EXP": ((1, 1), "bq_exp"),
    "POW": ((2, 2), "bq_pow"),
    "POWER": ((2, 2), "bq_pow"),
    "SQRT": ((1, 1), "bq_sqrt"),
    "SIN": ((1, 1), "bq_sin"),
    "COS": ((1, 1), "bq_cos"),
    "TAN": ((1, 1), "bq_tan"),
    "ASIN": ((1, 1), "bq_asin"),
    "ACOS": ((1, 1), "bq_acos"),
    "ATAN": ((1, 1), "bq_atan"),
    "ATAN2": ((2, 2), "bq_atan2"),
    "IS_NAN": ((1, 1), "bq_is_nan"),
    "IS_INF": ((1, 1), "bq_is_inf"),
    "RANGE_BUCKET": ((2, 2), "bq_range_bucket"),
    # text
    "LOWER": ((1, 1), "lower"),
    "UPPER": ((1, 1), "upper"),
    "TRIM": ((1, 2), "bq_trim"),
    "LTRIM": ((1, 2), "bq_ltrim"),
    "RTRIM": ((1, 2), "bq_rtrim"),
    "SUBSTR": ((2, 3), "bq_substr"),
    "SUBSTRING": ((2, 3), "bq_substr"),
    "LEFT": ((2, 2), "bq_left"),
    "RIGHT": ((2, 2), "bq_right"),
    "LENGTH": ((1, 1), "bq_length"),
    "CHAR_LENGTH": ((1, 1), "bq_length"),
    "CHARACTER_LENGTH": ((1, 1), "bq_length"),
    "BYTE_LENGTH": ((1, 1), "bq_byte_length"),
    "REPLACE": ((3, 3), "replace"),
    "REVERSE": ((1, 1), "bq_reverse"),
    "SPLIT": ((1, 2), "bq_split"),
    "STARTS_WITH": ((2, 2), "starts_with"),
    "ENDS_WITH": ((2, 2), "ends_with"),
    "LPAD": ((2, 3), "bq_lpad"),
    "RPAD": ((2, 3), "bq_rpad"),
    "INSTR": ((2, 2), "bq_instr"),
    "STRPOS": ((2, 2), "bq_instr"),
    "REGEXP_CONTAINS": ((2, 2), "bq_regexp_contains"),
    # hashes
    "FARM_FINGERPRINT": ((1, 1), "bq_farm_fingerprint"),
    "MD5": ((1, 1), "bq_md5"),
    "SHA1": ((1, 1), "bq_sha1"),
    "SHA256": ((1, 1), "bq_sha256"),
    "TO_HEX": ((1, 1), "bq_to_hex"),
    # nulls
    "COALESCE": ((1, None), "coalesce"),
    "IFNULL": ((2, 2), "coalesce"),
    "NULLIF": ((2, 2), "nullif"),
    # times
    "TIMESTAMP_SECONDS": ((1, 1), "bq_timestamp_seconds"),
    "TIMESTAMP_MILLIS": ((1, 1), "bq_timestamp_millis"),
    "TIMESTAMP_MICROS": ((1, 1), "bq_timestamp_micros"),
    "UNIX_SECONDS": ((1, 1), "bq_unix_seconds"),
    "UNIX_MILLIS": ((1, 1), "bq_unix_millis"),
    "UNIX_MICROS": ((1, 1), "bq_unix_micros"),
    "UNIX_DATE": ((1, 1), "bq_unix_date"),
    "DATE_FROM_UNIX_DATE": ((1, 1), "bq_date_from_unix_date"),
    # arrays
    "ARRAY_LENGTH": ((1, 1), "bq_array_length"),
    "ARRAY_TO_STRING": ((2, 3), "bq_array_to_string"),
    "ARRAY_CONCAT": ((2, 2), "bq_concat_arrays"),
    "ARRAY_REVERSE": ((1, 1), "list_reverse"),
    "GENERATE_ARRAY": ((2, 3), "bq_generate_array"),
}
"""BigQuery's name: least and most arguments, and the function of DuckDB, or the macro of `functions`, that is called instead."""

AGGREGATE: dict[str, tuple[Arity, str]] = {
    "COUNT": ((1, 1), "count"),
    "SUM": ((1, 1), "sum"),
    "AVG": ((1, 1), "avg"),
    "MIN": ((1, 1), "min"),
    "MAX": ((1, 1), "max"),
    "ANY_VALUE": ((1, 1), "any_value"),
    "LOGICAL_AND": ((1, 1), "bool_and"),
    "LOGICAL_OR": ((1, 1), "bool_or"),
    "STDDEV": ((1, 1), "stddev_samp"),
    "STDDEV_SAMP": ((1, 1), "stddev_samp"),
    "STDDEV_POP": ((1, 1), "stddev_pop"),
    "VARIANCE": ((1, 1), "var_samp"),
    "VAR_SAMP": ((1, 1), "var_samp"),
    "VAR_POP": ((1, 1), "var_pop"),
    "MAX_BY": ((2, 2), "arg_max_null"),
    "MIN_BY": ((2, 2), "arg_min_null"),
    "COUNTIF": ((1, 1), "count"),
    "APPROX_COUNT_DISTINCT": ((1, 1), "count"),
    "APPROX_QUANTILES": ((2, 2), "quantile_disc"),
    "ARRAY_AGG": ((1, 1), "list"),
    "STRING_AGG": ((1, 2), "string_agg"),
}
"""Aggregates, with OVER or without."""

WINDOW: dict[str, tuple[Arity, str]] = {
    "ROW_NUMBER": ((0, 0), "row_number"),
    "RANK": ((0, 0), "rank"),
    "DENSE_RANK": ((0, 0), "dense_rank"),
    "PERCENT_RANK": ((0, 0), "percent_rank"),
    "CUME_DIST": ((0, 0), "cume_dist"),
    "NTILE": ((1, 1), "ntile"),
    "LAG": ((1, 3), "lag"),
    "LEAD": ((1, 3), "lead"),
    "FIRST_VALUE": ((1, 1), "first_value"),
    "LAST_VALUE": ((1, 1), "last_value"),
    "NTH_VALUE": ((2, 2), "nth_value"),
    "PERCENTILE_CONT": ((2, 2), "quantile_cont"),
    "PERCENTILE_DISC": ((2, 2), "quantile_disc"),
}
"""Functions that need OVER."""

SHAPED: dict[str, Arity] = {
    "IF": (3, 3),
    "STRUCT": (1, None),
    "ARRAY": (1, 1),
    "CONCAT": (1, None),
    "GREATEST": (1, None),
    "LEAST": (1, None),
    "REGEXP_EXTRACT": (2, 2),
    "REGEXP_EXTRACT_ALL": (2, 2),
    "REGEXP_REPLACE": (3, 3),
    "GENERATE_DATE_ARRAY": (2, 3),
    "DATE": (1, 3),
    "DATETIME": (1, 6),
    "TIMESTAMP": (1, 2),
    "LAST_DAY": (1, 2),
    **{f"{kind}_{verb}": (2, 2) for kind in ("DATE", "DATETIME", "TIMESTAMP") for verb in ("ADD", "SUB")},
    **{f"{kind}_DIFF": (3, 3) for kind in ("DATE", "DATETIME", "TIMESTAMP")},
    "DATE_TRUNC": (2, 2),
    "DATETIME_TRUNC": (2, 2),
    "TIMESTAMP_TRUNC": (2, 3),
    "FORMAT_DATE": (2, 2),
    "FORMAT_DATETIME": (2, 2),
    "FORMAT_TIMESTAMP": (2, 3),
    "PARSE_DATE": (2, 2),
    "PARSE_DATETIME": (2, 2),
    "PARSE_TIMESTAMP": (2, 3),
}
"""Functions whose form depends on their arguments; `calls` and `times` rewrite them."""

FUNCTIONS: dict[str, Arity] = {
    **{name: arity for table in (SCALAR, AGGREGATE, WINDOW) for name, (arity, _) in table.items()},
    **SHAPED,
}
"""Every supported function: least and most arguments."""

_REPEATABLE = "a run must be repeatable"
_TODAY = f"{_REPEATABLE}; use a parameter such as @window_end or @run_date"
REASONS = {
    "CURRENT_DATE": _TODAY,
    "CURRENT_DATETIME": _TODAY,
    "CURRENT_TIME": _TODAY,
    "CURRENT_TIMESTAMP": _TODAY,
    "RAND": f"{_REPEATABLE}; use MOD(ABS(FARM_FINGERPRINT(key)), n)",
    "GENERATE_UUID": f"{_REPEATABLE}; use TO_HEX(MD5(key))",
    "SESSION_USER": _REPEATABLE,
    "TableSample": f"{_REPEATABLE}; use MOD(ABS(FARM_FINGERPRINT(key)), n) = 0",
    "Version": f"{_REPEATABLE} after the table's history has gone; copy the table, or filter by a time column",
    "CurrentDate": _TODAY,
    "CurrentDatetime": _TODAY,
    "CurrentTime": _TODAY,
    "CurrentTimestamp": _TODAY,
    "HavingMax": "use MAX_BY or MIN_BY",
    "SafeFunc": "use SAFE_CAST, SAFE_DIVIDE, SAFE_OFFSET or a condition",
    "Tuple": "compare the columns one by one, or use EXISTS",
}
"""Why a construct is refused, or what to use instead."""

NAMES = {
    "ByteString": "bytes literal",
    "CurrentDate": "CURRENT_DATE",
    "CurrentDatetime": "CURRENT_DATETIME",
    "CurrentTime": "CURRENT_TIME",
    "CurrentTimestamp": "CURRENT_TIMESTAMP",
    "HavingMax": "HAVING MAX or MIN inside an aggregate",
    "HexString": "hexadecimal literal",
    "SafeFunc": "SAFE. prefix",
    "Struct": "STRUCT<...> with types",
    "TableSample": "TABLESAMPLE",
    "Tuple": "tuple",
    "Version": "FOR SYSTEM_TIME AS OF",
}
"""What SQL calls the node classes whose own name says too little."""
