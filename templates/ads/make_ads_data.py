"""The process that made impressions.parquet, and the best AUC that any model can reach on it.

    python make_ads_data.py [--lists 4000] [--seed 1] [--output impressions.parquet]

A list of N_POSITIONS ads is shown to one user at one hour on one device. Every user has a taste and every topic a direction in
the same space of N_DIMENSIONS; every ad has a topic, an advertiser and an appeal of its own. The click on the ad at position k is

    clicked ~ Bernoulli(p),  p = sigmoid(BASE + taste . topic + appeal + hour_effect[topic, part of day] - POSITION_COST * ln(k))

and ads are put in an order that favours what the user likes (score + noise), as a ranking in production would: position and
taste are entangled in the log, so a click rate by ad or by topic alone misleads.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_USERS, N_ADS, N_ADVERTISERS, N_TOPICS, N_POSITIONS, N_DIMENSIONS = 150, 60, 12, 8, 5, 3
TOPICS = ("food", "sport", "travel", "music", "cars", "games", "books", "garden")
DEVICES = ("phone", "desktop", "tablet")
BASE, POSITION_COST, ORDER_NOISE = -1.2, 0.7, 1.0


def make(n_lists: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the columns, one row per ad shown, and the true probability of each click, [n_lists * N_POSITIONS]."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 0.75, (N_USERS, N_DIMENSIONS))
    direction = rng.normal(0, 1, (N_TOPICS, N_DIMENSIONS))
    ad_topic, ad_advertiser = rng.integers(N_TOPICS, size=N_ADS), rng.integers(N_ADVERTISERS, size=N_ADS)
    appeal = rng.normal(0, 0.3, N_ADVERTISERS)[ad_advertiser] + rng.normal(0, 0.4, N_ADS)
    hour_effect = rng.normal(0, 0.5, (N_TOPICS, 4))  # night, morning, afternoon, evening

    user = rng.integers(N_USERS, size=n_lists)
    hour = np.clip(rng.normal(15, 5, n_lists).round(), 0, 23).astype(int)
    device = rng.choice(len(DEVICES), size=n_lists, p=(0.6, 0.3, 0.1))
    ads = np.argsort(rng.random((n_lists, N_ADS)), axis=1)[:, :N_POSITIONS]  # of each list, without repetition
    topic = ad_topic[ads]
    logit = BASE + (taste[user, None] * direction[topic]).sum(2) + appeal[ads] + hour_effect[topic, hour[:, None] // 6]
    order = np.argsort(-(logit + rng.normal(0, ORDER_NOISE, ads.shape)), axis=1)
    ads, logit = np.take_along_axis(ads, order, 1), np.take_along_axis(logit, order, 1)
    position = np.broadcast_to(np.arange(1, N_POSITIONS + 1), ads.shape)
    p_click = 1 / (1 + np.exp(-(logit - POSITION_COST * np.log(position))))
    clicked = rng.random(ads.shape) < p_click

    def per_list(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, N_POSITIONS)

    flat = ads.ravel()
    columns = {
        "impression_id": per_list(np.arange(n_lists)).astype(np.int32),
        "user_id": np.char.add("u", per_list(user).astype(str)),
        "ad_id": np.char.add("a", flat.astype(str)),
        "advertiser": np.char.add("v", ad_advertiser[flat].astype(str)),
        "topic": np.array(TOPICS)[ad_topic[flat]],
        "position": position.ravel().astype(np.int8),
        "hour": per_list(hour).astype(np.int8),
        "device": np.array(DEVICES)[per_list(device)],
        "clicked": clicked.ravel().astype(np.int8),
    }
    return columns, p_click.ravel()


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Return the share of pairs (clicked, not clicked) that the score puts in order, a tie counting half (Mann and Whitney)."""
    _, place, n_tied = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(n_tied) - (n_tied - 1) / 2)[place]
    n_clicked = int(label.sum())
    return float((ranks[label == 1].sum() - n_clicked * (n_clicked + 1) / 2) / (n_clicked * (len(label) - n_clicked)))


def main() -> None:
    """Write the file and print what a model that knew the process would reach."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "impressions.parquet")
    arguments = parser.parse_args()
    columns, p_click = make(arguments.lists, arguments.seed)
    pq.write_table(pa.table(columns), arguments.output, compression="zstd", compression_level=19, use_dictionary=True)
    clicked = columns["clicked"]
    loss = -np.where(clicked == 1, np.log(p_click), np.log(1 - p_click)).mean()
    print(f"{arguments.output}: {len(clicked)} rows, click rate {clicked.mean():.3f}")
    print(f"the process itself as a model: AUC {auc(clicked, p_click):.3f}, log loss {loss:.3f}")


if __name__ == "__main__":
    main()
