"""What is counted of a log, by hand, and what a run says of each fault planted in a simulated one."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from waze_data_tfx.bandits.log_checks import LogCounts, LogRows, LogSpec, count, from_json, to_json
from waze_data_tfx.bandits.log_findings import EPOCH, Finding, check, findings, summary
from waze_data_tfx.bandits.simulators import faults, newsletter, tables
from waze_data_tfx.bandits.simulators.world import ACTIONS
from waze_data_tfx.errors import DataError

SPEC = LogSpec(actions=("a", "b", "c"), rewards=(-1.0, 0.0, 1.0))
ROW = {"action": "a", "eligible": ["a", "b"], "propensity": 0.5, "reward": 0.0, "day": "2025-01-06", "who": "d1", "user": "u1"}
KINDS = {"eligible": pa.list_(pa.large_string()), "propensity": pa.float64(), "reward": pa.float64()}


def batch(*changes: dict) -> LogRows:
    """Return a row per change of ROW."""
    rows = [{**ROW, "who": f"d{i}", **change} for i, change in enumerate(changes, start=1)]
    return LogRows(*(pa.array([r[name] for r in rows], KINDS.get(name, pa.large_string())) for name in LogRows._fields))


def found_in(*changes: dict, spec: LogSpec = SPEC) -> dict[str, Finding]:
    """Return the findings of these rows by name; a click among them, so that not all rewards are the same."""
    return {f.name: f for f in findings(spec, count(spec, batch({"reward": 1.0}, *changes)))}


def test_counts_are_those_of_the_rows() -> None:
    counts = count(
        SPEC,
        batch(
            {"reward": 1.0},
            {"action": "b", "propensity": 0.25, "day": "2025-01-07T09:30:00Z"},
            {"action": "c", "eligible": None, "propensity": 1.0, "reward": -1.0},
            {"eligible": [], "propensity": 0.5},
        ),
    )
    assert counts.rows == 4
    assert counts.taken == {"a": 2, "b": 1, "c": 1}
    assert counts.eligible == {"a": 4, "b": 4, "c": 2}  # no name at all is every action
    assert counts.weight == {"a": 4.0, "b": 4.0, "c": 1.0}
    assert {name: sum(groups) for name, groups in counts.excess.items()} == {"a": 0.0, "b": 0.0, "c": -1.0}
    assert counts.rewards == {"-1": 1, "0": 2, "1": 1}
    first = (date(2025, 1, 6) - EPOCH).days
    assert counts.days == {str(first): [3, 0.0], str(first + 1): [1, 0.0]}
    assert counts.day_taken == {str(first): {"a": 2, "c": 1}, str(first + 1): {"b": 1}}
    assert counts.day_rewards == {str(first): {"-1": 1, "0": 1, "1": 1}, str(first + 1): {"0": 1}}
    assert counts.faults == {}


def test_counts_of_parts_add_up_whatever_the_parts() -> None:
    log = newsletter.simulate(n_users=300, weeks=2, seed=3)
    rows, spec = rows_of(log), LogSpec(ACTIONS, (-1.0, 0.0, 1.0))
    whole, parts = count(spec, rows), LogCounts()
    for start in range(0, len(log), 170):  # slices of Arrow arrays, as a reader gives them
        part = count(spec, LogRows(*(column.slice(start, 170) for column in rows)))
        parts.add(from_json(json.loads(json.dumps(to_json(part)))))
    assert parts.weight == pytest.approx(whole.weight)
    for name in ACTIONS:
        assert parts.excess[name] == pytest.approx(whole.excess[name], abs=1e-9)
        assert sum(whole.excess[name]) == pytest.approx(whole.weight[name] - whole.eligible[name])
    for name in ("rows", "taken", "eligible", "rewards", "faults", "days", "day_taken", "day_rewards"):
        assert getattr(parts, name) == getattr(whole, name)
    assert sum(whole.taken.values()) == whole.rows == len(log)


@pytest.mark.parametrize(
    ("change", "name", "level", "message"),
    [
        ({"action": None}, "action_missing", "error", "the action is missing in 1 of 2 decisions, the first 'd2': None"),
        ({"action": "bb"}, "action_unknown", "error", "'d2': 'bb'; unknown action 'bb'; known: a, b, c; did you mean 'b'?"),
        ({"action": "c"}, "action_not_eligible", "error", "not among the eligible ones in 1 of 2 decisions, the first 'd2': 'c'"),
        ({"eligible": ["z"]}, "nothing_eligible", "warning", "no action was eligible in 1 of 2"),
        ({"eligible": ["a", "bs"]}, "eligible_unknown", "warning", "ignored, 1 times; unknown action 'bs'; known: a, b, c"),
        ({"propensity": None}, "propensity_missing", "error", "the propensity is missing in 1 of 2"),
        ({"propensity": 0.0}, "propensity_not_positive", "error", "above 0 in 1 of 2 decisions, the first 'd2': 0.0; expected"),
        ({"propensity": -0.1}, "propensity_not_positive", "error", "the first 'd2': -0.1"),
        ({"propensity": 1e-60}, "propensity_not_positive", "error", "the first 'd2': 1e-60"),  # 0 as a float32
        ({"propensity": 1.01}, "propensity_above_1", "error", "above 1 in 1 of 2 decisions, the first 'd2': 1.01"),
        ({"reward": 2.0}, "reward_unknown", "error", "received 2 (1 rows); expected one of -1, 0, 1"),
        ({"reward": None}, "reward_missing", "error", "the reward is missing in 1 of 2"),
        ({"day": "31.1.2025"}, "day_missing", "error", "the day cannot be read in 1 of 2 decisions, the first 'd2': '31.1.2025'"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named_with_its_count(change: dict, name: str, level: str, message: str) -> None:
    found = found_in(change)[name]
    assert found.level == level
    assert message in found.message
    assert found.hint


def test_a_log_in_which_nothing_was_ever_eligible_stops() -> None:
    text = {"eligible": ["a,b"]}  # a text that was never split
    found = findings(SPEC, count(SPEC, batch({"reward": 1.0, **text}, text)))
    [finding] = [f for f in found if f.name == "nothing_eligible"]
    assert (finding.level, "no action was eligible in 2 of 2" in finding.message) == ("error", True)
    assert "SPLIT(names, ',')" in finding.hint


def test_errors_stop_all_at_once_and_warnings_do_not() -> None:
    warnings = list(found_in({"eligible": ["a", "bs"]}).values())
    assert {f.name for f in check("log.sql", warnings)} == {"eligible_unknown", "action_never_taken", "action_never_eligible"}
    errors = list(found_in({"propensity": 0.0}, {"reward": 7.0}).values())
    with pytest.raises(DataError) as caught:
        check("log.sql", errors)
    assert len(caught.value.message.splitlines()) == 2
    assert caught.value.message.startswith("log.sql: ")
    assert "log the probability of the action" in caught.value.hint


def test_arms_that_the_log_says_nothing_of_are_named() -> None:
    found = found_in({})
    assert found["action_never_taken"].message.startswith("b: never taken in 2 decisions, though eligible")
    assert found["action_never_eligible"].message.startswith("c: never eligible")


def test_rewards_that_are_all_the_same_stop_the_run() -> None:
    [found] = [f for f in findings(SPEC, count(SPEC, batch({}, {}))) if f.level == "error"]
    assert found.message.startswith("the reward is 0 in all 2 decisions; expected at least two values")


def test_a_decision_twice_stops_the_run() -> None:
    [found] = [f for f in findings(SPEC, count(SPEC, batch({}, {"reward": 1.0})), n_twice=1, twice="d1") if f.level == "error"]
    assert found.message.startswith("1 of 2 decisions stand in another row, too, such as 'd1'")


def days_found(days: list[str], window: tuple[str, str] | None = None) -> dict[str, Finding]:
    first, end = ((date.fromisoformat(d) - EPOCH).days for d in window) if window else (0, 0)
    spec = LogSpec(SPEC.actions, SPEC.rewards, (first, end) if window else None)
    return {n: f for n, f in found_in(*({"day": d} for d in days), spec=spec).items() if "week" in n or "day" in n or "s_" in n}


def test_a_hole_in_the_log_stops_the_run_and_its_ends_warn() -> None:
    # ROW is of Monday 6 January; weeks are counted from the window's start, or from the first day
    hole = days_found(["2025-01-19", "2025-01-20"])
    assert set(hole) == {"empty_day"}  # 13 to 19 January has its Sunday; Monday 13 is missing
    assert hole["empty_day"].message.endswith("2025-01-12, 2025-01-13")
    hole = days_found(["2025-01-07", "2025-01-20"])
    assert hole["empty_week"].message.startswith("no decision from 2025-01-13 to 2025-01-19, between weeks")
    assert hole["empty_week"].level == "error"
    ends = days_found(["2025-01-12", "2025-01-13"], window=("2024-12-30", "2025-01-27"))
    assert {name: f.level for name, f in ends.items()} == {"begins_late": "warning", "ends_early": "warning"}
    assert ends["begins_late"].message == "the first decision is of 2025-01-06; the window begins on 2024-12-30"
    assert not days_found(["2025-01-13", "2025-01-20"])  # a newsletter of Mondays


def rows_of(log: newsletter.Log) -> LogRows:
    """Return a simulated log as its query's rows."""
    table = tables.decisions_table(log).combine_chunks()
    columns = {name: table[name].combine_chunks() for name in ("action", "eligible_actions", "propensity")}
    day = pc.strftime(table["decided_at"].combine_chunks(), format="%Y-%m-%d")
    reward = pa.array(log.reward(72))
    who, user = (table[name].combine_chunks() for name in ("decision_id", "user_id"))
    return LogRows(columns["action"], columns["eligible_actions"], columns["propensity"], reward, day, who, user)


@pytest.fixture(scope="module")
def log() -> newsletter.Log:
    return newsletter.simulate(n_users=2500, weeks=3, seed=7)


def simulated(log: newsletter.Log) -> list[Finding]:
    start = (date(2025, 1, 6) - EPOCH).days
    spec = LogSpec(ACTIONS, (-1.0, 0.0, 1.0), (start, start + 21))
    return findings(spec, count(spec, rows_of(log)))


def test_a_sound_log_is_found_sound(log: newsletter.Log) -> None:
    assert simulated(log) == []


@pytest.mark.parametrize(
    ("fault", "errors", "warnings"),
    [
        ("joint_propensities", {"propensity_too_small"}, set()),
        ("uniform_propensities", {"propensity_too_small"}, {"propensity_too_large"}),
        ("missing_propensities", {"propensity_missing"}, set()),
        ("zero_propensities", {"propensity_not_positive"}, set()),
        ("propensities_above_1", {"propensity_above_1"}, set()),
        ("ineligible_action", {"action_not_eligible"}, set()),
        ("arm_never_taken", set(), {"action_never_taken"}),
        ("empty_week", {"empty_week"}, set()),
        ("zero_rewards", {"reward_constant"}, set()),
    ],
)
def test_every_planted_fault_is_found_and_nothing_else(
    log: newsletter.Log, fault: str, errors: set[str], warnings: set[str]
) -> None:
    found = simulated(faults.plant(log, fault))
    assert {f.name for f in found if f.level == "error"} == errors
    assert {f.name for f in found if f.level == "warning"} == warnings


def test_every_fault_is_tried() -> None:
    tried = test_every_planted_fault_is_found_and_nothing_else.pytestmark[0].args[1]
    assert {fault for fault, _, _ in tried} == set(faults.FAULTS)
    with pytest.raises(ValueError, match="did you mean 'zero_rewards'"):
        faults.plant(newsletter.simulate(n_users=5, weeks=1, seed=1), "zero_reward")


def test_sound_logs_are_not_accused() -> None:
    for seed in range(8):
        assert [f.name for f in simulated(newsletter.simulate(n_users=150, weeks=3, seed=seed)) if f.level == "error"] == []


def test_a_policy_that_draws_alike_for_a_user_every_time_is_not_accused(log: newsletter.Log) -> None:
    """Its propensities are right, and its decisions of one user depend on each other."""
    probabilities = newsletter.popularity(log.contexts)
    rows = np.arange(len(log))
    for seed in range(8):
        of_user = np.random.default_rng(100 + seed).random(2500)[log.contexts.user]
        action = newsletter.draw_actions(probabilities, of_user)
        alike = replace(log, action=action, propensity=probabilities[rows, action])
        assert [f for f in simulated(alike) if f.level == "error"] == []


def test_the_summary_holds_what_a_report_shows() -> None:
    counts = count(SPEC, batch({"reward": 1.0}, {"day": "2025-01-07"}))
    said = summary(SPEC, counts, findings(SPEC, counts))
    first = {"rows": 1, "reward": 1.0, "rewards": {"1": 1}, "taken": {"a": 1}}
    assert said["days"] == {"2025-01-06": first, "2025-01-07": {"rows": 1, "reward": 0.0, "rewards": {"0": 1}, "taken": {"a": 1}}}
    assert said["taken"] == {"a": 2, "b": 0, "c": 0}
    assert said["mean_weight"] == {"a": (2 + 2) / 2, "b": 0.0, "c": None}
    assert {w["name"] for w in said["warnings"]} == {"action_never_taken", "action_never_eligible"}
    assert json.loads(json.dumps(said)) == said


def test_a_row_of_one_name_is_a_list_of_one() -> None:
    rows = batch({"reward": 1.0})._replace(eligible=pa.array(["a"]))
    assert count(SPEC, rows).eligible == {"a": 1, "b": 0, "c": 0}
    assert np.isfinite(count(SPEC, rows).weight["a"])
