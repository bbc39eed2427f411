"""A whole run with several classes per row, named, and with weights, from a CSV to the pushed model and the report."""

import json
import random

import pytest
from conftest import Project, waze_tfx

CONFIG = """\
name: rides
task: multilabel_classification
label: tags
classes: [long, night, alpine]
label_empty: no_class
weight: importance
key: id
data: {input: trips.csv}
features:
  dense: [km]
  category: {hour: 24}
  vocabulary: {city: {}}
model: {hidden_units: [32], optimizer: {learning_rate: 0.01}}
training: {epochs: 20, batch_size: 32}
evaluation:
  metrics:
    - {name: auc, lower_bound: 0.8, absolute_change: 0.1}
    - {name: binary_crossentropy}
    - {name: precision}
  slices: [city]
"""


def rows() -> list[str]:
    """Return 500 rides whose tags follow from what is known of them."""
    draw = random.Random(1)
    lines = ["id,km,hour,city,importance,tags"]
    for i in range(500):
        km, hour, city = draw.uniform(0, 20), draw.randrange(24), draw.choice(["Basel", "Bern", "Genf"])
        tags = [t for t, given in (("alpine", city == "Bern"), ("night", not 6 <= hour <= 21), ("long", km > 10)) if given]
        lines.append(f"r{i},{km:.2f},{hour},{city},{draw.choice([0.5, 1, 2])},{'|'.join(tags)}")
    return lines


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("labels") / "rides")
    project.folder.mkdir()
    project.config.write_text(CONFIG)
    project.data.write_text("\n".join(rows()) + "\n")
    done = project.run(small=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_what_is_pushed_names_the_classes(rides: Project) -> None:
    given = "id,km,hour,city\na,2.5,12,Basel\nb,15,23,Bern\n"
    (rides.folder / "new.csv").write_text(given)
    done = waze_tfx("predict", rides.config, "--input", rides.folder / "new.csv", "--json")
    assert done.returncode == 0, done.stderr
    by_key = {row["key"]: row for row in json.loads(done.stdout)}
    assert (by_key["a"]["classes"], by_key["a"]["prediction"]) == ("", [0, 0, 0])
    assert (by_key["b"]["classes"], by_key["b"]["prediction"]) == ("long|night|alpine", [1, 1, 1])  # in the config's order
    assert "importance" not in by_key["a"]


def test_the_metrics_are_of_every_class_and_weighted(rides: Project) -> None:
    """Precision, recounted from the sample, which here holds every row of the split."""
    [folder] = (rides.root / "artifacts/Evaluator/evaluation").iterdir()
    sample = json.loads((folder / "predictions.json").read_text())
    found = {row["slice"]: row["candidate"] for row in json.loads((folder / "metrics.json").read_text())}
    assert set(found) == {"", "city=Basel", "city=Bern", "city=Genf"}
    assert set(sample["weights"]) == {0.5, 1.0, 2.0}
    right = chosen = 0.0
    for labels, scores, weight in zip(sample["labels"], sample["models"]["candidate"], sample["weights"], strict=True):
        right += weight * sum(y for y, p in zip(labels, scores, strict=True) if p > 0.5)
        chosen += weight * sum(p > 0.5 for p in scores)
    assert found[""]["precision"] == pytest.approx(right / chosen, abs=1e-6)
    assert found[""]["example_count"] == sample["n_rows"] == len(sample["labels"])


def test_the_report_shows_classes_metrics_and_calibration(rides: Project) -> None:
    [page] = (rides.root / "runs").glob("*/report.html")
    text = page.read_text()
    assert "It cannot be read" not in text
    for part in ("tags: classes", "alpine", "Rows count with their weight in importance", "Every pair of a row and a class"):
        assert part in text
