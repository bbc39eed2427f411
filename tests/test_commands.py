"""check, plan and run from Python: the same keys as from YAML, results for what was decided, errors for what failed."""

from pathlib import Path

import pytest
from conftest import SMALL, Project, waze_tfx, write_rows

from waze_data_tfx import Config, Data, Features, Rule, change, compare, create_metric_spec, load, mae_metric, plan, run, to_yaml
from waze_data_tfx.errors import ConfigError, DataError, UserError

SETS = SMALL[1::2]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, small_rows: list[list[str]]) -> Config:
    """Return a config with data and root in a folder of its own."""
    folder = tmp_path_factory.mktemp("commands")
    write_rows(folder / "trips.csv", small_rows)
    return Config(
        name="eta",
        label="trip_seconds",
        root=folder / "root",
        data=Data(input=str(folder / "trips.csv"), rules=[Rule(name="bad", drop="trip_seconds IS NULL")]),
        features=Features(dense=["trip_miles"]),
        evaluation=create_metric_spec([mae_metric(upper_bound=2000)]),
    )


def test_a_python_config_takes_what_its_yaml_s_run_has_made(pushed: Project, tmp_path: Path) -> None:
    config = load(pushed.config, sets=SETS)
    assert {p.decision for p in plan(config)} == {"cached"}
    (tmp_path / "again.yaml").write_text(to_yaml(config))
    assert {p.decision for p in plan(tmp_path / "again.yaml")} == {"cached"}
    other = {p.node.id: p.reason for p in plan(change(config, {"training.epochs": 3})) if p.decision == "run"}
    assert other["Trainer"] == "training.epochs: 2 -> 3"
    assert "Transform" not in other


def test_a_run_leaves_its_yaml_and_returns_how_it_ended(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.root is not None
    result = run(config, end="ExampleGen", quiet=True)
    assert (result.state, result.exit_code, result.version, result.verdict, result.metrics) == ("done", 0, None, None, {})
    assert result.report is not None
    assert result.report.parent == result.folder
    assert capsys.readouterr().out == ""
    yaml = config.root / "from_python.yaml"
    assert load(yaml) == result_config(result.folder)
    assert waze_tfx("plan", yaml, "--to", "ExampleGen").stdout.count("cached") == 1
    again = run(yaml, end="ExampleGen")
    assert capsys.readouterr().out.endswith(f"done in {again.seconds} s\n  report: {again.report}\n")


def result_config(folder: Path) -> Config:
    from waze_data_tfx.history.record import load_run

    return load_run(folder).config()


def test_runs_are_compared_by_folder_or_id(pushed: Project, tmp_path: Path) -> None:
    last = pushed.last()["id"]
    page = compare(str(pushed.root / "runs" / last), last, output=tmp_path / "both.html")
    assert page == tmp_path / "both.html"
    assert page.read_text().count(last) >= 2
    with pytest.raises(UserError, match=r"^run 'gone': no such run; known: "):
        compare("gone", last)


def test_a_run_that_fails_raises_what_failed_and_names_its_report(config: Config) -> None:
    none_left = change(config, {"data.rules.0.drop": "trip_seconds >= 0", "data.max_dropped": 0.5})
    with pytest.raises(DataError, match="max_dropped") as caught:
        run(none_left, end="ExampleGen", quiet=True)
    [note] = caught.value.__notes__
    assert Path(note.removeprefix("report: ")).is_file()


def test_mistakes_are_raised_before_anything_runs(config: Config) -> None:
    with pytest.raises(UserError, match=r"^--resume --force: contradict each other"):
        run(config, resume=True, force=True)
    with pytest.raises(UserError, match=r"unknown node 'Trasform'; .* did you mean 'Transform'\?"):
        run(config, end="Trasform")
    wrong = change(config, {"features": {"dense": {"trip_mile": {}}}})
    with pytest.raises(ConfigError, match=r"^Config\(name='eta'\): features.dense.trip_mile: column 'trip_mile' is not in"):
        run(wrong)
