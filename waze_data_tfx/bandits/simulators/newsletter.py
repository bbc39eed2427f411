"""The newsletter simulated: weeks of logged decisions under a known policy, and the true value of any other policy.

A policy is a function from contexts to probabilities `[n, n_actions]` over the eligible actions. Called by the newsletter
template's data script, by the lab's environment and by tests. The truth is in `world`, the readers are in `readers`, tables and
files in `tables`. NumPy only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from . import world
from .readers import Array, Contexts, draw_contexts, draw_readers
from .world import ACTIONS, FALLBACK, SEGMENTS

Policy = Callable[[Contexts], Array]

SENDS_PER_WEEK = ((0, 3), (3, 7))
"""A reader gets one newsletter on a day of each of these halves of the week."""
JOINED_LATER = 0.15
"""Share of the readers who come in the course of the weeks; the others are there from the first day."""
POPULARITY = np.array([2.0, 1.7, 1.2, 1.0, 1.2, 1.4, 1.9, 1.0, 1.4, 1.3, 0.8, 2.0])
"""What the behaviour policy ranks by: clicks of some earlier season, whoever left for them."""
EXPLORATION = 0.25
"""Share of the behaviour policy's choices that are uniform over the eligible actions."""
DELAY_HOURS, DELAY_SHARES = (6.0, 36.0), (0.85, 0.15)
"""A click comes after an exponential delay of one of these means; neither reader nor arm changes it."""
CLICKED_AGAIN = 0.08


class Truth(NamedTuple):
    """Expectations of every context and arm, each `[n, n_actions]`."""

    click: Array
    unsubscribe: Array

    @property
    def reward(self) -> Array:
        """Return +1 for a click that ends nothing, -1 for one that ends the subscription."""
        return self.click - 2.0 * self.unsubscribe


class Value(NamedTuple):
    """The true value of a policy on given contexts: means per decision."""

    reward: float
    click: float
    unsubscribe: float
    by_segment: Mapping[str, float]


@dataclass(frozen=True)
class Log:
    """Logged decisions, in the order of their time.

    Attributes:
        contexts: one row per decision.
        action: number of the action taken, [n].
        propensity: probability with which it was taken, [n].
        clicked, unsubscribed: whether it was clicked ever, and whether that click ended the subscription, [n] bool.
        delay_hours: from the decision to the click, [n]; NaN where there was none.
        again_hours: from the decision to a second click on the same, [n]; NaN where there was none.
        policy_id: which policy decided.
        weeks: how many weeks the log covers.
    """

    contexts: Contexts
    action: Array
    propensity: Array
    clicked: Array
    unsubscribed: Array
    delay_hours: Array
    again_hours: Array
    policy_id: str
    weeks: int

    def __len__(self) -> int:
        """Return the number of decisions."""
        return len(self.action)

    def reward(self, attribution_hours: float = np.inf) -> Array:
        """Return what was earned within the attribution window, [n] in {-1, 0, 1}."""
        in_time = self.clicked & (np.nan_to_num(self.delay_hours, nan=np.inf) < attribution_hours)
        return np.where(in_time, np.where(self.unsubscribed, -1.0, 1.0), 0.0)


def simulate(*, n_users: int, weeks: int, seed: int, behaviour: Policy | None = None, policy_id: str = "popularity-1") -> Log:
    """Return the log of some weeks, the first of which begins on day 0, a Monday.

    Who unsubscribes gets nothing any more from then on, so later weeks have other readers than the first.

    Args:
        n_users: readers, of which JOINED_LATER come in the course of the weeks.
        weeks: how many.
        seed: of everything that is drawn: the same seed makes the same log.
        behaviour: the policy that decides; default: `popularity`.
        policy_id: its name.
    """
    rng = np.random.default_rng(seed)
    readers = draw_readers(rng, n_users)
    user, day = _sends(rng, n_users, weeks)
    contexts = draw_contexts(rng, readers, user=user, day=day)
    log = decide(contexts, behaviour or popularity, rng=rng, policy_id=policy_id, weeks=weeks)
    return only(log, _still_subscribed(log, n_users))


def decide(contexts: Contexts, policy: Policy, *, rng: np.random.Generator, policy_id: str, weeks: int) -> Log:
    """Return what the policy decides in these contexts and what comes of it."""
    n = len(contexts)
    probabilities = policy(contexts)
    action = draw_actions(probabilities, rng.random(n))
    truth, rows = expected(contexts), np.arange(n)
    clicked = rng.random(n) < truth.click[rows, action]
    leaves = truth.unsubscribe[rows, action] / truth.click[rows, action]
    unsubscribed = clicked & (rng.random(n) < leaves)
    delay = rng.exponential(np.array(DELAY_HOURS)[rng.choice(len(DELAY_HOURS), size=n, p=DELAY_SHARES)])
    again = delay + rng.exponential(12.0, n)
    delay = np.where(clicked, delay, np.nan)
    again = np.where(clicked & ~unsubscribed & (rng.random(n) < CLICKED_AGAIN), again, np.nan)
    return Log(contexts, action, probabilities[rows, action], clicked, unsubscribed, delay, again, policy_id, weeks)


def expected(contexts: Contexts) -> Truth:
    """Return the true probabilities of a click and of an unsubscribing click."""
    columns = contexts.columns
    click = world.click_probability(
        segment=contexts.segment,
        intent=contexts.intent,
        days_since_visit=columns["days_since_visit"],
        revenue=columns["revenue"],
        day=contexts.day,
    )
    return Truth(click, world.unsubscribe_probability(click, segment=contexts.segment))


def popularity(contexts: Contexts) -> Array:
    """Return the behaviour policy's probabilities: softmax of POPULARITY over the eligible, EXPLORATION of it uniform."""
    weight = np.exp(POPULARITY) * contexts.eligible
    return (1 - EXPLORATION) * weight / weight.sum(1, keepdims=True) + EXPLORATION * uniform(contexts)


def uniform(contexts: Contexts) -> Array:
    """Return the same probability for every eligible action."""
    eligible: Array = contexts.eligible
    return eligible / eligible.sum(1, keepdims=True)


def single_arm(name: str) -> Policy:
    """Return the policy that always takes one arm, and FALLBACK where it is not eligible."""
    arm, fallback = ACTIONS.index(name), ACTIONS.index(FALLBACK)

    def policy(contexts: Contexts) -> Array:
        return _certain(np.where(contexts.eligible[:, arm], arm, fallback))

    return policy


def best(contexts: Contexts) -> Array:
    """Return the policy that knows the truth, hidden segment and all: no policy earns more."""
    return _certain(np.where(contexts.eligible, expected(contexts).reward, -np.inf).argmax(1))


def most_clicked(contexts: Contexts) -> Array:
    """Return the policy that knows the truth of clicks and does not care who leaves."""
    return _certain(np.where(contexts.eligible, expected(contexts).click, -np.inf).argmax(1))


def replay(contexts: Contexts, policy: Policy | Array) -> Value:
    """Return the true value of a policy, or of probabilities `[n, n_actions]`, on these contexts.

    Raises:
        ValueError: the probabilities are of another shape, do not sum to 1, or take what is not eligible.
    """
    probabilities = _checked(np.asarray(policy(contexts) if callable(policy) else policy), contexts)
    truth = expected(contexts)
    reward = (probabilities * truth.reward).sum(1)
    rows_of = {name: contexts.segment == i for i, name in enumerate(SEGMENTS)}
    by_segment = {name: float(reward[rows].mean()) for name, rows in rows_of.items() if rows.any()}
    click, unsubscribe = ((probabilities * p).sum(1).mean() for p in truth)
    return Value(float(reward.mean()), float(click), float(unsubscribe), by_segment)


def best_single_arm(contexts: Contexts) -> tuple[str, Value]:
    """Return the arm that earns most when everybody gets it, by its true value, and that value."""
    values = {name: replay(contexts, single_arm(name)) for name in ACTIONS}
    name = max(values, key=lambda a: values[a].reward)
    return name, values[name]


def attributed_share(hours: float) -> float:
    """Return the share of clicks that come within so many hours of the decision; a logged mean is the true value times this."""
    return float(sum(share * (1 - np.exp(-hours / mean)) for mean, share in zip(DELAY_HOURS, DELAY_SHARES, strict=True)))


def draw_contexts_at_random(n: int, *, seed: int, weeks: int = 4) -> Contexts:
    """Return `n` independent decisions' contexts, each of a reader of its own, at times spread over the weeks."""
    rng = np.random.default_rng(seed)
    return draw_contexts(rng, draw_readers(rng, n), user=np.arange(n), day=np.sort(rng.uniform(0, 7 * weeks, n)))


def draw_actions(probabilities: Array, uniforms: Array) -> Array:
    """Return an action per row by inverting the cumulative probabilities; never one of probability 0."""
    cumulative = probabilities.cumsum(1)
    below = (uniforms[:, None] * cumulative[:, -1:]) >= cumulative
    return below.sum(1)


def only(log: Log, kept: Array) -> Log:
    """Return some rows of a log: their numbers, or a mask."""
    columns = ("action", "propensity", "clicked", "unsubscribed", "delay_hours", "again_hours")
    return replace(log, contexts=log.contexts.take(kept), **{name: getattr(log, name)[kept] for name in columns})


def _sends(rng: np.random.Generator, n_users: int, weeks: int) -> tuple[Array, Array]:
    """Return reader and time of every newsletter, in the order of time; times are whole minutes between 6 and 20 o'clock."""
    joined = np.where(rng.random(n_users) < JOINED_LATER, rng.uniform(0, 7 * weeks, n_users), 0.0)
    shape = (n_users, weeks, len(SENDS_PER_WEEK))
    first, last = np.array(SENDS_PER_WEEK).T
    day = rng.integers(first, last, size=shape) + 7 * np.arange(weeks)[None, :, None]
    time = (day + rng.integers(6 * 60, 20 * 60, size=shape) / (24 * 60)).reshape(n_users, -1)
    user = np.broadcast_to(np.arange(n_users)[:, None], time.shape)
    sent = time >= joined[:, None]
    order = np.argsort(time[sent], kind="stable")
    return user[sent][order], time[sent][order]


def _still_subscribed(log: Log, n_users: int) -> Array:
    """Whether nothing earlier has ended the reader's subscription by the time of the decision, [n] bool."""
    user, day = log.contexts.user, log.contexts.day
    left = np.full(n_users, np.inf)
    for row in np.flatnonzero(log.unsubscribed):  # in the order of time; few
        if day[row] < left[user[row]]:
            left[user[row]] = min(left[user[row]], day[row] + log.delay_hours[row] / 24)
    subscribed: Array = day < left[user]
    return subscribed


def _certain(action: Array) -> Array:
    return np.eye(len(ACTIONS))[action]


def _checked(probabilities: Array, contexts: Contexts) -> Array:
    expected_shape = (len(contexts), len(ACTIONS))
    if probabilities.shape != expected_shape:
        raise ValueError(f"probabilities: received the shape {probabilities.shape}; expected {expected_shape}")
    if not np.allclose(probabilities.sum(1), 1.0, atol=1e-4) or (probabilities < 0).any():
        raise ValueError(f"probabilities: a row sums to {probabilities.sum(1).min():.4g}; expected 1 in every row")
    if (probabilities[~contexts.eligible] > 1e-6).any():
        raise ValueError("probabilities: an action that is not eligible has a probability above 0")
    return probabilities
