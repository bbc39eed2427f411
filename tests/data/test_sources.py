"""Files, formats and columns."""

import gzip
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.data import sources
from waze_data_tfx.errors import DataError


def test_globs_are_sorted_and_formats_follow_endings(tmp_path):
    for name in ("b.csv.gz", "a.csv.gz"):
        with gzip.open(tmp_path / name, "wt") as opened:
            opened.write("x,y\n1,2\n")
    files = sources.matching_files(str(tmp_path / "*.csv.gz"), "data.input")
    assert [f.name for f in files] == ["a.csv.gz", "b.csv.gz"]
    assert sources.format_of(files[0]) == "csv"
    assert sources.columns(files[0], "csv") == ["x", "y"]
    assert sources.format_of(tmp_path / "x.tfrecord.gz") == "tfrecord"
    with pytest.raises(DataError, match=r"the ending does not tell the format"):
        sources.format_of(tmp_path / "x.txt")


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
