"""docs/decision_log.md: its code runs, and every kind of finding that stops or warns is in its table."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

from waze_data_tfx.bandits.log_findings import ROW_FAULTS
from waze_data_tfx.bandits.simulators import newsletter

GUIDE = (REPOSITORY / "docs" / "decision_log.md").read_text()


def test_the_code_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    made: dict = {}
    exec(code, made)
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["decisions.parquet", "events.parquet"]
    value = newsletter.replay(made["log"].contexts, newsletter.single_arm("deals_of_the_week"))
    assert max(value.by_segment, key=value.by_segment.__getitem__) == "bargain_hunter"


def test_the_table_says_what_stops_and_what_warns() -> None:
    said = dict(re.findall(r"^\| (.+) \| (stops|warns) \|$", GUIDE, re.MULTILINE))
    words = {
        "action_missing": "a missing action",
        "action_unknown": "none of `bandit.actions`",
        "action_not_eligible": "not among the row's eligible ones",
        "nothing_eligible": "rows in which nothing was eligible",
        "propensity_missing": "a propensity that is missing",
        "propensity_not_positive": "not above 0",
        "propensity_above_1": "above 1",
        "reward_missing": "a reward that is missing",
        "reward_unknown": "none of `bandit.rewards`",
        "day_missing": "a day that cannot be read",
    }
    assert set(words) == set(ROW_FAULTS)
    for fault, text in words.items():
        [level] = {level for row, level in said.items() if text in row}
        assert level == {"error": "stops", "warning": "warns"}[ROW_FAULTS[fault][0]], fault
