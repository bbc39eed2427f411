"""Rows to tf.Examples: QueryExampleGen against plain TFX's CsvExampleGen and tfx_bsl's encoder alone; memory as rows grow.

The same generated rows of 12 columns (a key, five floats, three ints, three texts, 2 % missing) in one run, each side in a
process of its own, run by TFX's LocalDagRunner with the Beam options of configs/env/local.yaml. Imports are not timed; all else
is: query, parsing, split, encoding, compression, counts. Memory is the peak of the process tree's resident pages, shared ones
counted once; looking at it takes a good part of a core, so that it is measured in runs of its own. The short sides take turns and
the median of their rounds counts; CsvExampleGen runs once. "checked CSV" is a query over CSV whose columns' types are known from
the check before the run; for "query over CSV" the node finds them.

    python benchmarks/ingestion.py [--rows 1000000] [--rounds 3] [--growth] [--skip-plain]

--growth also ingests ten times the rows, from Parquet, and prints how time and memory grow.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

COLUMNS = {
    "id": "format('trip-{:09d}', i)",
    **{f"f{k}": f"sqrt(-2 * ln((hash(i, {k}) % 1000003 + 1) / 1000004.0)) * cos(i + {k})" for k in range(5)},
    **{f"i{k}": f"(hash(i, {k}, 'i') % 1000)::BIGINT" for k in range(3)},
    **{f"s{k}": f"['cash', 'credit card', 'mobile', 'unknown'][1 + (hash(i, {k}, 's') % 4)::BIGINT]" for k in range(3)},
}
CONFIG = """\
name: bench
label: f0
key: id
data:
  query: rows.sql
  tables: {bench.rows: "TABLE"}
  rules: [{name: no label, drop: f0 IS NULL}]
  split: {by: [id], buckets: {train: 4, eval: 1}}
features: {dense: [f1, f2, f3, f4], bucket: {i0: 5, i1: 5, i2: 5}, vocabulary: {s0: {}, s1: {}, s2: {}}}
evaluation: {metrics: [{name: mae, upper_bound: 10}]}
"""
TARGET_PLAIN, TARGET_ENCODER = 10, 0.5


def generate(folder: Path, n_rows: int, kind: str) -> Path:
    """Write the rows by DuckDB, 2 % of the values missing."""
    import duckdb

    file = folder / f"{kind}_{n_rows}" / f"rows.{kind}"  # a folder of its own: CsvExampleGen reads folders
    file.parent.mkdir()
    columns = ", ".join(f"CASE WHEN hash(i, '{n}') % 50 > 0 THEN {sql} END AS {n}" for n, sql in COLUMNS.items() if n != "id")
    query = f"SELECT {COLUMNS['id']} AS id, {columns} FROM range({n_rows}) t(i)"
    options = "(FORMAT parquet)" if kind == "parquet" else "(FORMAT csv, HEADER true)"
    duckdb.connect().execute(f"COPY ({query}) TO '{file}' {options}")
    return file


def run_side(side: str, file: Path, folder: Path) -> dict[str, float]:
    """Run this program on one side in a process of its own; return its seconds and rows."""
    process = _started(side, file, folder)
    return _result(side, process)


def peak_mb(side: str, file: Path, folder: Path) -> float:
    """Run one side and return the process tree's peak of memory."""
    process = _started(side, file, folder)
    peak = [0]
    watch = threading.Thread(target=_watch, args=(process.pid, peak))
    watch.start()
    _result(side, process)
    watch.join()
    return peak[0] / 2**20


def _started(side: str, file: Path, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--side", side, "--file", str(file), "--folder", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _result(side: str, process: "subprocess.Popen[str]") -> dict[str, float]:
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"{side}: {err[-3000:]}")
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def _watch(pid: int, peak: list[int]) -> None:
    while psutil.pid_exists(pid):
        total = 0
        try:
            parent = psutil.Process(pid)
            for process in (parent, *parent.children(recursive=True)):
                total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            pass
        peak[0] = max(peak[0], total)
        time.sleep(0.2)


def encoder(file: Path) -> dict[str, float]:
    """Time tfx_bsl's encoder on the very batches that ExampleGen gives it, all made beforehand."""
    import pyarrow.parquet as pq
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    from waze_data_tfx.data.encode import as_features
    from waze_data_tfx.data.rows import BATCH_ROWS, parse

    kinds = {"f": "float", "i": "int", "s": "string"}
    types = {name: "string" if name == "id" else kinds[name[0]] for name in COLUMNS}
    seconds, n_rows = 0.0, 0
    for raw in pq.ParquetFile(file).iter_batches(BATCH_ROWS):
        batch = as_features(parse(raw, types, file=file, first_row=1), list(types))
        began = time.perf_counter()
        n_rows += len(RecordBatchToExamplesEncoder().encode(batch))
        seconds += time.perf_counter() - began
    return {"seconds": seconds, "rows": n_rows}


def component(side: str, file: Path, folder: Path) -> dict[str, float]:
    """Time TFX's runner with nothing but the ExampleGen."""
    import duckdb  # noqa: F401 - what the component imports when it is asked to is not timed either
    import sqlglot  # noqa: F401
    from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    from waze_data_tfx.components.query_example_gen import QueryExampleGen
    from waze_data_tfx.config.load import load
    from waze_data_tfx.data.engines import engine_of

    folder.mkdir(parents=True)
    (folder / "rows.sql").write_text("SELECT * FROM bench.rows\n")
    (folder / "config.yaml").write_text(CONFIG.replace("TABLE", str(file)))
    config = load(folder / "config.yaml").config
    text = config.model_dump_json(by_alias=True)
    plain = side == "plain"
    if side == "checked CSV":
        engine_of(config).columns()  # as `waze-tfx run` does before its first node
    node = CsvExampleGen(str(file.parent)) if plain else QueryExampleGen(config=text, data_fingerprint="")
    store = sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    common = {"metadata_connection_config": store, "beam_pipeline_args": list(config.env.beam_args), "enable_cache": False}
    pipeline = Pipeline("bench", str(folder / "root"), components=[node], **common)
    began = time.perf_counter()
    LocalDagRunner().run(pipeline)
    seconds = time.perf_counter() - began
    if plain:
        return {"seconds": seconds, "rows": sum(1 for _ in file.open("rb")) - 1}
    [counted] = (folder / "root").rglob("rows.json")
    return {"seconds": seconds, "rows": json.loads(counted.read_text())["rows_read"]}


def main() -> None:
    """Measure every side and print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--skip-plain", action="store_true")
    for name in ("--side", "--file", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        file = Path(asked.file)
        print(json.dumps(encoder(file) if asked.side == "encoder" else component(asked.side, file, Path(asked.folder))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        report(Path(temporary), asked)


def report(folder: Path, asked: argparse.Namespace) -> None:
    """Run the sides one after the other and print what came of it."""
    parquet, csv = generate(folder, asked.rows, "parquet"), generate(folder, asked.rows, "csv")
    sides = {"encoder": parquet, "query over Parquet": parquet, "query over CSV": csv, "checked CSV": csv}
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for i in range(asked.rounds):
        for side, file in sides.items():
            found[side].append(run_side(side, file, folder / f"{side} {i}".replace(" ", "_")))
    if not asked.skip_plain:
        found["plain"] = [run_side("plain", csv, folder / "plain")]
    rates = {}
    for side, rounds in found.items():
        seconds = statistics.median(one["seconds"] for one in rounds)
        rates[side] = rounds[0]["rows"] / seconds
        print(_line(side, rounds[0]["rows"], seconds), flush=True)
    for side in ("query over Parquet", "query over CSV", "checked CSV"):
        print(_ratio(f"{side} / encoder alone", rates[side] / rates["encoder"], TARGET_ENCODER))
        if "plain" in rates:
            print(_ratio(f"{side} / CsvExampleGen", rates[side] / rates["plain"], TARGET_PLAIN))
    if asked.growth:
        _report_growth(folder, asked.rows, rates["query over Parquet"])


def _report_growth(folder: Path, n_rows: int, rate: float) -> None:
    """Print how time and memory grow from `n_rows` rows, read at `rate` rows per second, to ten times as many."""
    file, more = (folder / f"parquet_{n}" / "rows.parquet" for n in (n_rows, 10 * n_rows))
    generate(folder, 10 * n_rows, "parquet")
    grown = run_side("query over Parquet", more, folder / "more")
    print(_line("ten times the rows", grown["rows"], grown["seconds"]))
    print(f"rows per second at ten times the rows: {grown['rows'] / grown['seconds'] / rate:.2f} of those before")
    peaks = [peak_mb("query over Parquet", one, folder / f"peak_{i}") for i, one in enumerate((file, more))]
    print(f"peak of memory: {peaks[0]:,.0f} MB, at ten times the rows {peaks[1]:,.0f} MB")


def _line(side: str, n_rows: float, seconds: float) -> str:
    return f"{side:20s} {n_rows:>11,.0f} rows {seconds:8.2f} s {n_rows / seconds:>10,.0f} rows/s"


def _ratio(what: str, ratio: float, target: float) -> str:
    return f"{what:40s} {ratio:6.2f}  (target {target}: {'met' if ratio >= target else 'MISSED'})"


if __name__ == "__main__":
    main()
