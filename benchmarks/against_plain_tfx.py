"""Whole processes: `waze-tfx run` against the same pipeline written out by hand for plain TFX.

Three states, each measured in alternating runs: cold (empty root), after an edit of the model file, nothing changed.
Both sides have the same rows, nodes, curated schema, features, model and steps. Prints medians and the ratio ours/plain.

    python benchmarks/against_plain_tfx.py [--rounds 3]
"""

import argparse
import csv
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
TARGETS = {"cold": 0.5, "model edited": 0.5, "nothing changed": 0.15}
COLUMNS = (
    "trip_seconds", "trip_miles", "pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude", "payment_type",
    "company", "trip_start_hour", "trip_start_day", "trip_start_month", "pickup_community_area", "dropoff_community_area",
)  # fmt: skip


def taxi_csv() -> Path:
    spec = find_spec("tfx")
    return Path(next(iter(spec.submodule_search_locations))) / "examples/chicago_taxi_pipeline/data/simple/data.csv"


def prepare_plain(folder: Path) -> list[str]:
    """Write what plain TFX needs: the kept rows and used columns as CSV (it has no rules for rows), its module and schema."""
    (folder / "data").mkdir(parents=True)
    with taxi_csv().open(newline="") as source, (folder / "data" / "data.csv").open("w", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        n_rows = 0
        for row in csv.DictReader(source):
            if row["trip_seconds"] and 60 <= float(row["trip_seconds"]) <= 3 * 3600:
                writer.writerow(row)
                n_rows += 1
    shutil.copy(HERE / "plain_tfx" / "taxi_module.py", folder)
    schema = (REPOSITORY / "templates" / "taxi" / "taxi_schema.pbtxt").read_text()
    label = schema.index('name: "trip_seconds"')  # CsvExampleGen infers an integer
    end = schema.index("\nfeature", label)
    feature = re.sub(r"  float_domain \{.*?\n  \}\n", "", schema[label:end].replace("type: FLOAT", "type: INT"), flags=re.DOTALL)
    (folder / "schema.pbtxt").write_text(schema[:label] + feature + schema[end:])
    n_steps = 20 * (n_rows * 2 // 3 // 512)
    arguments = [folder / "data", folder / "schema.pbtxt", folder / "taxi_module.py", folder / "root", n_steps]
    return [sys.executable, str(HERE / "plain_tfx" / "run_taxi.py"), *map(str, arguments)]


def prepare_ours(folder: Path) -> list[str]:
    subprocess.run([sys.executable, "-m", "waze_data_tfx", "new", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return [sys.executable, "-m", "waze_data_tfx", "run", str(folder / "config.yaml")]


def seconds(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return took


def edit(file: Path) -> None:
    """Change the model's code without changing the model."""
    with file.open("a") as stream:
        stream.write(f"\n# edited {time.time()}\n")


def measure(rounds: int, folder: Path) -> dict[str, dict[str, list[float]]]:
    times = {state: {"plain": [], "ours": []} for state in TARGETS}
    for i in range(rounds):
        commands = {"plain": prepare_plain(folder / f"plain_{i}"), "ours": prepare_ours(folder / f"ours_{i}")}
        models = {"plain": folder / f"plain_{i}" / "taxi_module.py", "ours": folder / f"ours_{i}" / f"ours_{i}_model.py"}
        order = ("plain", "ours") if i % 2 == 0 else ("ours", "plain")
        for state in ("cold", "nothing changed", "model edited"):
            for side in order:
                if state == "model edited":
                    edit(models[side])
                times[state][side].append(seconds(commands[side], models[side].parent))
                print(f"round {i + 1} {state:16s} {side:6s} {times[state][side][-1]:6.1f} s", flush=True)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        times = measure(rounds, Path(folder))
    print(f"\nmedians of {rounds} rounds, whole processes")
    for state, target in TARGETS.items():
        plain, ours = (statistics.median(times[state][side]) for side in ("plain", "ours"))
        verdict = "met" if ours / plain <= target else "MISSED"
        print(f"{state:16s} plain {plain:6.1f} s  ours {ours:6.1f} s  ratio {ours / plain:.2f}  (target {target}: {verdict})")


if __name__ == "__main__":
    main()
