"""The command line with --env bigquery: the taxi template's own query, on the fake and on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import tensorflow as tf
from conftest import Project, copy_code, fork, waze_tfx

from waze_data_tfx.testing.bigquery import FakeBigQuery

TABLE = "test-project.chicago.trips"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, small_rows: list[list[str]]) -> Project:
    return fork(tmp_path_factory.mktemp("bigquery") / "my_eta", small_rows)


@pytest.fixture(scope="module")
def fake(project: Project) -> Iterator[FakeBigQuery]:
    table: pa.Table = duckdb.sql(f"SELECT * FROM read_csv('{project.data}', sample_size = -1)").to_arrow_table()
    with FakeBigQuery({TABLE: table}) as fake:
        yield fake


def arguments(fake: FakeBigQuery) -> list[str]:
    return ["--env", "bigquery", *(text for assignment in fake.sets for text in ("--set", assignment))]


def examples(project: Project) -> Counter[tuple[str, bytes]]:
    files = list(project.root.glob("**/Split-*/data_tfrecord-*"))
    assert files
    return Counter(
        (file.parent.name, tf.train.Example.FromString(record).SerializeToString(deterministic=True))
        for file in files
        for record in tf.data.TFRecordDataset(str(file), "GZIP" if file.suffix == ".gz" else "").as_numpy_iterator()
    )


def test_the_same_config_and_query_give_the_same_examples(project: Project, fake: FakeBigQuery, tmp_path: Path) -> None:
    local = copy_code(project, tmp_path / "my_eta")
    assert local.run("--to", "ExampleGen", small=False).returncode == 0
    done = project.run("--to", "ExampleGen", *arguments(fake), small=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert examples(project) == examples(local)
    assert "jobs.insert" in [request.method for request in fake.requests]

    runs = [request.method for request in fake.requests].count("jobs.insert")
    again = project.run("--to", "ExampleGen", *arguments(fake), small=False)
    assert "cached" in again.stdout
    fake.put(TABLE, fake.table(TABLE))
    planned = waze_tfx("plan", project.config, *arguments(fake))
    assert f"table {TABLE}" in planned.stdout  # the reason why it would run again
    assert [request.method for request in fake.requests].count("jobs.insert") == runs


def test_plan_shows_what_it_would_read(project: Project, fake: FakeBigQuery) -> None:
    planned = waze_tfx("plan", project.config, *arguments(fake))
    assert planned.returncode == 0, planned.stderr
    assert TABLE in planned.stdout


def test_plan_without_a_login_shows_the_graph_and_what_to_do(project: Project, tmp_path: Path) -> None:
    nobody = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "", "NO_GCE_CHECK": "true"}
    planned = waze_tfx("plan", project.config, "--env", "bigquery", **nobody)
    assert planned.returncode == 0, planned.stderr
    assert "ExampleGen" in planned.stdout
    assert planned.stderr.startswith("not checked: the query and its columns: env.query: no Google credentials; ")
    assert "gcloud auth application-default login" in planned.stderr
    assert "WARNING" not in planned.stderr  # google.auth's own


def test_a_run_without_a_login_ends_before_anything_begins(project: Project, tmp_path: Path) -> None:
    nobody = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "", "NO_GCE_CHECK": "true"}
    before = list((project.root / "runs").glob("*"))
    run = waze_tfx("run", project.config, "--env", "bigquery", "--force", **nobody)
    assert run.returncode == 2
    assert "error: env.query: no Google credentials; " in run.stderr
    assert "importing TFX" not in run.stdout
    assert list((project.root / "runs").glob("*")) == before


def test_an_interrupted_run_cancels_its_job(project: Project, fake: FakeBigQuery) -> None:
    fake.set(job_s=120)
    fake.requests.clear()
    command = [sys.executable, "-m", "waze_data_tfx", "run", project.config, "--to", "ExampleGen", "--force", *arguments(fake)]
    running = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    deadline = time.monotonic() + 120
    while "jobs.getQueryResults" not in [request.method for request in fake.requests]:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    fake.set(job_s=0)
    assert "jobs.cancel" in [request.method for request in fake.requests]
