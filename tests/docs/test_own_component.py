"""docs/own_component.md: its files, as they stand there, are a project whose own node runs, is reused and keeps its word."""

import csv
import json
from pathlib import Path

import pytest
from conftest import waze_tfx
from pages_for_test import write_files

N_ROWS = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_files("own_component.md", tmp_path_factory.mktemp("own_component"))
    rows = "".join(f"{i * 100},{i}\n" for i in range(1, N_ROWS + 1))
    (folder / "trips.csv").write_text("seconds,miles\n" + rows)
    return folder


@pytest.fixture(scope="module")
def summary(project: Path) -> list[dict[str, str]]:
    done = waze_tfx("run", project / "eta.yaml", "--to", "ColumnSummary")
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = (project / "output/eta/artifacts/ColumnSummary/summary").glob("*/columns.csv")
    return list(csv.DictReader(file.open(newline="")))


def test_the_node_writes_what_the_statistics_say(summary: list[dict[str, str]]) -> None:
    miles = [line for line in summary if line["column"] == "miles"]
    assert {line["split"] for line in miles} == {"train", "eval"}
    assert sum(int(line["rows"]) for line in miles) == N_ROWS
    total = sum(int(line["rows"]) * float(line["mean"]) for line in miles)
    assert total == pytest.approx(1830, abs=0.05)  # 1 + 2 + ... + 60 = 60 * 61 / 2; means are written with six digits
    assert min(float(line["min"]) for line in miles) == 1
    assert max(float(line["max"]) for line in miles) == 60


def would_run(project: Path) -> dict[str, str]:
    done = waze_tfx("plan", project / "eta.yaml", "--to", "ColumnSummary", "--json")
    assert done.returncode == 0, done.stderr
    return {n["id"]: n["reason"] for n in json.loads(done.stdout)["nodes"] if n["decision"] == "run"}


def test_an_edit_of_the_component_runs_it_again_and_an_edit_of_the_graph_everything(
    project: Path, summary: list[dict[str, str]]
) -> None:
    assert summary
    assert would_run(project) == {}
    component, graph = project / "column_summary.py", project / "my_pipeline.py"
    before = component.read_text()
    component.write_text(before + "\n# edited\n")
    assert would_run(project) == {"ColumnSummary": "code column_summary.py changed"}
    component.write_text(before)
    text = graph.read_text()
    graph.write_text(text + "\n# edited\n")
    assert would_run(project) == {
        "ExampleGen": "graph my_pipeline.py changed",
        "StatisticsGen": "ExampleGen runs",
        "ColumnSummary": "StatisticsGen runs",
    }
    graph.write_text(text)


def test_a_graph_that_is_not_the_described_one_and_a_component_that_raises_end_with_file_and_line(project: Path) -> None:
    graph, component = project / "my_pipeline.py", project / "column_summary.py"
    text, code = graph.read_text(), component.read_text()
    graph.write_text(text.replace('("StatisticsGen",), settings', '("SchemaGen",), settings'))
    line = next(i for i, said in enumerate(text.splitlines(), 1) if said.startswith("def build"))
    refused = waze_tfx("run", project / "eta.yaml", "--to", "ColumnSummary", "--set", "root=other")
    assert refused.returncode == 2
    assert f"my_pipeline.py:{line}: build: ColumnSummary waits for StatisticsGen; nodes says SchemaGen" in refused.stderr
    graph.write_text(text)
    component.write_text(code.replace("c.n_missing", "c.n_mising"))
    line = next(i for i, said in enumerate(code.splitlines(), 1) if "c.n_missing" in said)
    failed = waze_tfx("run", project / "eta.yaml", "--to", "ColumnSummary")
    assert failed.returncode == 2
    assert (
        f"column_summary.py:{line}: in ColumnSummary: AttributeError: 'Feature' object has no attribute 'n_mising'"
        in failed.stderr
    )
    component.write_text(code)
