"""The `monitoring` section: short forms, and what is refused with its key."""

from pathlib import Path

import pytest
from store_for_test import config_in

from waze_data_tfx.config.monitoring import for_serving
from waze_data_tfx.config.schema import Config, Inconsistent


def problems(folder: Path, monitoring: dict) -> list[tuple[str, str]]:
    with pytest.raises(ValueError, match="monitoring") as caught:
        config_in(folder, features={"dense": ["miles"], "vocabulary": {"company": {}}}, monitoring=monitoring)
    [error] = caught.value.errors()  # type: ignore[attr-defined]
    inner = error["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    return inner.problems


def test_what_is_not_written_is_off(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    assert (config.monitoring.drift, config.monitoring.skew) == (None, None)
    drift = config_in(tmp_path, monitoring={"drift": {"columns": {"miles": 0.2}}}).monitoring.drift
    assert drift
    assert (drift.policy, drift.against, drift.threshold.numeric, drift.columns["miles"].threshold) == (
        "stop",
        "previous",
        0.1,
        0.2,
    )


def test_unknown_columns_and_measures_that_do_not_fit(tmp_path: Path) -> None:
    watch = {
        "columns": {"mile": 0.2, "company": {"measure": "jensen_shannon"}, "miles": {"measure": "l_infinity"}},
        "ignore": ["companies", "company"],
    }
    found = dict(problems(tmp_path, {"skew": {"input": "s.csv", **watch}}))
    assert found == {
        "monitoring.skew.ignore.0": "unknown column 'companies'; known: company, miles, seconds; did you mean 'company'?",
        "monitoring.skew.ignore.1": "'company' has a threshold under monitoring.skew.columns; keep one of them",
        "monitoring.skew.columns.mile": "unknown column 'mile'; known: company, miles, seconds; did you mean 'miles'?",
        "monitoring.skew.columns.company.measure": "'company' is read as text; jensen_shannon needs numbers; use l_infinity",
        "monitoring.skew.columns.miles.measure": (
            "'miles' is read as float, and nearly every value would be one of its own; use jensen_shannon"
        ),
    }


def test_serving_rows_are_read_whole(tmp_path: Path) -> None:
    data = {"input": "trips.csv", "rules": [{"name": "long", "drop": "miles > 100"}], "format": "csv"}
    config = config_in(tmp_path, data=data, monitoring={"skew": {"input": "s.parquet"}})
    serving = for_serving(config).data
    assert (serving.input, serving.format, serving.rules, serving.split.buckets) == ("s.parquet", None, (), {"serving": 1})
    assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config
