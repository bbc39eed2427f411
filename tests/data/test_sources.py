"""Files, formats and columns, and what `check` says about them."""

import gzip
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.config.load import load
from waze_data_tfx.data import sources
from waze_data_tfx.errors import DataError

CONFIG = """\
name: trips
label: duration_s
data:
  input: {input}
  rules:
    - {{name: too long, drop: {drop}}}
  split:
    by: [{by}]
features:
  dense: [{dense}]
evaluation:
  metrics: [{{name: mae, upper_bound: 10}}]
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "trips.csv").write_text("id,distance_km,duration_s,note\n1,2.5,600,x\n2,3,700,\n")

    def write_config(*, input="trips.csv", drop="duration_s > 1000", by="id", dense="distance_km"):
        path = tmp_path / "trips.yaml"
        path.write_text(CONFIG.format(input=input, drop=drop, by=by, dense=dense))
        return load(path)

    return write_config


def test_a_config_that_fits_has_no_problem(write):
    assert sources.check_columns(write()) == []


def test_unknown_columns_are_named_with_file_line_and_guess(write):
    problems = sources.check_columns(write(by="idd", dense="distance_kmh"))
    assert [p.split("trips.yaml:")[1] for p in problems] == [
        "10: features.dense.distance_kmh: column 'distance_kmh' is not in trips.csv; known: id, distance_km, duration_s, note; "
        "did you mean 'distance_km'?",
        "8: data.split.by.0: column 'idd' is not in trips.csv; known: id, distance_km, duration_s, note; did you mean 'id'?",
    ]


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ("duration > 5", "did you mean 'duration_s'?"),
        ("duration_s > > 5", "syntax error"),
        ("distance_km - note > 1", "known columns"),
    ],
)
def test_a_rule_that_does_not_bind_is_reported_at_its_line(write, drop, expected):
    (problem,) = sources.check_columns(write(drop=drop))
    assert "trips.yaml:6: data.rules.0.drop: rule 'too long': DuckDB refuses the condition" in problem
    assert expected in problem


def test_a_missing_input_names_its_neighbours(write):
    (problem,) = sources.check_columns(write(input="trip.csv"))
    assert "trips.yaml:4: data.input: no file matches" in problem
    assert "did you mean 'trips.csv'?" in problem


def test_a_folder_is_refused(write, tmp_path):
    (tmp_path / "days").mkdir()
    (problem,) = sources.check_columns(write(input="days"))
    assert "is a folder" in problem


def test_globs_are_sorted_and_formats_follow_endings(write, tmp_path):
    for name in ("b.csv.gz", "a.csv.gz"):
        with gzip.open(tmp_path / name, "wt") as opened:
            opened.write("x,y\n1,2\n")
    config = write(input="'*.csv.gz'").config
    files = sources.input_files(config)
    assert [f.name for f in files] == ["a.csv.gz", "b.csv.gz"]
    assert sources.file_format(config, files[0]) == "csv"
    assert sources.columns(files[0], "csv") == ["x", "y"]
    assert sources.file_format(config, tmp_path / "x.tfrecord.gz") == "tfrecord"
    with pytest.raises(DataError, match=r"the ending does not tell the format"):
        sources.file_format(config, tmp_path / "x.txt")


def test_headers(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes(b'\xef\xbb\xbfa,"b, c"\n1,2\n')
    assert sources.columns(file, "csv") == ["a", "b, c"]
    file.write_text("a,b,a\n")
    with pytest.raises(DataError, match="column 'a' stands in the header 2 times"):
        sources.columns(file, "csv")
    file.write_text("")
    with pytest.raises(DataError, match="no header line"):
        sources.columns(file, "csv")
    table = tmp_path / "x.parquet"
    pq.write_table(pa.table({"p": [1], "q": ["x"], "r": [1.5]}), table)
    assert sources.columns(table, "parquet") == ["p", "q", "r"]
    assert sources.sql_types(table, "parquet", ["p", "q", "r"]) == {"p": "BIGINT", "q": "VARCHAR", "r": "DOUBLE"}


def test_importing_sources_is_light():
    code = "import sys, waze_data_tfx.data.sources, waze_data_tfx.data.fingerprint; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pyarrow", "duckdb", "tensorflow", "tfx", "apache_beam", "numpy"} & set(modules)
