"""The newsletter's stated truth: which recommender which reader clicks, when, and which click makes them leave.

    p_click[user, arm, day]     = sigmoid(BASE + APPEAL[arm] + TASTE[segment, arm] + INTENT[search intent, arm]
                                          + recency, spending (below) + season[weekday, arm] + drift[arm, day])
    p_unsubscribe               = p_click * LEAVES[segment, arm]
    expected reward             = p_click - 2 * p_unsubscribe        (+1 a click, -1 a click that leads to unsubscribing, else 0)

Every number stands here; nothing of the truth is random. Called by the rest of this folder, never reads or writes anything.
"""

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.floating]]

ACTIONS = (
    "bestsellers",
    "recently_viewed",
    "similar_items",
    "bought_together",
    "buy_again",
    "new_arrivals",
    "deals_of_the_week",
    "back_in_stock",
    "trending",
    "top_rated",
    "editors_choice",
    "mystery_discount",
)
"""The recommenders. `mystery_discount` is the click-bait: the most clicks of all, and half of them end the subscription."""
FALLBACK = "bestsellers"
"""Eligible for everybody, always: what a fixed arm gives where it is not eligible itself."""
SEGMENTS = ("loyal", "bargain_hunter", "newcomer", "explorer", "dormant")
"""Never a column of the log: a model has to infer it from the features."""
SEGMENT_SHARES = (0.3, 0.25, 0.2, 0.15, 0.1)

BASE = -2.1
APPEAL = np.array([0.3, 0.2, 0.0, 0.0, -0.1, 0.0, 0.2, 0.0, 0.0, 0.1, -0.2, 1.5])
TASTE = np.array(
    # best  viewed similar together again  new   deals  stock  trend  rated  editors mystery
    [
        [-0.3, 0.6, 0.3, 0.8, 1.9, 0.0, -0.2, 0.5, -0.3, 0.0, 0.1, 0.0],  # loyal
        [0.3, 0.0, 0.0, 0.1, 0.2, -0.3, 1.9, 0.2, 0.1, 0.0, -0.4, 0.4],  # bargain_hunter
        [1.3, 0.2, 0.2, 0.0, -0.2, 0.2, 0.1, -0.3, 0.4, 1.0, 0.0, 0.2],  # newcomer
        [-0.4, 0.2, 0.3, 0.0, -0.4, 1.9, -0.3, 0.1, 1.0, 0.2, 0.8, 0.0],  # explorer
        [-0.2, -0.8, -0.5, -0.5, 0.0, -0.3, 0.0, 0.9, -0.4, -0.1, 1.3, 0.0],  # dormant
    ]
)
INTENTS = ("none", "saving", "refill", "novelty")
"""What the words of the last search give away."""
INTENT = np.zeros((len(INTENTS), len(ACTIONS)))
INTENT[1, ACTIONS.index("deals_of_the_week")] = 1.0
INTENT[2, ACTIONS.index("buy_again")] = 1.0
INTENT[3, ACTIONS.index("new_arrivals")] = 1.0
RECENCY = {"recently_viewed": -0.35, "similar_items": -0.25, "back_in_stock": 0.1}
"""Per unit of log(1 + days since the last visit), less its usual value of 1.8."""
SPENDING = {"bought_together": 0.25, "buy_again": 0.15, "deals_of_the_week": -0.15}
"""Per unit of log(1 + revenue), less its usual value of 4; no effect where there was no order."""
LEAVES = np.full((len(SEGMENTS), len(ACTIONS)), 0.02)
LEAVES[:, ACTIONS.index("mystery_discount")] = (0.5, 0.45, 0.5, 0.55, 0.65)
LEAVES[SEGMENTS.index("dormant")] += 0.03

WEEKDAYS = np.array([0.0, -0.1, -0.1, -0.05, 0.05, 0.2, 0.3])
"""Added to every arm's logit from Monday to Sunday."""
WEEKEND = {"deals_of_the_week": 0.3, "editors_choice": 0.2, "buy_again": -0.2}
"""On top of it on Saturday and Sunday."""
DRIFT_PERIOD_DAYS = 112
DRIFT = {"trending": (0.8, -0.25), "new_arrivals": (0.5, 0.25), "deals_of_the_week": (0.4, 0.0)}
"""Amplitude and phase in periods: amplitude * sin(2 pi (day / DRIFT_PERIOD_DAYS + phase)), so that nothing runs away."""


def click_probability(*, segment: Any, intent: Any, days_since_visit: Any, revenue: Any, day: Any) -> Floats:
    """Return p_click `[n, n_actions]`.

    Args:
        segment: number in SEGMENTS, [n].
        intent: number in INTENTS, [n].
        days_since_visit: [n].
        revenue: [n]; NaN where there was no order.
        day: days since the first Monday, [n]; a fraction is the time of day.
    """
    logit = BASE + APPEAL + TASTE[segment] + INTENT[intent]
    recency = np.log1p(days_since_visit)[:, None] - 1.8
    spending = np.nan_to_num(np.log1p(revenue) - 4.0, nan=0.0)[:, None]
    logit = logit + recency * _by_action(RECENCY) + spending * _by_action(SPENDING)
    return 1.0 / (1.0 + np.exp(-(logit + season(day) + drift(day))))


def unsubscribe_probability(p_click: Floats, *, segment: Any) -> Floats:
    """Return the probability of a click that ends the subscription, `[n, n_actions]`."""
    return p_click * LEAVES[segment]


def season(day: Any) -> Floats:
    """Return what the day of the week adds to each logit, `[n, n_actions]`."""
    weekday = np.floor(day).astype(np.int64) % 7
    return WEEKDAYS[weekday][:, None] + (weekday >= 5)[:, None] * _by_action(WEEKEND)


def drift(day: Any) -> Floats:
    """Return what has changed in each arm's appeal by then, `[n, n_actions]`; the time of day does not matter."""
    amplitude = _by_action({name: size for name, (size, _) in DRIFT.items()})
    phase = _by_action({name: at for name, (_, at) in DRIFT.items()})
    periods = np.floor(day)[:, None] / DRIFT_PERIOD_DAYS
    return amplitude * np.sin(2 * np.pi * (periods + phase))


def _by_action(values: dict[str, float]) -> Floats:
    return np.array([values.get(name, 0.0) for name in ACTIONS])
