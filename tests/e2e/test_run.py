"""A whole run through the command line, read back by every command that reads runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project, copy_code, waze_tfx, write_rows

NODES = [
    "ExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Resolver",
    "Evaluator",
    "InfraValidator",
    "Pusher",
    "Copier",
]


def test_first_run_pushes_a_blessed_model(pushed: Project) -> None:
    record = pushed.first()
    assert record["state"] == "done"
    assert record["exit_code"] == 0
    assert record["pushed_version"] == 1
    assert {name: node["state"] for name, node in record["nodes"].items()} == dict.fromkeys(NODES, "complete")
    assert (pushed.root / "serving" / "CURRENT").read_text().strip() == "1"
    assert (pushed.root / "registry" / "CURRENT").read_text().strip() == "1"
    assert record["nodes"]["Copier"]["note"] == f"generation 1 is current in {pushed.root}/registry"


def test_every_node_has_a_log_and_a_cache_key(pushed: Project) -> None:
    record = pushed.first()
    folder = pushed.root / "runs" / record["id"]
    for node in NODES:
        assert (folder / "logs" / f"{node}.log").is_file()
        assert len(record["nodes"][node]["key"]) == 32


def test_verdict_names_metric_bound_and_missing_baseline(pushed: Project) -> None:
    verdict = json.loads((pushed.root / "runs" / pushed.first()["id"] / "verdict.json").read_text())
    assert verdict["status"] == "blessed"
    assert "no baseline" in verdict["note"]
    bound = next(c for c in verdict["checks"] if c["name"] == "mae" and c["slice"] == "" and c["bound"] is not None)
    assert bound["bound"] == 2000
    assert bound["value"] < 2000
    assert bound["passed"] is True


def test_unchanged_run_takes_everything_from_the_cache_and_does_not_start_tfx(pushed: Project) -> None:
    before = sorted((pushed.root / "serving").iterdir())
    done = pushed.run()
    assert done.returncode == 0, done.stderr
    record = pushed.last()
    assert set(pushed.states().values()) == {"cached"}
    assert not (pushed.root / "runs" / record["id"] / "logs" / "runner.log").exists()
    assert all("unchanged since run" in n["reason"] for n in record["nodes"].values())
    assert sorted((pushed.root / "serving").iterdir()) == before


def test_cached_run_is_an_ordinary_run_in_ml_metadata(pushed: Project) -> None:
    pushed.run()
    run_id = pushed.last()["id"]
    shown = json.loads(waze_tfx("show", run_id, "--json").stdout)
    assert set(shown["artifacts"]) == set(NODES)
    assert Path(shown["artifacts"]["Trainer"]["model"][0], "Format-Serving", "saved_model.pb").is_file()


def test_show_prints_states_lineage_and_verdict(pushed: Project) -> None:
    done = waze_tfx("show", "latest", "--config", pushed.config)
    assert done.returncode == 0, done.stderr
    for text in (
        "verdict: blessed",
        "infra validation: blessed",
        "signatures_agree",
        "Evaluator.blessing",
        "Trainer.model",
        "mae",
    ):
        assert text in done.stdout


def test_runs_lists_newest_first(pushed: Project) -> None:
    listed = json.loads(waze_tfx("runs", pushed.config, "--json").stdout)
    assert [r["id"] for r in listed] == sorted((r["id"] for r in listed), reverse=True)
    assert listed[-1]["state"] == "done"


def test_show_unknown_run_names_known_ones(pushed: Project) -> None:
    done = waze_tfx("show", "19700101", "--config", pushed.config)
    assert done.returncode == 2
    assert "no such run" in done.stderr
    assert pushed.last()["id"] in done.stderr


def test_plan_says_what_would_happen_and_why(pushed: Project) -> None:
    done = waze_tfx("plan", pushed.config, "--set", "training.epochs=3", "--json")
    nodes = {n["id"]: n for n in json.loads(done.stdout)["nodes"]}
    assert nodes["Transform"]["decision"] == "cached"
    assert nodes["Trainer"]["decision"] == "run"
    assert "training.epochs: 2 -> 3" in nodes["Trainer"]["reason"]
    assert nodes["Pusher"]["reason"].startswith("Trainer")


def test_predict_tries_the_pushed_model(pushed: Project) -> None:
    done = waze_tfx("predict", pushed.config, "--input", pushed.data, "--limit", 3, "--json")
    rows = json.loads(done.stdout)
    assert len(rows) == 3
    assert all(r["version"] == 1 and 0 < r["prediction"] < 20000 for r in rows)
    of_query = json.loads(waze_tfx("predict", pushed.config, "--limit", 3, "--json").stdout)
    assert [r["prediction"] for r in of_query] == [r["prediction"] for r in rows]  # the query keeps the file's rows in order
    assert "company" in of_query[0]


PLAIN = """
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
raw = model.signatures["raw"]
features = {}
for name, spec in raw.structured_input_signature[1].items():
    value = {tf.string: [b"Cash"], tf.int64: [8], tf.float32: [2.5]}[spec.dtype]
    value = [41.9] if name.endswith("latitude") else [-87.63] if name.endswith("longitude") else value
    features[name] = tf.constant(value, spec.dtype)
prediction = raw(**features)["prediction"].numpy().tolist()
assert not [m for m in sys.modules if m.startswith(("waze_data_tfx", "tfx", "tensorflow_transform"))]
print(json.dumps(prediction))
"""


def test_pushed_model_loads_in_plain_tensorflow(pushed: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(pushed.root / "serving" / "1")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [value] = json.loads(done.stdout.splitlines()[-1])
    assert 0 < value < 20000


def test_to_ends_early_and_cleanly(pushed: Project) -> None:
    done = pushed.run("--to", "Transform")
    assert done.returncode == 0, done.stderr
    states = pushed.states()
    assert states["Transform"] == "cached"
    assert states["Trainer"] == states["Pusher"] == "skipped"


def test_unknown_node_is_refused_with_the_known_ones(pushed: Project) -> None:
    done = pushed.run("--to", "Trainor")
    assert done.returncode == 2
    assert "did you mean 'Trainer'?" in done.stderr


def test_a_refusing_gate_exits_3_and_pushes_nothing(pushed: Project) -> None:
    done = pushed.run("--set", "evaluation.metrics=[{name: mae, upper_bound: 1}]")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "> 1 (bound)" in done.stderr
    assert pushed.states()["Pusher"] == "not run"
    assert (pushed.root / "serving" / "CURRENT").read_text().strip() == "1"
    again = pushed.run("--set", "evaluation.metrics=[{name: mae, upper_bound: 1}]")
    assert again.returncode == 3
    assert pushed.states()["Evaluator"] == "cached"


def test_a_model_that_does_not_fit_its_memory_is_not_pushed(pushed: Project) -> None:
    small = ("--set", "infra_validation.max_memory_mb=100")  # TensorFlow alone holds more
    done = pushed.run(*small)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the model does not serve as it must; nothing was pushed" in done.stderr
    assert "MB, more than 100, when asked to import tensorflow; ended" in done.stderr
    assert "raise infra_validation.max_memory_mb" in done.stderr
    assert pushed.states()["Pusher"] == "not run"
    assert pushed.states()["Evaluator"] == "cached"
    assert (pushed.root / "serving" / "CURRENT").read_text().strip() == "1"
    shown = json.loads(waze_tfx("show", pushed.last()["id"], "--json").stdout)
    assert (shown["verdict"]["status"], shown["infra_verdict"]["status"]) == ("blessed", "refused")
    assert pushed.run(*small).returncode == 3
    assert pushed.states()["InfraValidator"] == "cached"


def test_anomalies_stop_the_run_by_policy(pushed: Project, tmp_path: Path, small_rows: list[list[str]]) -> None:
    project = copy_code(pushed, tmp_path / "my_eta")
    column = small_rows[0].index("payment_type")
    odd = [small_rows[0], *([*row[:column], "Bitcoin", *row[column + 1 :]] for row in small_rows[1:301]), *small_rows[301:]]
    write_rows(project.data, odd)
    done = project.run("--to", "ExampleValidator")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "payment_type" in done.stderr
    assert "Bitcoin" in done.stderr
    assert "anomalies.policy" in done.stderr
    again = project.run("--to", "ExampleValidator")
    assert again.returncode == 3, "a cached validator stops the run as well"
    warned = project.run("--to", "ExampleValidator", "--set", "anomalies.policy=warn")
    assert warned.returncode == 0
    assert "Bitcoin" in warned.stdout


@pytest.mark.parametrize("command", [("--help",), ("check", "CONFIG")])
def test_light_commands_import_nothing_heavy(pushed: Project, command: tuple[str, ...]) -> None:
    arguments = [str(pushed.config) if a == "CONFIG" else a for a in command]
    script = (
        "import sys\nfrom waze_data_tfx.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'keras', 'kfp'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
