"""Backfills and run dates without a run: which cycles there are, which are left as they were, what is refused."""

import json
from datetime import date
from pathlib import Path

import pytest

from waze_data_tfx import errors
from waze_data_tfx.cli import main
from waze_data_tfx.commands import check, checked, costs, run_date_of
from waze_data_tfx.config import load
from waze_data_tfx.cycles import Cycle, backfill_of, exit_code
from waze_data_tfx.history.record import NodeRecord, Run, new_run
from waze_data_tfx.runners.cache import Selection
from waze_data_tfx.runners.local import LocalRunner

CONFIG = """\
name: eta
label: seconds
data:
  query: trips.sql
  tables: {shop.trips: trips.csv}
  window: {length: 4w, overlap: 2w}
features: {dense: [miles]}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""
QUERY = "SELECT miles, seconds FROM `shop.trips` WHERE day >= @window_start AND day < @window_end\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("eta.yaml").write_text(CONFIG)
    Path("trips.sql").write_text(QUERY)
    Path("trips.csv").write_text("day,miles,seconds\n2025-01-01,1,60\n")
    return tmp_path


def settled(day: str, state: str = "done", **nodes: str) -> Run:
    """Leave the record of a run of a day as if it had run: every node with the key that it would have now."""
    loaded = checked(load("eta.yaml"), run_date=day)
    run = new_run(loaded.config, config_path=loaded.path, env="local")
    planned = LocalRunner(loaded).plan(Selection())
    run.nodes = {p.node.id: NodeRecord(p.node.id, nodes.get(p.node.id, "complete"), key=p.key) for p in planned}  # type: ignore[arg-type]
    run.state, run.exit_code, run.pid = state, {"done": 0, "refused": 3}.get(state, 1), 0  # type: ignore[assignment]
    run.save()
    return run


def looked(start: str = "2025-02-01", end: str = "2025-03-01", **options: object) -> list[tuple[str, str, bool]]:
    found = backfill_of(load("eta.yaml", **options), start, end).look()
    return [(str(c.run_date), c.state, c.earlier) for c in found]


def test_cycles_stand_a_step_apart_and_each_has_its_window() -> None:
    found = backfill_of(load("eta.yaml"), "2025-02-01", "2025-03-14").cycles
    assert [(str(c.run_date), str(c.start), str(c.end)) for c in found] == [
        ("2025-02-01", "2025-01-04", "2025-02-01"),
        ("2025-02-15", "2025-01-18", "2025-02-15"),
        ("2025-03-01", "2025-02-01", "2025-03-01"),
    ]


def test_a_cycle_that_was_settled_is_left_until_something_that_it_reads_changes() -> None:
    settled("2025-02-01")
    settled("2025-02-15", "refused")
    settled("2025-03-01", "failed")
    assert looked() == [("2025-02-01", "done", True), ("2025-02-15", "refused", True), ("2025-03-01", "waiting", False)]
    assert looked(sets=["training.epochs=3"])[0] == ("2025-02-01", "waiting", False)
    Path("trips.csv").write_text("day,miles,seconds\n2025-01-01,1,60\n2025-01-02,1,60\n")
    assert {state for _, state, _ in looked()} == {"waiting"}


def test_a_partial_run_is_no_cycle() -> None:
    settled("2025-02-01", Trainer="skipped")
    assert looked(end="2025-02-01") == [("2025-02-01", "waiting", False)]


def test_what_runs_later_on_other_models_does_not_reopen_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    settled("2025-02-01")
    monkeypatch.setattr("waze_data_tfx.runners.cache._baseline", lambda *_: 7)  # a model of a later cycle is the baseline now
    assert looked(end="2025-02-01") == [("2025-02-01", "done", True)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  window: {length: 4w, overlap: 2w}\n", "", "a backfill runs a window's cycles; received no data.window"),
        ("overlap: 2w", "end: '2025-03-01'", "data.window.end: received '2025-03-01', so every cycle would read the same days"),
    ],
)
def test_a_backfill_needs_a_window_that_moves(old: str, new: str, said: str) -> None:
    Path("eta.yaml").write_text(CONFIG.replace(old, new))
    with pytest.raises(errors.UserError, match=said):
        backfill_of(load("eta.yaml"), "2025-02-01", "2025-03-01")


def test_the_command_that_goes_on_says_environment_settings_and_dates() -> None:
    found = backfill_of(load("eta.yaml", sets=["training.epochs=2"]), "2025-02-01", "2025-03-14", env="night")
    path = Path("eta.yaml").resolve()
    assert found.command(found.cycles[1]) == (
        f"waze-tfx backfill {path} --env night --set training.epochs=2 --from 2025-02-15 --to 2025-03-01"
    )


def test_the_exit_code_is_that_of_the_worst_cycle() -> None:
    def cycle(state: str, code: int) -> Cycle:
        return Cycle(date(2025, 1, 1), date(2024, 12, 1), date(2025, 1, 1), state, exit_code=code)

    assert exit_code([cycle("done", 0), cycle("done", 0)]) == 0
    assert exit_code([cycle("done", 0), cycle("refused", 3), cycle("stopped", 3)]) == 3
    assert exit_code([cycle("refused", 3), cycle("failed", 2)]) == 2
    assert exit_code([cycle("refused", 3), cycle("interrupted", 130)]) == 130


def test_a_dry_run_prints_the_cycles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["backfill", "eta.yaml", "--from", "2025-02-01", "--to", "2025-02-20", "--dry-run", "--json"])
    assert end.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(c["run_date"], c["start"], c["end"], c["state"]) for c in printed["cycles"]] == [
        ("2025-02-01", "2025-01-04", "2025-02-01", "waiting"),
        ("2025-02-15", "2025-01-18", "2025-02-15", "waiting"),
    ]
    assert (printed["exit_code"], printed["next"]) == (0, None)
    assert not list(Path("output/eta").glob("runs/*"))


def test_plan_says_what_the_window_is_and_what_the_next_shares_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    main_code(["plan", "eta.yaml", "--run-date", "2025-02-15", "--set", "data.window.step=3w"])
    assert (
        "2025-01-18 to 2025-02-15 without the last day, 4w in UTC; a step of 3w, 1w in common with the next (overlap says 2w)"
        in capsys.readouterr().out
    )


def main_code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_run_that_goes_on_keeps_its_day() -> None:
    loaded = load("eta.yaml")
    assert run_date_of(loaded, None, resume=True) is None  # no run yet: whoever resumes says so
    run = settled("2025-02-15", "failed")
    assert run.window == {"run_date": "2025-02-15", "start": "2025-01-18", "end": "2025-02-15"}
    assert run_date_of(loaded, None, resume=True) == "2025-02-15"
    assert run_date_of(loaded, "2025-02-15", resume=True) == "2025-02-15"
    assert run_date_of(loaded, "2025-03-01", resume=False) == "2025-03-01"
    with pytest.raises(errors.UserError, match=f"--resume --run-date 2025-03-01: run {run.id} is of 2025-02-15"):
        run_date_of(loaded, "2025-03-01", resume=True)


def test_a_query_and_a_window_that_do_not_meet_are_found_by_check() -> None:
    check("eta.yaml", run_date=date(2025, 2, 15))
    assert [cost.what for cost in costs("eta.yaml", run_date="2025-02-15")] == ["shop.trips"]
    Path("eta.yaml").write_text(CONFIG.replace("  window: {length: 4w, overlap: 2w}\n", ""))
    with pytest.raises(errors.ConfigError) as caught:
        check("eta.yaml")
    assert caught.value.problems[0].startswith("trips.sql:1: @window_start: is given by data.window; received none")
    Path("trips.sql").write_text("SELECT miles, seconds, day FROM `shop.trips`")
    Path("eta.yaml").write_text(
        CONFIG.replace("  window: {length: 4w, overlap: 2w}", "  split: {time: {column: miles, starts: {eval: '2025-01-01'}}}")
    )
    check("eta.yaml")  # a whole number is a time: unix seconds
    Path("trips.csv").write_text("day,miles,seconds\n2025-01-01,1.5,60\n")
    with pytest.raises(errors.ConfigError, match=r"eta.yaml:6: data.split.time.column: 'miles' is double; expected DATE"):
        check("eta.yaml")
