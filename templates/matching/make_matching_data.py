"""The process that made offers.parquet, and the best AUC that any model can reach on it.

    python make_matching_data.py [--riders 1800] [--seed 1] [--output offers.parquet]

Riders ask from where they live, drivers wait at their stands, all within CITY_DEGREES around a centre. Each rider's request
is offered to N_OFFERS drivers chosen at random, who take it or not:

    accepted ~ Bernoulli(p),  p = sigmoid(BASE + NEAR * closeness + fit[party, vehicle] + RATING * (rating - 4.5) + history)
    closeness = exp(-(distance / reach)^2 / 2),  reach = KM_PER_MINUTE * wait_minutes: who will wait longer reaches more
    history = logarithm of the odds of the share of offers that the driver accepted before, acceptance_rate, less its average

A driver therefore suits one rider and not another: by place, by patience and by the size of the party.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CENTRE, CITY_DEGREES, KM_PER_DEGREE = (32.08, 34.78), (0.10, 0.12), (111.2, 94.2)
"""Latitude and longitude of Tel Aviv, the city's size, and the length of a degree there."""
N_DRIVERS, N_OFFERS = 200, 10
VEHICLES = ("economy", "comfort", "van", "moto")
PARTIES = (1, 2, 4, 6)
FIT = np.array([[0.4, 0.6, -0.6, 0.8], [0.5, 0.7, 0.0, -2.0], [-0.2, 0.0, 1.2, -4.0], [-3.0, -3.0, 2.0, -5.0]])
"""What each size of party, by row, makes of each vehicle."""
BASE, NEAR, RATING, KM_PER_MINUTE = -2.2, 3.2, 0.8, 0.5


def make(n_riders: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the columns, one row per offer, and the true probability of each acceptance, [n_riders * N_OFFERS]."""
    rng = np.random.default_rng(seed)
    home, stand = place(rng, n_riders), place(rng, N_DRIVERS)
    rating = rng.beta(8, 1.5, n_riders) * 4 + 1
    wait_minutes = rng.integers(3, 13, n_riders)
    party = rng.choice(len(PARTIES), size=n_riders, p=(0.5, 0.25, 0.15, 0.1))
    vehicle = rng.choice(len(VEHICLES), size=N_DRIVERS, p=(0.4, 0.25, 0.2, 0.15))
    rate = rng.beta(5, 3, N_DRIVERS).round(2).clip(0.05, 0.95)
    rating, home, stand = rating.round(1), home.round(4), stand.round(4)

    r = np.repeat(np.arange(n_riders), N_OFFERS)
    d = np.argsort(rng.random((n_riders, N_DRIVERS)), axis=1)[:, :N_OFFERS].ravel()  # no driver is asked twice
    kilometres = np.hypot(*((home[r] - stand[d]) * KM_PER_DEGREE).T)
    closeness = np.exp(-((kilometres / (KM_PER_MINUTE * wait_minutes[r])) ** 2) / 2)
    odds = np.log(rate / (1 - rate))
    logit = BASE + NEAR * closeness + FIT[party[r], vehicle[d]] + RATING * (rating[r] - 4.5) + (odds - odds.mean())[d]
    p_accept = 1 / (1 + np.exp(-logit))
    columns = {
        "rider_id": np.char.add("r", r.astype(str)),
        "rider_lat": home[r, 0],
        "rider_lon": home[r, 1],
        "rider_rating": rating[r],
        "wait_minutes": wait_minutes[r].astype(np.int8),
        "party": np.array(PARTIES, np.int8)[party[r]],
        "driver_id": np.char.add("d", d.astype(str)),
        "driver_lat": stand[d, 0],
        "driver_lon": stand[d, 1],
        "vehicle": np.array(VEHICLES)[vehicle[d]],
        "acceptance_rate": rate[d],
        "accepted": (rng.random(len(r)) < p_accept).astype(np.int8),
    }
    return columns, p_accept


def place(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return latitude and longitude of n places, [n, 2]."""
    return np.array(CENTRE) + (rng.random((n, 2)) - 0.5) * CITY_DEGREES


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Return the share of pairs (accepted, not accepted) that the score puts in order, a tie counting half (Mann and Whitney)."""
    _, place, n_tied = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(n_tied) - (n_tied - 1) / 2)[place]
    n_accepted = int(label.sum())
    return float((ranks[label == 1].sum() - n_accepted * (n_accepted + 1) / 2) / (n_accepted * (len(label) - n_accepted)))


def main() -> None:
    """Write the file and print what a model that knew the process would reach."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--riders", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "offers.parquet")
    arguments = parser.parse_args()
    columns, p_accept = make(arguments.riders, arguments.seed)
    pq.write_table(pa.table(columns), arguments.output, compression="zstd", compression_level=19, use_dictionary=True)
    accepted = columns["accepted"]
    print(f"{arguments.output}: {len(accepted)} rows, {accepted.mean():.3f} accepted")
    print(f"the process itself as a model: AUC {auc(accepted, p_accept):.3f}")


if __name__ == "__main__":
    main()
