"""A feature unit test with waze_data_tfx.testing against the same check through a plain TFX pipeline.

Both sides are whole `pytest` processes with one test over the same three rows of the taxi template; plain TFX takes them through
CsvExampleGen, StatisticsGen, SchemaGen and Transform. Runs alternate; prints medians and the ratio ours/plain.

    python benchmarks/feature_test.py [--rounds 3]
"""

import argparse
import csv
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
OURS = f"""\
from waze_data_tfx.testing import transform_rows


def test_the_longer_trip_has_the_larger_distance():
    rows = transform_rows("config.yaml", {ROWS!r})
    assert len(rows) == 3
    totals = sorted(sum(row["distance_pieces"]) for row in rows)
    assert totals[-1] > totals[0]
"""


def prepare_plain(folder: Path) -> None:
    (folder / "rows").mkdir(parents=True)
    with (folder / "rows" / "rows.csv").open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    for name in ("taxi_module.py", "test_features.py"):
        shutil.copy(HERE / "plain_tfx" / name, folder)


def prepare_ours(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "waze_data_tfx", "new", str(folder)], check=True, stdout=subprocess.DEVNULL)
    (folder / f"test_{folder.name}.py").write_text(OURS)


def seconds(folder: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode or "1 passed" not in done.stdout:
        raise SystemExit(f"{folder}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(rounds):
            prepare_plain(Path(folder, f"plain_{i}"))
            prepare_ours(Path(folder, f"ours_{i}"))
            for side in ("plain", "ours") if i % 2 == 0 else ("ours", "plain"):
                times[side].append(seconds(Path(folder, f"{side}_{i}")))
                print(f"round {i + 1} {side:6s} {times[side][-1]:6.1f} s", flush=True)
    plain, ours = (statistics.median(times[side]) for side in ("plain", "ours"))
    verdict = "met" if ours / plain <= TARGET else "MISSED"
    print(f"medians of {rounds}: plain {plain:.1f} s  ours {ours:.1f} s  ratio {ours / plain:.2f}  (target {TARGET}: {verdict})")


if __name__ == "__main__":
    main()
