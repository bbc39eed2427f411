"""A backfill of whole runs: interrupted in its second cycle, gone on with, then refused."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import waze_tfx

CONFIG = """\
name: eta
label: seconds
data:
  query: trips.sql
  tables: {shop.trips: {file: trips.csv, types: {started: TIMESTAMP}}}
  window: {length: 4w, overlap: 2w, timezone: Europe/Zurich, min_rows: 100}
  split:
    time: {column: started, starts: {eval: 1w}}
features: {dense: [miles]}
model: {hidden_units: [4]}
training: {epochs: 1}
evaluation: {metrics: [{name: mae, upper_bound: 100000}]}
"""
QUERY = "SELECT started, miles, seconds FROM `shop.trips` WHERE started >= @window_start_time AND started < @window_end_time\n"
DATES = ("--from", "2025-03-15", "--to", "2025-04-05")


def project(folder: Path) -> Path:
    """Write an hourly trip of January to May 2025."""
    with (folder / "trips.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["started", "miles", "seconds"])
        for hour in range(24 * 120):
            started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1735689600 + 3600 * hour))
            rows.writerow([started, hour % 10, 60 * (hour % 10) + 30])
    (folder / "trips.sql").write_text(QUERY)
    (folder / "eta.yaml").write_text(CONFIG)
    return folder / "eta.yaml"


def interrupt_second_cycle(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "waze_data_tfx", "backfill", str(config), *DATES]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(list(config.parent.glob("output/eta/runs/*/logs/ExampleGen.log"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def records(config: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(config.parent.glob("output/eta/runs/*/run.json"))]


def test_a_backfill_goes_on_where_it_was_and_notes_what_is_refused(tmp_path: Path) -> None:
    config = project(tmp_path)
    done = interrupt_second_cycle(config)
    assert done.returncode == 130, done.stdout + done.stderr
    assert f"next: waze-tfx backfill {config} --from 2025-03-29 --to 2025-03-29" in done.stderr
    first, broken = records(config)
    assert (first["state"], broken["state"]) == ("done", "interrupted")
    assert first["window"] == {"run_date": "2025-03-15", "start": "2025-02-15", "end": "2025-03-15"}

    again = waze_tfx("backfill", config, *DATES, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    one, other = json.loads(again.stdout)["cycles"]
    assert (one["run"], one["earlier"], one["version"], one["verdict"]) == (first["id"], True, 1, "blessed")
    # 28 days of 24 hours: neither window holds the night of March 30, in which the clock goes forward
    assert (one["rows"], other["rows"]) == (28 * 24, 28 * 24)
    assert (other["run_date"], other["state"], other["earlier"], other["version"]) == ("2025-03-29", "done", False, 2)
    assert len(records(config)) == 3

    refused = waze_tfx("backfill", config, *DATES, "--set", "evaluation.metrics=[{name: mae, upper_bound: 0.001}]")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert refused.stdout.count("refused") >= 2
    assert [r["state"] for r in records(config)[3:]] == ["refused", "refused"]
    assert records(config)[4]["nodes"]["Trainer"]["state"] == "cached"

    empty = waze_tfx("run", config, "--run-date", "2026-01-01")
    assert empty.returncode == 2
    assert "trips.sql: no rows in the window 2025-12-04 to 2026-01-01" in empty.stderr
    assert "@window_start_time=2025-12-03T23:00:00+00:00" in empty.stderr
    resumed = waze_tfx("run", config, "--resume")
    assert resumed.returncode == 2
    assert records(config)[-1]["window"]["run_date"] == "2026-01-01"  # not today's
