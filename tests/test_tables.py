"""Rows for notebooks: the same facts as the rows of the file, counted by hand, and as the run's own record."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Project

from waze_data_tfx import Config, Data, Features, Table, change, create_metric_spec, mae_metric, tables
from waze_data_tfx.errors import UserError

ROWS = """seconds,miles,zone,note
60,1.5,port,
120,2.5,port,x
300,,hill,x
"""


def config_of(file: Path) -> Config:
    return Config(
        name="eta",
        label="seconds",
        data=Data(input=str(file)),
        features=Features(dense=["miles"], vocabulary={"zone": {}}),
        evaluation=create_metric_spec([mae_metric(upper_bound=9)], slices=["zone"]),
    )


def number_of(rows: list[list[str]], column: str) -> list[str]:
    """Return the column's texts in the rows that the taxi template's rules keep."""
    at, seconds = rows[0].index(column), rows[0].index("trip_seconds")
    return [row[at] for row in rows[1:] if row[seconds] and 60 <= float(row[seconds]) <= 10800]


def test_rows_of_a_query_are_as_examples_hold_them(tmp_path: Path) -> None:
    (tmp_path / "trips.csv").write_text("seconds,at,zone\n60,2025-03-30 02:30:00+00,port\n90,,\n")
    (tmp_path / "trips.sql").write_text(
        "SELECT seconds, at, DATE(at) AS day, zone, [1, 2] AS pair FROM `city.trips` ORDER BY seconds"
    )
    table = Table(file=str(tmp_path / "trips.csv"), types={"at": "TIMESTAMP"})
    config = change(config_of(tmp_path), {}).model_copy(
        update={"data": Data(query=tmp_path / "trips.sql", tables={"city.trips": table})}
    )
    assert tables.rows(config) == [
        {"seconds": 60, "at": "2025-03-30T02:30:00Z", "day": "2025-03-30", "zone": "port", "pair": [1, 2]},
        {"seconds": 90, "at": None, "day": None, "zone": None, "pair": [1, 2]},
    ]
    assert {row["column"]: row["type"] for row in tables.columns(config)}["at"] == "string"


def test_columns_say_what_a_file_holds_and_what_is_made_of_it(tmp_path: Path) -> None:
    file = tmp_path / "trips.csv"
    file.write_text(ROWS)
    found = {row["column"]: row for row in tables.columns(config_of(file))}
    assert {name: row["used as"] for name, row in found.items()} == {
        "seconds": "label",
        "miles": "features.dense",
        "zone": "features.vocabulary, slices",
        "note": "",
    }
    assert found["miles"] == {
        "column": "miles",
        "type": "float",
        "used as": "features.dense",
        "rows": 3,
        "missing": 1,
        "distinct": 2,
        "least": 1.5,
        "greatest": 2.5,
        "most frequent": 1.5,  # as often as 2.5: the first in order
    }
    assert found["zone"]["most frequent"] == "port"


def test_columns_of_tfrecords_are_asked_of_the_statistics(tmp_path: Path) -> None:
    file = tmp_path / "trips.tfrecord"
    file.touch()
    with pytest.raises(UserError, match="has no header to read columns from; expected CSV or Parquet") as raised:
        tables.columns(config_of(file))
    assert "tables.statistics" in raised.value.hint


def test_splits_and_statistics_add_up_to_the_file(pushed: Project, small_rows: list[list[str]]) -> None:
    run = pushed.first()["id"]
    counts = {row["rows"]: row["n"] for row in tables.splits(run)}
    kept = number_of(small_rows, "company")
    assert counts["train"] + counts["eval"] == len(kept)
    assert counts["missing duration"] + counts["impossible duration"] == len(small_rows) - 1 - len(kept)
    found = {(row["column"], row["split"]): row for row in tables.statistics(run)}
    assert sum(found["company", split]["missing"] for split in ("train", "eval")) == sum(not text for text in kept)
    miles = [float(text) for text in number_of(small_rows, "trip_miles")]
    total = sum(found["trip_miles", split]["mean"] * counts[split] for split in ("train", "eval"))
    assert total == pytest.approx(sum(miles), rel=1e-5)


def test_the_schema_is_the_one_the_rows_were_checked_with(pushed: Project) -> None:
    found = {row["column"]: row for row in tables.schema(pushed.first()["id"])}
    area = found["pickup_community_area"]
    assert (area["type"], area["values"]) == ("INT", "1 to 77")  # taxi_schema.pbtxt: int_domain {min: 1 max: 77}
    assert tables.schema_file(pushed.first()["id"]).name == "schema.pbtxt"
    assert tables.anomalies(pushed.first()["id"]) == []


def test_the_model_s_numbers_are_those_of_the_verdict(pushed: Project) -> None:
    run = pushed.first()["id"]
    [mae] = [row for row in tables.metrics(run) if (row["slice"], row["metric"]) == ("all rows", "mae")]
    [check] = [row for row in tables.checks(run) if (row["slice"], row["name"]) == ("", "mae")]
    assert mae["value"] == check["value"]
    assert mae["baseline"] is None  # the first run
    assert (check["bound"], check["passed"]) == (2000, True)
    epochs = tables.history(run)
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert {"loss", "val_loss"} <= set(epochs[0])


def test_a_run_against_itself_has_not_changed(pushed: Project) -> None:
    run = pushed.first()["id"]
    assert tables.changes(run, run) == []
    rows = tables.compared(run, run)
    assert ("mae", "all rows") in {(row["metric"], row["slice"]) for row in rows}
    assert {row["change"] for row in rows} == {"0"}
    assert {row["better"] for row in rows} == {None}


def test_charts_are_one_per_column_and_measure(pushed: Project) -> None:
    run = pushed.first()["id"]
    columns = ["trip_miles", "company"]
    assert [name for name, _ in tables.distributions(run, columns).charts] == columns
    assert tables.distributions(run).series == ["train", "eval"]
    assert tables.curves(run).series == ("train", "eval")
    measures = [name for name in tables.history(run)[0] if name not in ("epoch", "seconds") and not name.startswith("val_")]
    assert [name for name, _ in tables.curves(run).charts] == [name for name, _ in tables.curves(run, run).charts] == measures
    with pytest.raises(UserError, match=r"unknown column 'trip_mile'; known: .*; did you mean 'trip_miles'"):
        tables.distributions(run, ["trip_mile"])


def test_what_a_run_does_not_have_is_said_with_the_reason(pushed: Project, tmp_path: Path) -> None:
    values = pushed.first()
    folder = tmp_path / "runs" / values["id"]
    folder.mkdir(parents=True)
    shutil.copy(Path(values["root"]) / "runs" / values["id"] / "config.json", folder)
    values["root"] = str(tmp_path)
    values["nodes"]["Evaluator"] |= {"state": "skipped", "reason": "after --to Trainer"}
    (folder / "run.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="The gate has not judged: Evaluator: skipped") as raised:
        tables.checks(folder)
    assert raised.value.hint == "run the config as far as that node, then ask again"
    with pytest.raises(UserError, match="run 'nope': no such run"):
        tables.checks("nope")
