"""Rules drop rows by SQL."""

import pyarrow as pa
import pytest

from waze_data_tfx.config.data import Rule
from waze_data_tfx.data.rules import Rules
from waze_data_tfx.errors import DataError

BATCH = pa.record_batch({"km": [1.0, None, 30.0, 4.0], "Zone id": ["a", "b", "a", None]})


def rule(name, drop):
    return Rule(name=name, drop=drop)


def dropped_by(*rules):
    return Rules(rules).dropped_by(BATCH).tolist()


def test_rules_apply_in_order_and_null_keeps():
    rules = rule("far", "km > 3"), rule("zone a", "\"Zone id\" = 'a' -- both"), rule("never", "km < 0")
    assert dropped_by(*rules) == [1, -1, 0, 0]


def test_without_rules_all_rows_stay():
    assert dropped_by() == [-1, -1, -1, -1]


def test_a_later_rule_may_rely_on_an_earlier_one():
    assert dropped_by(rule("no zone", '"Zone id" IS NULL'), rule("cast", "CASE WHEN km > 3 THEN true END")) == [-1, -1, 1, 0]


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ("kms > 1", "did you mean 'km'?"),
        ("km > ) 1", "syntax error"),
        ('CAST("Zone id" AS INTEGER) > 1', "Conversion Error"),
        ("'x'", "Could not convert string 'x' to BOOL"),
    ],
)
def test_a_refused_rule_is_named_with_the_columns(drop, expected):
    with pytest.raises(DataError) as caught:
        dropped_by(rule("fine", "km > 100"), rule("bad", drop))
    assert caught.value.message.startswith(f"rule 'bad': DuckDB refuses the condition; received '{drop}'; ")
    assert "known columns: km, Zone id" in caught.value.message
    assert expected in caught.value.message


def test_files_are_out_of_reach(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="rule 'reads'"):
        dropped_by(rule("reads", f"km IN (SELECT a FROM read_csv('{tmp_path}/x.csv'))"))


def test_columns_that_rules_name():
    found = Rules([rule("one", "KM > 3 AND 'other' <> 'x'"), rule("two", "coalesce(\"zone ID\", '') = ''")])
    assert found.columns(["km", "other", "Zone id"]) == ["km", "Zone id"]
