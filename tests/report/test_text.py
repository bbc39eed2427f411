"""What a person reads: every column of a run, its lineage and its verdict, and whole lines on a pipe."""

import pytest

from waze_data_tfx.evaluation.verdict import Check, Verdict
from waze_data_tfx.history.metadata import Artifact, Execution
from waze_data_tfx.history.record import NodeRecord, Run
from waze_data_tfx.report.text import print_predictions, print_run, print_runs, print_table, print_verdict

Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture) -> list[list[str]]:
    """Return the cells of what was printed, as they stand between two or more spaces."""
    import re

    return [re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]


def check(**changes: object) -> Check:
    values: dict = {
        "name": "mae", "slice": "", "value": 4.25, "bound": 5.0, "baseline": None, "allowed_change": None, "interval": None,
        "passed": True, "reason": "mae 4.25 <= 5 (bound)",
    }  # fmt: skip
    return Check(**{**values, **changes})


def run() -> Run:
    return Run(
        "20240101-000000-aaaa", "/out/eta", "eta", "/eta.yaml", state="done", exit_code=0, started="2024-01-01T00:00:00+00:00",
        seconds=12.5, pushed_version=3,
        nodes={"Trainer": NodeRecord("Trainer", "complete", "training.epochs: 2 -> 3", seconds=4.04)},
    )  # fmt: skip


def test_a_table_shows_zero_and_false_and_leaves_only_none_empty(capsys: Capture) -> None:
    print_table(("A", "B", "C", "D"), [(0, False, None, "[bold]x[/bold]")])
    assert printed(capsys) == [["A", "B", "C", "D"], ["0", "False", "[bold]x[/bold]"]]


def test_a_long_reason_is_whole_on_a_pipe(capsys: Capture) -> None:
    reason = "the whole reason stands on one line " * 4
    print_table(("NODE", "WHY"), [("Trainer", reason.strip())])
    assert capsys.readouterr().out.splitlines()[1].endswith(reason.strip())


def test_predictions_have_six_digits(capsys: Capture) -> None:
    print_predictions([{"prediction": 201.2833251953125, "scores": [0.25, 1e-09], "miles": None, "version": 1}])
    assert printed(capsys) == [["prediction", "scores", "miles", "version"], ["201.283", "[0.25, 1e-09]", "1"]]


def test_predictions_of_many_columns_show_the_first_that_fit(capsys: Capture) -> None:
    names = [f"measurement_{i:02}" for i in range(20)]  # 16 characters with the gap; 11 of them and 12 + 9 of the others: 197
    print_predictions([{"prediction": 1.5, **dict.fromkeys(names, 0.5), "version": 1}])
    heads, row, said = printed(capsys)
    assert heads == ["prediction", *names[:11], "version"]
    assert row == ["1.5", *["0.5"] * 11, "1"]
    assert said == ["and 9 columns more, which --json prints"]


def test_runs_one_line_each(capsys: Capture) -> None:
    unpushed = Run("20240102-000000-bbbb", "/out/eta", "eta", "/eta.yaml", state="refused", exit_code=3)
    print_runs([run(), unpushed])
    assert printed(capsys) == [
        ["RUN", "PIPELINE", "STATE", "EXIT", "STARTED", "SECONDS", "PUSHED"],
        ["20240101-000000-aaaa", "eta", "done", "0", "2024-01-01T00:00:00+00:00", "12.5", "version 3"],
        ["20240102-000000-bbbb", "eta", "refused", "3"],
    ]


def test_a_run_with_its_nodes_lineage_verdict_and_message(capsys: Capture) -> None:
    def execution(id_: int, node: str, inputs: dict, outputs: dict) -> Execution:
        return Execution(id_, node, "20240101-000000-aaaa", "complete", "", "", inputs, outputs)

    executions = {
        "Trainer": execution(1, "Trainer", {}, {"model": (Artifact(7, "Model", "/out/eta/model"),)}),
        "Evaluator": execution(2, "Evaluator", {"model": (7,)}, {"blessing": (Artifact(8, "ModelBlessing", "/out/eta/b"),)}),
        "Pusher": execution(3, "Pusher", {"model": (7,), "model_blessing": (8,)}, {}),
    }
    record = run()
    record.message = "something to add"
    print_run(record, Verdict("blessed", (check(),), {}, {}, note="no baseline"), executions)
    lines = printed(capsys)
    assert lines[0] == ["run 20240101-000000-aaaa of eta: done, exit code 0"]
    assert lines[1] == [
        "config /eta.yaml (env local); started 2024-01-01T00:00:00+00:00; 12.5 s; folder /out/eta/runs/20240101-000000-aaaa"
    ]
    assert ["Trainer", "complete", "4.0", "training.epochs: 2 -> 3"] in lines
    assert ["Model #7", "Trainer.model", "Evaluator, Pusher", "/out/eta/model"] in lines
    assert ["ModelBlessing #8", "Evaluator.blessing", "Pusher", "/out/eta/b"] in lines
    assert ["verdict: blessed (no baseline)"] in lines
    assert lines[-1] == ["something to add"]


def test_a_verdict_tells_passed_failed_and_not_judged_apart(capsys: Capture) -> None:
    checks = (
        check(),
        check(slice="city=Rome", value=1234567.0, passed=False, reason="mae 1234567 > 5 (bound)"),
        check(
            slice="city=Bern", value=None, bound=None, baseline=4.0, allowed_change=0.5, passed=None, reason="9 examples < 100"
        ),
    )
    print_verdict(Verdict("refused", checks, {}, {}))
    assert printed(capsys) == [
        ["verdict: refused"],
        ["METRIC", "SLICE", "VALUE", "BOUND", "BASELINE", "ALLOWED CHANGE", "REASON"],
        ["ok", "mae", "overall", "4.25", "5", "mae 4.25 <= 5 (bound)"],
        ["NO", "mae", "city=Rome", "1.23457e+06", "5", "mae 1234567 > 5 (bound)"],
        ["--", "mae", "city=Bern", "4", "0.5", "9 examples < 100"],
    ]
