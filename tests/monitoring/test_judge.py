"""Which columns are judged by what, and what is said of those that are not."""

from pathlib import Path
from typing import Any

import pytest
from store_for_test import config_in

from waze_data_tfx.config import Config
from waze_data_tfx.monitoring.judge import NO_EARLIER, Kind, judge, settings, watched
from waze_data_tfx.monitoring.statistics import Feature

FEATURES = {
    "dense": ["miles"],
    "vocabulary": ["company"],
    "category": {"hour": 24},
    "time": {"at": {"format": "seconds"}},
    "custom": {"n_stops": "int"},
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(tmp_path)


def config_of(folder: Path, **monitoring: Any) -> Config:
    features = {**FEATURES, "vocabulary": {"company": {}}}
    return config_in(
        folder, key="id", features=features, code={"features": folder / "f.py"}, monitoring=monitoring or {"drift": {}}
    )


def text(values: dict[str, int], name: str = "company") -> Feature:
    return Feature(name, "string", sum(values.values()), 0, {}, (), (), dict(values), len(values))


def number(low: float, high: float, name: str = "miles", n: int = 1000) -> Feature:
    bins = ((low, (low + high) / 2, n / 2), ((low + high) / 2, high, n / 2))
    return Feature(name, "float", n, 0, {"median": (low + high) / 2, "mean": 0}, bins, bins, {}, None)


def checks(config: Config, kind: Kind, now: list[Feature], other: list[Feature]) -> dict[str, tuple[bool | None, str]]:
    verdict = judge(config, kind, {f.name: f for f in now}, {f.name: f for f in other}, data={}, baseline={"uri": "x"})
    return {c.slice: (c.passed, c.reason) for c in verdict.checks}


def test_the_measure_follows_the_kind_of_column(config: Config) -> None:
    assert config.monitoring.drift
    found = {
        name: (how.measure, how.threshold, bool(how.unjudged)) for name, how in watched(config, config.monitoring.drift).items()
    }
    assert found == {
        "miles": ("jensen_shannon", 0.1, False),
        "company": ("l_infinity", 0.1, False),
        "hour": ("l_infinity", 0.1, False),
        "n_stops": ("jensen_shannon", 0.1, False),
        "at": ("jensen_shannon", 0.1, True),  # a moment
        "seconds": ("jensen_shannon", 0.1, False),  # the label
        "id": ("l_infinity", 0.1, True),  # the key
    }


def test_a_column_has_its_own_threshold_and_measure(tmp_path: Path) -> None:
    columns = {"at": 0.9, "n_stops": {"measure": "l_infinity"}, "company": {"threshold": 0.3}}
    config = config_of(
        tmp_path, drift={"columns": columns, "threshold": {"categorical": 0.2}, "ignore": ["miles"], "policy": "warn"}
    )
    found = settings(config, "drift")
    assert found["at"] == {"measure": "jensen_shannon", "threshold": 0.9, "unjudged": ""}
    assert found["n_stops"] == {"measure": "l_infinity", "threshold": 0.2, "unjudged": ""}
    assert found["company"]["threshold"] == 0.3
    assert found["hour"]["threshold"] == 0.2
    assert found["miles"]["unjudged"] == "ignored by the config"


def test_a_column_that_moved_is_named_with_what_changed(config: Config) -> None:
    now = [text({"Blue": 500, "Flash": 500}), number(0, 4)]
    found = checks(config, "drift", now, [text({"Blue": 900, "Flash": 100}), number(0, 4)])
    assert found["company"] == (False, "l_infinity 0.4 > 0.1: share of 'Blue': earlier 90.0%, now 50.0%")
    assert found["miles"] == (True, "jensen_shannon 0 <= 0.1: median: earlier 2, now 2")
    assert found["hour"] == (None, "not judged: no value in the earlier rows")
    verdict = judge(
        config, "drift", {"miles": number(0, 4)}, {"miles": number(9, 12)}, data={"id": "2"}, baseline={"id": "1"}
    )  # fmt: skip
    assert (verdict.status, verdict.baseline) == ("refused", {"id": "1"})
    assert (
        "raise monitoring.drift.columns.miles, or accept it for one run with --set monitoring.drift.policy=warn" in verdict.hint
    )


def test_a_type_that_changed_is_said(config: Config) -> None:
    other = Feature("company", "int", 1000, 0, {"median": 1}, (), ((0.0, 2.0, 1000.0),), {}, None)
    found = checks(config, "drift", [text({"a": 1000})], [other])
    assert found["company"] == (None, "not judged: int in the earlier rows, string now")


def test_without_an_earlier_run_it_passes_and_says_so(config: Config) -> None:
    verdict = judge(config, "drift", {"miles": number(0, 4)}, None, data={}, baseline=None)
    assert (verdict.status, verdict.checks, verdict.note) == ("blessed", (), NO_EARLIER)


def test_few_rows_are_not_judged(config: Config) -> None:
    found = checks(config, "drift", [number(0, 4)], [number(9, 12, n=199)])
    assert found["miles"] == (None, "jensen_shannon 0.5, not judged: 1000 rows against 199, expected at least 200")


def test_a_feature_that_no_serving_row_has_is_skew_and_a_label_is_not(tmp_path: Path) -> None:
    config = config_of(tmp_path, skew={"input": "s.csv"})
    found = checks(config, "skew", [number(0, 4), text({"a": 1000}), number(1, 2, "seconds")], [text({"a": 1000})])
    assert found["miles"] == (
        False,
        "jensen_shannon 1 > 0.1: median: serving none, training 2; missing: serving 100.0%, training 0.0%",
    )
    assert found["seconds"] == (None, "jensen_shannon 1, not judged: no value in the serving rows")
    assert found["company"][0] is True
