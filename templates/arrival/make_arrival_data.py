"""The process that made trips.parquet, and the least error that any model can reach on it.

    python make_arrival_data.py [--trips 6000] [--seed 1] [--output trips.parquet]

A trip passes road segments; each has a usual speed of its own, which no column tells. The traffic around the car, x, is how far
the logarithm of the speed is from the usual one; from segment to segment it follows a first-order autoregressive process

    x[k] = RHO * x[k-1] + innovation,  x of deviation SPREAD at every step

The car measures each segment's speed with an error: log(speed) = log(usual[segment]) + slow(hour, rain) + x[k] + error, an
integer in km/h. On the n_ahead pieces of PIECE_KM each that are left, all of usual speed AHEAD_KMH, the same process goes on:

    remaining_s = 3600 * n_ahead * PIECE_KM / (AHEAD_KMH * exp(slow + mean of x over the n_ahead steps to come))

So what counts is the speed against its segment's usual one, and the later the more. Given all that was measured, log(remaining_s)
is normal, its mean known by the Kalman filter of x; exp(mean) is the median of remaining_s, the prediction of
least absolute error (but for the rounding of speeds, which is small beside their error).
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_SEGMENTS, N_NEXT, LONGEST, MOST_AHEAD = 40, 3, 14, 12
PIECE_KM, AHEAD_KMH = 0.5, 40.0
RHO, SPREAD, ERROR = 0.85, 0.45, 0.15
RUSH, RAIN = -0.25, -0.15


def make(n_trips: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the columns, one row per trip, and the median of remaining_s given all that a row tells, [n_trips] in seconds."""
    rng = np.random.default_rng(seed)
    usual = np.log(rng.uniform(20, 80, N_SEGMENTS))
    leads_to = rng.integers(N_SEGMENTS, size=(N_SEGMENTS, N_NEXT))
    hour, rain = rng.integers(24, size=n_trips), (rng.random(n_trips) < 0.25).astype(int)
    slow = RUSH * np.isin(hour, (7, 8, 9, 16, 17, 18)) + RAIN * rain
    n_passed, n_ahead = rng.integers(2, LONGEST + 1, n_trips), rng.integers(2, MOST_AHEAD + 1, n_trips)

    segment = walk(rng, leads_to, n_trips)
    x = traffic(rng, n_trips, LONGEST + MOST_AHEAD)
    passed, ahead = x[:, :LONGEST], x[:, LONGEST:]
    error = rng.normal(0, ERROR, passed.shape)
    speed = np.exp(usual[segment] + slow[:, None] + passed + error).round().clip(1, 130).astype(int)
    mean_ahead = np.cumsum(ahead, axis=1)[np.arange(n_trips), n_ahead - 1] / n_ahead
    seconds_as_usual = 3600 * n_ahead * PIECE_KM / AHEAD_KMH * np.exp(-slow)

    here = np.arange(LONGEST) >= LONGEST - n_passed[:, None]
    now = filtered(np.log(speed) - usual[segment] - slow[:, None], here)
    median = seconds_as_usual * np.exp(-now * share_kept(n_ahead))
    columns = {
        "segments": joined(np.char.add("s", segment.astype(str)), here),
        "speeds": joined(speed.astype(str), here),
        "hour": hour.astype(np.int8),
        "rain": rain.astype(np.int8),
        "remaining_km": n_ahead * PIECE_KM,
        "remaining_s": (seconds_as_usual * np.exp(-mean_ahead)).round(1),
    }
    return columns, median


def walk(rng: np.random.Generator, leads_to: np.ndarray, n_trips: int) -> np.ndarray:
    """Return the segments of each trip in their order, [n_trips, LONGEST]: each leads to N_NEXT others, equally likely."""
    steps = [rng.integers(N_SEGMENTS, size=n_trips)]
    for _ in range(LONGEST - 1):
        steps.append(leads_to[steps[-1], rng.integers(N_NEXT, size=n_trips)])
    return np.stack(steps, axis=1)


def traffic(rng: np.random.Generator, n_trips: int, n_steps: int) -> np.ndarray:
    """Return x, [n_trips, n_steps]."""
    noise = rng.normal(0, SPREAD, (n_trips, n_steps))
    x = noise.copy()
    for k in range(1, n_steps):
        x[:, k] = RHO * x[:, k - 1] + np.sqrt(1 - RHO**2) * noise[:, k]
    return x


def filtered(measured: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return the mean of x at the last step given x + error, [n_trips, n_steps], of the steps that are `here` (Kalman 1960)."""
    mean, variance = np.zeros(len(measured)), np.full(len(measured), SPREAD**2)
    for k in range(measured.shape[1]):
        mean, variance = RHO * mean, RHO**2 * variance + (1 - RHO**2) * SPREAD**2
        gain = np.where(here[:, k], variance / (variance + ERROR**2), 0)
        mean, variance = mean + gain * (measured[:, k] - mean), (1 - gain) * variance
    return mean


def share_kept(n_ahead: np.ndarray) -> np.ndarray:
    """Return what is left of x on average over the next n_ahead steps: mean of RHO**1 ... RHO**n_ahead."""
    return RHO * (1 - RHO**n_ahead) / ((1 - RHO) * n_ahead)


def joined(values: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return each row's values that are `here` as one text, such as 31|28|35."""
    return np.array(["|".join(row[kept]) for row, kept in zip(values, here, strict=True)])


def main() -> None:
    """Write the file and print what a model that knew the process would reach."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trips", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "trips.parquet")
    arguments = parser.parse_args()
    columns, median = make(arguments.trips, arguments.seed)
    pq.write_table(pa.table(columns), arguments.output, compression="zstd", compression_level=19)
    label = columns["remaining_s"]
    print(f"{arguments.output}: {len(label)} rows, remaining time {label.mean():.0f} s on average")
    print(f"the process itself as a model: mean absolute error {np.abs(label - median).mean():.1f} s")


if __name__ == "__main__":
    main()
