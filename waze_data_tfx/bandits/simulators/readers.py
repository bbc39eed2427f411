"""Who reads the newsletter and what is known of them when a decision is taken: columns with missing values, as a shop has them.

Made by `draw`, vectorised; read by `newsletter`. Never decides anything: the truth is in `world`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .world import ACTIONS, INTENTS, SEGMENT_SHARES, SEGMENTS

Array = np.ndarray[Any, Any]

CATEGORIES = ("electronics", "garden", "toys", "beauty", "sports", "kitchen")
DEVICES, DEVICE_SHARES = ("phone", "desktop", "tablet"), (0.55, 0.35, 0.10)
LANGUAGES, LANGUAGE_SHARES = ("de", "fr", "it", "en"), (0.62, 0.22, 0.06, 0.10)
THINGS = {
    "electronics": ("headphones", "usb c cable", "monitor", "phone case"),
    "garden": ("hose", "raised bed", "lawn mower", "tomato seeds"),
    "toys": ("lego", "puzzle", "board game", "doll house"),
    "beauty": ("shampoo", "perfume", "sun cream", "lipstick"),
    "sports": ("running shoes", "yoga mat", "bike light", "tent"),
    "kitchen": ("coffee capsules", "frying pan", "knife", "blender"),
}
WORDS = {
    "none": ("{}", "{}"),
    "saving": ("cheap {}", "{} sale"),
    "refill": ("{} refill", "{} pack of 6"),
    "novelty": ("new {}", "{} 2025"),
}
"""How a search of each intent is worded."""
INTENT_SHARES = np.array(
    # none  saving refill novelty
    [
        [0.55, 0.05, 0.35, 0.05],
        [0.45, 0.45, 0.05, 0.05],
        [0.80, 0.08, 0.02, 0.10],
        [0.45, 0.05, 0.05, 0.45],
        [0.85, 0.05, 0.05, 0.05],
    ]
)
"""Of each segment, by row."""
TENURE_DAYS = (900.0, 700.0, 25.0, 600.0, 1100.0)
ORDERS = (14.0, 8.0, 0.4, 5.0, 2.5)
ORDER_VALUE = (70.0, 35.0, 45.0, 85.0, 55.0)
DAYS_SINCE_VISIT = (4.0, 6.0, 8.0, 2.5, 60.0)
SESSIONS = (3.0, 3.0, 1.5, 7.0, 0.2)
"""Means or medians of each segment."""
DISCOUNT_SHARE = ((2, 8), (7, 3), (3, 5), (2, 6), (3, 6))
OPEN_RATE = ((6, 4), (5, 5), (6, 5), (6, 4), (1.5, 8))
"""Parameters of a beta distribution."""


@dataclass(frozen=True)
class Readers:
    """People who get the newsletter, one per row, and what does not change of them.

    Attributes:
        segment: number in SEGMENTS.
        columns: name -> values; None or NaN where missing.
    """

    segment: Array
    columns: dict[str, Array]

    def __len__(self) -> int:
        """Return the number of readers."""
        return len(self.segment)


@dataclass(frozen=True)
class Contexts:
    """Moments at which a recommender is chosen for a reader, one per row.

    Attributes:
        user: number of the reader.
        day: days since the first Monday; a fraction is the time of day.
        segment: number in SEGMENTS; hidden.
        intent: number in INTENTS; hidden, but for the words of `last_search`.
        columns: what the shop knows: name -> values, None or NaN where missing.
        eligible: `[n, n_actions]` bool; the fallback always is.
    """

    user: Array
    day: Array
    segment: Array
    intent: Array
    columns: dict[str, Array]
    eligible: Array

    def __len__(self) -> int:
        """Return the number of decisions."""
        return len(self.day)

    def take(self, rows: Any) -> "Contexts":
        """Return some rows: their numbers, or a mask."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Contexts(self.user[rows], self.day[rows], self.segment[rows], self.intent[rows], columns, self.eligible[rows])


def draw_readers(rng: np.random.Generator, n: int) -> Readers:
    """Return `n` readers."""
    segment = rng.choice(len(SEGMENTS), size=n, p=SEGMENT_SHARES)
    n_orders = rng.poisson(np.array(ORDERS)[segment] * rng.lognormal(-0.18, 0.6, n))
    value = np.array(ORDER_VALUE)[segment] * rng.lognormal(0.0, 0.9, n)
    discount = rng.beta(*np.array(DISCOUNT_SHARE).T[:, segment])
    ordered = n_orders > 0
    known = (rng.random(n) < 0.85) & (ordered | (rng.random(n) < 0.3))
    columns = {
        "tenure_days": (np.array(TENURE_DAYS)[segment] * rng.lognormal(0.0, 0.5, n)).astype(np.int64),
        "n_orders": n_orders,
        "revenue": np.where(ordered, np.round(n_orders * value, 2), np.nan),
        "discount_share": np.where(ordered, np.round(discount, 2), np.nan),
        "open_rate": np.round(rng.beta(*np.array(OPEN_RATE).T[:, segment]), 2),
        "n_watched": rng.poisson(np.array((1.2, 0.8, 0.2, 1.0, 0.8))[segment]),
        "favourite_category": _or_none(np.array(CATEGORIES)[rng.integers(len(CATEGORIES), size=n)], known),
        "device": _or_none(np.array(DEVICES)[rng.choice(len(DEVICES), size=n, p=DEVICE_SHARES)], rng.random(n) < 0.96),
        "language": np.array(LANGUAGES)[rng.choice(len(LANGUAGES), size=n, p=LANGUAGE_SHARES)].astype(object),
    }
    return Readers(segment, columns)


def draw_contexts(rng: np.random.Generator, readers: Readers, *, user: Array, day: Array) -> Contexts:
    """Return what is known of the readers `user` [n] at the times `day` [n]."""
    n, segment = len(user), readers.segment[user]
    intent = (rng.random(n)[:, None] > INTENT_SHARES[segment].cumsum(1)[:, :-1]).sum(1)
    days = rng.exponential(np.array(DAYS_SINCE_VISIT)[segment]).astype(np.int64)
    searched = (rng.random(n) < 0.75) & (days < 60)
    intent = np.where(searched, intent, INTENTS.index("none"))
    columns = {name: values[user] for name, values in readers.columns.items()}
    columns["days_since_visit"] = days
    columns["sessions_7d"] = np.where(days < 7, rng.poisson(np.array(SESSIONS)[segment]) + 1, 0)
    columns["last_search"] = _or_none(_searches(rng, columns["favourite_category"], intent), searched)
    return Contexts(user, day, segment, intent, columns, _eligible(columns))


def _eligible(columns: dict[str, Array]) -> Array:
    """Return which recommenders have anything to show, `[n, n_actions]`: some need a visit, an order or something watched."""
    visited, ordered = columns["days_since_visit"] < 14, columns["n_orders"] > 0
    needs = {
        "recently_viewed": visited,
        "similar_items": visited,
        "bought_together": ordered,
        "buy_again": ordered,
        "back_in_stock": columns["n_watched"] > 0,
    }
    return np.stack([needs.get(name, np.ones(len(visited), bool)) for name in ACTIONS], axis=1)


def _searches(rng: np.random.Generator, favourite: Array, intent: Array) -> Array:
    """Return the words of each search: of the favourite category, or of any where there is none."""
    wordings = [[[w.format(thing) for thing in THINGS[c] for w in WORDS[i]] for i in INTENTS] for c in CATEGORIES]
    table = np.array(wordings)  # [category, intent, wording]
    number = {name: i for i, name in enumerate(CATEGORIES)}
    anything = rng.integers(len(CATEGORIES), size=len(intent))
    category = np.array([number.get(name, -1) for name in favourite])
    category = np.where(category < 0, anything, category)
    return table[category, intent, rng.integers(table.shape[2], size=len(intent))]


def _or_none(values: Array, known: Array) -> Array:
    kept = values.astype(object)
    kept[~known] = None
    return kept
