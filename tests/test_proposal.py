"""A config for a file of one's own: what is decided for each kind of column, and that it runs with nothing but the command."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import waze_tfx
from sklearn import datasets

from waze_data_tfx import check, load, plan, proposal, run
from waze_data_tfx.errors import DataError, UserError

SETS = {"diabetes": datasets.load_diabetes, "wine": datasets.load_wine, "breast_cancer": datasets.load_breast_cancer}
N = 60
ODD = {
    "row": range(N),
    "user id": [f"u{i}" for i in range(N)],
    "const": [1] * N,
    "when": [f"2024-01-{1 + i % 28:02d} 10:00" for i in range(N)],
    "city": [("Bern", None, "Basel")[i % 3] for i in range(N)],
    "x": [None if i == 7 else i * i / 4 for i in range(N)],
    "hour": [i % 24 for i in range(N)],
    "comment": [f"good morning to you {i}" for i in range(N)],
    "fare": [None if i < 2 else (i * 7) % 50 for i in range(N)],
    "fare again": [(i * 14) % 100 for i in range(N)],
    "won": [int(i % 10 == 0) for i in range(N)],
}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd, file.csv"
    pd.DataFrame(ODD).to_csv(path, index=False)
    return path


def known_set(folder: Path, name: str) -> Path:
    path = folder / f"{name}.csv"
    SETS[name](as_frame=True).frame.to_csv(path, index=False)
    return path


def test_each_column_is_put_where_its_values_belong_or_left_out_with_a_reason(odd: Path, tmp_path: Path) -> None:
    path, found = proposal.create(tmp_path / "mine", odd, "fare")
    assert [(group, name, settings) for group, name, settings, _ in found.features] == [
        ("time", "when", {}),
        ("vocabulary", "city", 2),
        ("dense", "x", {"indicator": True}),
        ("category", "hour", 24),
        ("text", "comment", 1000),
        ("category", "won", 2),
    ]
    assert found.left_out == [
        ("row", "counts the rows"),
        ("user id", "another text in nearly every row: an id?"),
        ("const", "the same value in every row"),
        ("fare again", "the label again: correlation 1.0000"),
    ]
    config = load(path)
    assert (config.task, config.label, config.data.rules[0].drop) == ("regression", "fare", '"fare" IS NULL')
    assert "# fare again: the label again: correlation 1.0000\n" in path.read_text()
    check(path)


def test_what_a_constant_reaches_is_the_bound(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.csv"
    pd.DataFrame({"x": 3 * [1.5, 2.5, 3.5, 4.0], "y": 3 * [0.5, 1.0, 2.0, 10.5]}).to_csv(numbers, index=False)
    # the median of y is 1.5; the distances 1, 0.5, 0.5 and 9 have the mean 2.75
    assert proposal.propose(numbers).metrics[0][0] == {"name": "mae", "upper_bound": 2.75}
    classes = tmp_path / "classes.csv"
    pd.DataFrame({"x": range(40), "target": [0] * 24 + [1] * 16, "z": 2 * [*range(20)]}).to_csv(classes, index=False)
    found = proposal.propose(classes)
    assert (found.label, found.task) == ("target", "binary_classification")
    assert [metric for metric, _ in found.metrics] == [
        {"name": "auc", "lower_bound": 0.6},
        {"name": "accuracy", "lower_bound": 0.6},  # 24 of 40
    ]


def test_a_share_that_no_model_could_beat_is_no_bound(odd: Path) -> None:
    found = proposal.propose(odd, "won")
    assert [metric for metric, _ in found.metrics] == [{"name": "auc", "lower_bound": 0.6}, {"name": "accuracy"}]


@pytest.mark.parametrize("name", SETS)
def test_a_known_set_has_a_config_that_passes_and_can_be_planned(name: str, tmp_path: Path) -> None:
    done = waze_tfx("new", "mine", "--data", known_set(tmp_path, name), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nnext: waze-tfx run mine/config.yaml\n")
    config = load(tmp_path / "mine" / "config.yaml")
    tasks = {"diabetes": "regression", "wine": "multiclass_classification", "breast_cancer": "binary_classification"}
    assert (config.task, config.label) == (tasks[name], "target")
    assert {p.decision for p in plan(config)} == {"run"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "wine" else pytest.mark.slow) for n in SETS]
)  # wine has a slash in a column's name
def test_a_known_set_is_run_to_a_pushed_model_with_nothing_but_the_command(name: str, tmp_path: Path) -> None:
    path, _ = proposal.create(tmp_path / "mine", known_set(tmp_path, name))
    result = run(path, quiet=True)
    assert (result.state, result.exit_code, result.version) == ("done", 0, 1), result.message
    assert result.verdict is not None
    assert result.verdict.status == "blessed"
    beaten = {"diabetes": ("mae", 60), "wine": ("accuracy", 0.9), "breast_cancer": ("accuracy", 0.9)}
    metric, bound = beaten[name]
    assert result.metrics[metric] < bound if name == "diabetes" else result.metrics[metric] > bound


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        ("far", UserError, r"^--label far: column is not in odd, file.csv; known: .*; did you mean 'fare'\?"),
        ("const", DataError, r"label 'const' has 1 different values; expected 2 or more"),
        ("user id", DataError, r"label 'user id' holds text of 60 different values; expected a number, or at most 20 classes"),
    ],
)
def test_a_label_that_cannot_be_learnt_is_refused(odd: Path, label: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        proposal.propose(odd, label)


def test_a_text_that_is_nearly_a_number_says_which_values_are_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    bmi = ["fat" if i == 3 else f"{i // 2}.5" for i in range(60)]  # 0.5 to 29.5, and fat
    rows = {"bmi": bmi, "id": ["none", *map(str, range(59))], "y": [i * i for i in range(60)]}
    pd.DataFrame(rows).to_csv(path, index=False)
    found = proposal.propose(path, "y")
    [(_, _, _, note)] = found.features
    assert found.left_out == [("id", "numbers but for 1 of 60 rows, such as 'none'")]
    assert note == "31 different texts; numbers but for 1 of 60 rows, such as 'fat'"
    with pytest.raises(
        DataError, match=r"holds text of 31 different values; numbers but for 1 of 60 rows, such as 'fat'; expected"
    ):
        proposal.propose(path, "bmi")


def test_a_few_rows_are_too_few(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame({"x": range(9), "y": [i * i for i in range(9)]}).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"rows\.csv: received 9 rows; expected 10 or more"):
        proposal.propose(path)


def test_nothing_is_overwritten_and_flags_that_contradict_are_named(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("mine")
    with pytest.raises(UserError, match="is not empty; nothing was written"):
        proposal.create(tmp_path / "mine", odd)
    assert (tmp_path / "mine" / "config.yaml").read_text() == "mine"
    with pytest.raises(UserError, match="no such file"):
        proposal.create(tmp_path / "other", tmp_path / "gone.csv")
    assert not (tmp_path / "other").exists()
    done = waze_tfx("new", tmp_path / "other", "--data", odd, "--template", "taxi")
    assert (done.returncode, done.stderr) == (2, "error: --template --data: contradict each other; expected one of them\n")
    done = waze_tfx("new", tmp_path / "other", "--label", "fare")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --label: names a column of --data; received no --data\n")
