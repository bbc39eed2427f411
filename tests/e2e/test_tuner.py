"""A search, early stopping and a killed training through the command line, on four hundred rows and without any user code."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import waze_tfx

CONFIG = """
name: eta
label: y
data: {input: rows.csv}
features: {dense: [x], vocabulary: {kind: {}}}
model: {hidden_units: [8]}
training: {epochs: 30, batch_size: 32, early_stopping: 3}
tuner:
  max_trials: 3
  epochs: 8
  parameters:
    model.optimizer.learning_rate: {min: 0.001, max: 0.1, scale: log}
    model.hidden_units: {choices: [[8], [16, 8]]}
evaluation: {metrics: [{name: mae, upper_bound: 3}]}
"""


def newest(folder: Path) -> Path:
    return max((folder / "output" / "eta" / "runs").iterdir())


def made(folder: Path, node: str, key: str, file: str) -> Any:
    newest_made = max((folder / "output" / "eta" / "artifacts" / node / key).iterdir(), key=lambda p: int(p.name))
    return json.loads((newest_made / file).read_text())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder whose first run searched, and what the run printed."""
    folder = tmp_path_factory.mktemp("tuned")
    generator = random.Random(1)
    lines = ["x,kind,y"]
    for i in range(400):
        x = generator.gauss(0, 1)
        lines.append(f"{x:.4f},{'ab'[i % 2]},{3 * x + 2 * (i % 2) + generator.gauss(0, 0.1):.4f}")
    (folder / "rows.csv").write_text("\n".join(lines))
    (folder / "eta.yaml").write_text(CONFIG)
    done = waze_tfx("run", folder / "eta.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_trainer_uses_what_the_search_found(tuned: tuple[Path, str]) -> None:
    folder, printed = tuned
    search = made(folder, "Tuner", "tuner_results", "trials.json")
    best = min(search["trials"], key=lambda t: t["score"])
    assert len(search["trials"]) == 3
    training = made(folder, "Trainer", "model_run", "training.json")
    assert training["hyperparameters"] == best["values"]
    # The trial was the same training with fewer epochs, so its best epoch is among the Trainer's.
    assert best["score"] == pytest.approx(training["epochs"][best["kept_epoch"] - 1]["val_loss"], rel=1e-6)
    rate = best["values"]["model.optimizer.learning_rate"]
    line = next(line for line in printed.splitlines() if re.match(r"✓ Tuner +complete", line))
    assert f"(3 trials; best val_loss {best['score']:.4g}: model.optimizer.learning_rate {rate:.4g}, model.hidden_units" in line


def test_early_stopping_kept_the_best_epoch(tuned: tuple[Path, str]) -> None:
    folder, printed = tuned
    training = made(folder, "Trainer", "model_run", "training.json")
    losses = [epoch["val_loss"] for epoch in training["epochs"]]
    kept = training["kept_epoch"]
    assert losses[kept - 1] == min(losses)
    assert len(losses) == kept + 3 or len(losses) == 30
    assert f"val_loss {min(losses):.4g}" in next(line for line in printed.splitlines() if re.match(r"✓ Trainer +complete", line))


def test_the_report_shows_the_trials_the_best_first(tuned: tuple[Path, str]) -> None:
    html = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", (newest(tuned[0]) / "report.html").read_text()))
    assert "3 trials (random) on" in html
    scores = [f"{t['score']:.4g}" for t in made(tuned[0], "Tuner", "tuner_results", "trials.json")["trials"]]
    places = [html.index(score, html.index("3 trials (random)")) for score in sorted(scores, key=float)]
    assert places == sorted(places)


def test_another_gate_searches_and_trains_nothing_anew(tuned: tuple[Path, str]) -> None:
    done = waze_tfx("plan", tuned[0] / "eta.yaml", "--set", "evaluation.metrics.0.upper_bound=4", "--json")
    would = {node["id"]: node["decision"] for node in json.loads(done.stdout)["nodes"]}
    assert (would["Tuner"], would["Trainer"], would["Evaluator"]) == ("cached", "cached", "run")
    done = waze_tfx("plan", tuned[0] / "eta.yaml", "--set", "tuner.max_trials=4", "--json")
    would = {node["id"]: node["decision"] for node in json.loads(done.stdout)["nodes"]}
    assert (would["Transform"], would["Tuner"], would["Trainer"]) == ("cached", "run", "run")


def test_a_killed_training_goes_on_where_it_was(tuned: tuple[Path, str]) -> None:
    folder = tuned[0]
    sets = (
        "--set",
        "tuner=",
        "--set",
        "training={epochs: 400, batch_size: 32, checkpoint_every: 20, early_stopping: null}",
        "--to",
        "Trainer",
    )
    before = newest(folder)
    command = [sys.executable, "-m", "waze_data_tfx", "run", str(folder / "eta.yaml"), *sets]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while newest(folder) == before or "\nepoch 50/400" not in log(folder):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    time.sleep(1.0)
    killed = log(folder)
    done = waze_tfx("run", folder / "eta.yaml", *sets, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    went_on = log(folder)[len(killed) :]
    found = re.search(r"going on after epoch (\d+)\n(?:.*\n)*?epoch (\d+)/400", went_on)
    assert found, went_on
    n, first = map(int, found.groups())
    assert n >= 40
    assert n % 20 == 0
    assert first == n + 1
    record = made(folder, "Trainer", "model_run", "training.json")
    assert (len(record["epochs"]), record["resumed_after"]) == (400, n)
    assert list((folder / "output" / "eta" / "checkpoints").iterdir()) == []


def log(folder: Path) -> str:
    path = newest(folder) / "logs" / "Trainer.log"
    return path.read_text() if path.is_file() else ""
