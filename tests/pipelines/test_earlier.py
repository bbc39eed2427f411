"""Whose statistics a run is held against, on a store as real runs leave it."""

from pathlib import Path
from typing import Any

import pytest
from store_for_test import Writer, config_in

from waze_data_tfx import versions
from waze_data_tfx.history.metadata import Artifact
from waze_data_tfx.pipelines.earlier import accepted_model, earlier_statistics, rows_in


class World:
    """Runs that read rows (`data`), measured them, and trained or did not."""

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(config_in(folder))
        self.serving = folder / "serving"

    def run(self, run: str, data: str, *, trained: bool = True, pushed: bool = False, against: str = "") -> None:
        write = self.writer.execution
        write(run, "ExampleGen", parts=parts(data), outputs={"examples": ("Examples", {})})
        write(run, "StatisticsGen", outputs={"statistics": ("ExampleStatistics", {})})
        earlier = {"baseline_statistics": [self.statistics(against).id]} if against else {}
        write(run, "DriftValidator", inputs=earlier, outputs={"anomalies": ("ExampleAnomalies", {})})
        write(run, "Trainer", state="complete" if trained else "failed", outputs={"model": ("Model", {})})
        if pushed:
            version = versions.publish(self.serving, lambda folder: None, expected=versions.ANY)
            write(run, "Pusher", outputs={"pushed_model": ("PushedModel", {"pushed_version": version})})

    def judged(self, run: str, data: str, *, blessed: bool, state: str = "complete") -> None:
        """A run of a bandit: it trained on rows, and its Evaluator said what it says."""
        write = self.writer.execution
        write(run, "ExampleGen", parts=parts(data), outputs={"examples": ("Examples", {})})
        write(run, "Trainer", outputs={"model": ("Model", {})})
        blessing = {"blessed": int(blessed), "current_model_id": self.model(run).id}
        write(run, "Evaluator", state=state, outputs={"blessing": ("ModelBlessing", blessing)})

    def model(self, run: str) -> Artifact:
        [made] = self.writer.history().of_run(run)["Trainer"].outputs["model"]
        return made

    def accepted(self, data: str) -> str:
        found = accepted_model(self.writer.history(), rows=rows_in(parts(data)))
        return Path(found.uri).name if found else "none"

    def statistics(self, run: str) -> Artifact:
        [made] = self.writer.history().of_run(run)["StatisticsGen"].outputs["statistics"]
        return made

    def found(self, data: str, run: str = "", against: Any = "previous") -> str:
        found = earlier_statistics(
            self.writer.history(), run=run, rows=rows_in(parts(data)), against=against, push_directory=self.serving
        )
        return Path(found.uri).name if found else "none"


def parts(data: str) -> dict[str, Any]:
    return {"config data.max_dropped": 0.5, "data": data, "library": f"code that read {data}"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_before_the_first_run_there_are_none(world: World) -> None:
    assert world.found("a") == "none"
    assert world.found("a", against="pushed") == "none"


def test_previous_is_the_newest_run_that_trained_on_other_rows(world: World) -> None:
    world.run("r1", "a")
    world.run("r2", "b")
    assert world.found("c") == "r2"
    assert world.found("b") == "r1", "the same rows again are compared with what they were compared with"
    assert world.found("a") == "r2", "back to earlier rows"


def test_the_same_rows_read_by_other_code_are_the_same_rows(world: World) -> None:
    world.run("r1", "a")
    world.writer.execution("r2", "ExampleGen", parts={**parts("a"), "library": "edited"}, outputs={"examples": ("Examples", {})})
    world.writer.execution("r2", "StatisticsGen", outputs={"statistics": ("ExampleStatistics", {})})
    world.writer.execution("r2", "Trainer", outputs={"model": ("Model", {})})
    assert world.found("a") == "none"


def test_a_run_that_was_stopped_is_no_measure(world: World) -> None:
    world.run("r1", "a")
    world.run("r2", "b", trained=False)
    assert world.found("c") == "r1", "else drift would pass the second time"
    world.run("r3", "c", trained=False)
    assert world.found("c", run="r3") == "r1"


def test_pushed_is_the_run_whose_model_is_current(world: World) -> None:
    world.run("r1", "a", pushed=True)
    world.run("r2", "b", pushed=True, against="r1")
    world.run("r3", "c")
    assert world.found("c", against="pushed") == "r2"
    assert world.found("b", against="pushed") == "r1", "its own rows: what it was itself compared with"
    versions.rollback(world.serving)
    assert world.found("c", against="pushed") == "r1"
    assert world.found("a", against="pushed") == "none"


def test_statistics_that_are_gone_are_passed_over(world: World) -> None:
    import shutil

    world.run("r1", "a")
    world.run("r2", "b")
    shutil.rmtree(world.statistics("r2").uri)
    assert world.found("c") == "r1"


def test_a_policy_begins_from_the_last_accepted_one_and_not_the_latest(world: World) -> None:
    assert world.accepted("a") == "none"
    world.judged("r1", "a", blessed=True)
    assert world.accepted("a") == "none", "the same rows again begin from where they began"
    assert world.accepted("b") == "r1"
    world.judged("r2", "b", blessed=False)
    assert world.accepted("c") == "r1", "a refused one in between is skipped"
    world.judged("r3", "c", blessed=True, state="failed")
    assert world.accepted("d") == "r1", "so is one whose evaluation failed"
    world.judged("r4", "d", blessed=True)
    assert world.accepted("e") == "r4"
    assert world.accepted("d") == "r1"


def test_an_accepted_policy_that_is_gone_is_passed_over(world: World) -> None:
    import shutil

    world.judged("r1", "a", blessed=True)
    world.judged("r2", "b", blessed=True)
    shutil.rmtree(world.model("r2").uri)
    assert world.accepted("c") == "r1"
