"""Feature unit tests with waze_data_tfx.testing against the same checks through plain TFX pipelines.

Both sides are whole `pytest` processes with the same tests, each over three rows of its own in the form of the taxi template:
one test, then a file of five. Plain TFX takes the rows of each test through a pipeline of CsvExampleGen, StatisticsGen, SchemaGen
and Transform, all in one process. Runs alternate; prints medians and the ratios ours/plain, of wall time and of processor time,
which other work on the machine moves less.

    python benchmarks/feature_test.py [--rounds 3] [--tests 1 5]
"""

import argparse
import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = 0.1
LOOP = {"pickup_latitude": 41.88, "pickup_longitude": -87.63, "pickup_community_area": 32, "trip_seconds": 600}
TIME = {"trip_start_hour": 9, "trip_start_day": 2, "trip_start_month": 5, "payment_type": "Cash", "company": "Blue Ribbon"}
ROWS = [
    {**LOOP, **TIME, "trip_miles": 17.0, "dropoff_latitude": 41.98, "dropoff_longitude": -87.91, "dropoff_community_area": 76},
    {**LOOP, **TIME, "trip_miles": 1.0, "dropoff_latitude": 41.89, "dropoff_longitude": -87.62, "dropoff_community_area": 8},
    {**LOOP, **TIME, "trip_miles": 2.0, "dropoff_latitude": 41.90, "dropoff_longitude": -87.62, "dropoff_community_area": 8},
]
OURS = """\
import pytest

from waze_data_tfx.testing import transform_rows


@pytest.mark.parametrize("rows", {rows!r})
def test_the_longer_trip_has_the_larger_distance(rows):
    rows = transform_rows("config.yaml", rows)
    assert len(rows) == 3
    totals = sorted(sum(row["distance_pieces"]) for row in rows)
    assert totals[-1] > totals[0]
"""
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""pytest compiles its plugins at every start where nothing may be kept, on both sides."""


def rows_of(test: int) -> list[dict]:
    return [{**row, "trip_miles": row["trip_miles"] + test} for row in ROWS]


def prepare_plain(folder: Path, n_tests: int) -> None:
    for test in range(n_tests):
        (folder / f"rows_{test}").mkdir(parents=True)
        with (folder / f"rows_{test}" / "rows.csv").open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(ROWS[0]))
            writer.writeheader()
            writer.writerows(rows_of(test))
    for name in ("taxi_module.py", "test_features.py"):
        shutil.copy(HERE / "plain_tfx" / name, folder)


def prepare_ours(folder: Path, n_tests: int) -> None:
    subprocess.run([sys.executable, "-m", "waze_data_tfx", "new", str(folder)], check=True, stdout=subprocess.DEVNULL)
    tests = OURS.format(rows=[rows_of(test) for test in range(n_tests)])
    (folder / f"test_{folder.name}.py").write_text(tests)


def seconds(folder: Path, n_tests: int) -> tuple[float, float]:
    """Return wall and processor seconds of a pytest of the folder, with the processes that it starts."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    began, used = time.perf_counter(), processor_seconds()
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began, processor_seconds() - used
    if done.returncode or f"{n_tests} passed" not in done.stdout:
        raise SystemExit(f"{folder}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return took


def processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def measure(n_tests: int, rounds: int) -> None:
    times: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(rounds):
            prepare_plain(Path(folder, f"plain_{i}"), n_tests)
            prepare_ours(Path(folder, f"ours_{i}"), n_tests)
            for side in ("plain", "ours") if i % 2 == 0 else ("ours", "plain"):
                times[side].append(seconds(Path(folder, f"{side}_{i}"), n_tests))
                wall, used = times[side][-1]
                print(f"tests {n_tests}  round {i + 1}  {side:6s} {wall:6.1f} s, of a processor {used:6.1f} s", flush=True)
    for k, what in enumerate(("wall", "processor")):
        plain, ours = (statistics.median(took[k] for took in times[side]) for side in ("plain", "ours"))
        verdict = "met" if ours / plain <= TARGET else "MISSED"
        ratio = f"ratio {ours / plain:.3f}  (target {TARGET}: {verdict})"
        print(f"tests {n_tests}  medians of {rounds}, {what}: plain {plain:.1f} s  ours {ours:.1f} s  {ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", type=int, nargs="+", default=[1, 5], help="how many tests the file holds")
    arguments = parser.parse_args()
    for n_tests in arguments.tests:
        measure(n_tests, arguments.rounds)


if __name__ == "__main__":
    main()
