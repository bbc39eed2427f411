"""Statistics from the Arrow batches that examples are encoded from against TFX's StatisticsGen on the examples of the same rows.

Rows of 12 columns: four float with missing values, three int, five text of 6 to about as many different values as there are rows.
Ours: `data.statistics` over the batches, per shard, pickled, merged and written, in one process. Plain TFX: the executor of
StatisticsGen with Beam's options of configs/env/local.yaml on the same rows as gzip TFRecords of tf.Examples, as many files. Each
side and each round is a process of its own; imports are not counted. Prints medians, peak resident memory and the ratio.

    python benchmarks/split_statistics.py [--rows 1000000] [--rounds 1] [--shards 4] [--only ours]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = 3
BATCH_ROWS = 8192  # as FileExampleGen reads them
N_QUANTILES = 100
BEAM = ["--runner=FnApiRunner", "--sdk_container_image=in-process"]
TEXTS = {"payment": 6, "company": 120, "zone": 2_000, "driver": 50_000, "trip": 0}  # 0: ten times as many as rows


def batches(n_rows: int, shard: int):
    """Yield `n_rows` as Arrow batches of large lists, as ExampleGen has them."""
    import numpy as np
    import pyarrow as pa

    from waze_data_tfx.data.encode import _as_lists

    random = np.random.default_rng(shard)
    while n_rows > 0:
        n = min(n_rows, BATCH_ROWS)
        columns = {f"float_{i}": pa.array(random.normal(size=n), mask=random.random(n) < 0.05) for i in range(4)}
        columns |= {"hour": pa.array(random.integers(0, 24, n)), "year": pa.array(random.integers(2000, 2030, n))}
        columns["passengers"] = pa.array(np.minimum(random.zipf(2.0, n), 1 << 40))
        for name, different in TEXTS.items():
            columns[name] = pa.array([f"{name}-{x}" for x in random.integers(0, different or 10**7, n)], pa.large_string())
        yield pa.RecordBatch.from_arrays([_as_lists(c) for c in columns.values()], names=list(columns))
        n_rows -= n


def prepare(folder: Path, n_rows: int, n_shards: int) -> None:
    """Write each shard's batches as an Arrow file and as a gzip TFRecord of its examples."""
    import pyarrow as pa
    import tensorflow as tf
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    (folder / "examples/Split-train").mkdir(parents=True)
    encoder, options = RecordBatchToExamplesEncoder(), tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    schema = next(batches(1, 0)).schema
    for shard in range(n_shards):
        name = folder / f"examples/Split-train/data_tfrecord-{shard:05d}-of-{n_shards:05d}.gz"
        arrow = pa.ipc.new_file(str(folder / f"{shard}.arrow"), schema)
        with arrow as file, tf.io.TFRecordWriter(str(name), options) as writer:
            for batch in batches(n_rows // n_shards, shard):
                file.write_batch(batch)
                for example in encoder.encode(batch):
                    writer.write(example)


def ours(folder: Path) -> float:
    import pyarrow as pa

    from waze_data_tfx.data.statistics import SplitStatistics, merge, write

    shards = [pa.ipc.open_file(pa.OSFile(str(file))) for file in sorted(folder.glob("*.arrow"))]
    started = time.perf_counter()
    parts = []
    for shard in shards:
        counted = SplitStatistics(N_QUANTILES)
        for i in range(shard.num_record_batches):
            counted.add(shard.get_batch(i))
        parts.append(counted.to_bytes())
    write(str(folder / "ours"), "train", merge(parts, N_QUANTILES), N_QUANTILES)
    return time.perf_counter() - started


def tfx(folder: Path) -> float:
    from tfx.components.statistics_gen.executor import Executor
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from waze_data_tfx.data.statistics import options

    examples, made = standard_artifacts.Examples(), standard_artifacts.ExampleStatistics()
    examples.uri, made.uri = str(folder / "examples"), str(folder / "tfx")
    examples.split_names = '["train"]'
    parameters = {"stats_options_json": options(N_QUANTILES).to_json(), "exclude_splits": "[]"}
    executor = Executor(BaseBeamExecutor.Context(beam_pipeline_args=BEAM, tmp_dir=str(folder / "tmp"), unique_id="1"))
    started = time.perf_counter()
    executor.Do({"examples": [examples]}, {"statistics": [made]}, parameters)
    return time.perf_counter() - started


def measured(side: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--only", choices=["ours", "tfx"])
    parser.add_argument("--side", choices=["ours", "tfx"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        from waze_data_tfx.data.statistics import SplitStatistics

        SplitStatistics(N_QUANTILES)  # imports
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = {"ours": ours, "tfx": tfx}[arguments.side](arguments.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "peak_mb": peak / 1024, "imports_mb": before / 1024}))
        return
    sides = [arguments.only] if arguments.only else ["ours", "tfx"]
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), arguments.rows, arguments.shards)
        for _ in range(arguments.rounds):
            for side in sides:
                result = measured(side, Path(name))
                seconds[side].append(result["seconds"])
                grown = result["peak_mb"] - result["imports_mb"]
                print(f"{side:5s} {result['seconds']:8.2f} s  memory grew by {grown:.0f} MB")
    if not arguments.only:
        ratio = statistics.median(seconds["tfx"]) / statistics.median(seconds["ours"])
        print(f"{arguments.rows:,} rows: TFX's StatisticsGen takes {ratio:.1f} times as long; target at least {TARGET}")


if __name__ == "__main__":
    main()
