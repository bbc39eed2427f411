"""The newsletter's simulator: its truth by hand, its log against its truth, its faults."""

import numpy as np
import pytest

from waze_data_tfx.bandits.simulators import newsletter, world
from waze_data_tfx.bandits.simulators.newsletter import Policy
from waze_data_tfx.bandits.simulators.readers import Contexts
from waze_data_tfx.bandits.simulators.world import ACTIONS, SEGMENTS

USUAL_DAYS, USUAL_REVENUE = np.expm1(1.8), np.expm1(4.0)  # where recency and spending add nothing


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def one(segment: str = "loyal", *, intent: int = 0, day: float = 0.0, eligible: tuple[str, ...] = ACTIONS) -> Contexts:
    """Return one decision's context."""
    return Contexts(
        user=np.array([0]),
        day=np.array([day]),
        segment=np.array([SEGMENTS.index(segment)]),
        intent=np.array([intent]),
        columns={"days_since_visit": np.array([USUAL_DAYS]), "revenue": np.array([USUAL_REVENUE])},
        eligible=np.array([[name in eligible for name in ACTIONS]]),
    )


@pytest.fixture(scope="module")
def log() -> newsletter.Log:
    return newsletter.simulate(n_users=3000, weeks=4, seed=5)


def test_the_truth_of_one_reader_is_the_formula_of_its_docstring() -> None:
    # loyal, buy_again, a Monday, day 0: -2.1 - 0.1 + 1.9 = -0.3; 2 % of its clicks leave
    click = sigmoid(-0.3)
    truth = newsletter.expected(one())
    again = ACTIONS.index("buy_again")
    assert truth.click[0, again] == pytest.approx(click)
    assert truth.unsubscribe[0, again] == pytest.approx(0.02 * click)
    assert truth.reward[0, again] == pytest.approx(click * (1 - 2 * 0.02))
    # the click-bait: -2.1 + 1.5 + 0 = -0.6, and half of its clicks leave
    bait = ACTIONS.index("mystery_discount")
    assert truth.click[0, bait] == pytest.approx(sigmoid(-0.6))
    assert truth.reward[0, bait] == pytest.approx(0.0)
    # a search for a refill adds 1; a Saturday 0.2 less the 0.2 of buy_again's weekend
    assert newsletter.expected(one(intent=2, day=5.5)).click[0, again] == pytest.approx(sigmoid(-0.3 + 1.0 + 0.2 - 0.2))


def test_seasons_and_drift_move_the_arms() -> None:
    days = np.array([0.0, 6.0, 28.0, 84.0])
    season, drift = world.season(days), world.drift(days)
    deals, trending = ACTIONS.index("deals_of_the_week"), ACTIONS.index("trending")
    assert season[:, deals] == pytest.approx([0.0, 0.3 + 0.3, 0.0, 0.0])  # Monday, Sunday, Monday, Monday
    # trending: 0.8 sin(2 pi (day / 112 - 1/4)): lowest on day 0, nothing after a quarter, highest after a half
    assert drift[[0, 2, 3], trending] == pytest.approx([-0.8, 0.0, 0.0], abs=1e-12)
    assert world.drift(np.array([56.0]))[0, trending] == pytest.approx(0.8)
    assert (drift[:, ACTIONS.index("bestsellers")] == 0).all()


def test_a_replay_is_the_mean_of_what_is_expected() -> None:
    contexts = one(eligible=("bestsellers", "buy_again"))
    best, again = (newsletter.expected(contexts).reward[0, ACTIONS.index(n)] for n in ("bestsellers", "buy_again"))
    mixed = np.where(contexts.eligible, [[0.25 if name == "bestsellers" else 0.75 for name in ACTIONS]], 0.0)
    value = newsletter.replay(contexts, mixed)
    assert value.reward == pytest.approx(0.25 * best + 0.75 * again)
    assert value.by_segment == {"loyal": pytest.approx(value.reward)}
    assert newsletter.replay(contexts, newsletter.best).reward == pytest.approx(again)
    assert newsletter.replay(contexts, newsletter.single_arm("trending")).reward == pytest.approx(best)  # not eligible: fallback
    assert newsletter.replay(contexts, newsletter.uniform).reward == pytest.approx((best + again) / 2)
    assert newsletter.best_single_arm(contexts) == ("buy_again", newsletter.replay(contexts, newsletter.best))


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.full((1, 12), 1 / 12), "not eligible"),
        (np.zeros((1, 12)), "sums to 0"),
        (np.ones((2, 12)), "shape"),
    ],
)
def test_probabilities_that_are_none_are_not_replayed(probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        newsletter.replay(one(eligible=("bestsellers",)), probabilities)


@pytest.mark.parametrize(
    "policy", [newsletter.popularity, newsletter.uniform, newsletter.best, newsletter.single_arm("trending")]
)
def test_importance_weighting_the_log_gives_the_replayed_value(log: newsletter.Log, policy: Policy) -> None:
    true = newsletter.replay(log.contexts, policy)
    weight = policy(log.contexts)[np.arange(len(log)), log.action] / log.propensity
    for values, expected in ((log.reward(), true.reward), (log.unsubscribed * 1.0, true.unsubscribe), (weight * 0 + 1, 1.0)):
        terms = weight * values
        assert terms.mean() == pytest.approx(expected, abs=4 * terms.std() / np.sqrt(len(log)))


def test_actions_are_taken_as_often_as_their_propensities_say(log: newsletter.Log) -> None:
    probabilities = newsletter.popularity(log.contexts)
    assert (probabilities[~log.contexts.eligible] == 0).all()
    assert probabilities.sum(1) == pytest.approx(1.0)
    assert log.propensity == pytest.approx(probabilities[np.arange(len(log)), log.action])
    taken = np.bincount(log.action, minlength=len(ACTIONS))
    deviation = np.sqrt((probabilities * (1 - probabilities)).sum(0))
    assert (np.abs(taken - probabilities.sum(0)) < 4.5 * deviation).all()


def test_clicks_alone_mislead(log: newsletter.Log) -> None:
    worth = {name: newsletter.replay(log.contexts, newsletter.single_arm(name)) for name in ACTIONS}
    assert max(worth, key=lambda name: worth[name].click) == "mystery_discount"
    assert min(worth, key=lambda name: worth[name].reward) == "mystery_discount"
    clicks, best = (newsletter.replay(log.contexts, p) for p in (newsletter.most_clicked, newsletter.best))
    assert clicks.click > best.click
    assert clicks.reward < best.reward - 0.1
    assert clicks.unsubscribe > 5 * best.unsubscribe


def test_segments_prefer_different_arms_and_not_everything_is_eligible(log: newsletter.Log) -> None:
    reward = np.where(log.contexts.eligible, newsletter.expected(log.contexts).reward, np.nan)
    favourite = {name: ACTIONS[np.nanmean(reward[log.contexts.segment == i], axis=0).argmax()] for i, name in enumerate(SEGMENTS)}
    assert favourite == {
        "loyal": "buy_again",
        "bargain_hunter": "deals_of_the_week",
        "newcomer": "bestsellers",
        "explorer": "new_arrivals",
        "dormant": "editors_choice",
    }
    share = dict(zip(ACTIONS, log.contexts.eligible.mean(0), strict=True))
    assert share["bestsellers"] == share["mystery_discount"] == 1
    assert 0.4 < share["back_in_stock"] < 0.7
    assert 0.7 < share["buy_again"] < 0.9


def test_clicks_come_late_and_some_too_late(log: newsletter.Log) -> None:
    # 0.85 (1 - e^(-72/6)) + 0.15 (1 - e^(-72/36)) = 0.85 + 0.15 * 0.8647 = 0.9797
    assert newsletter.attributed_share(72) == pytest.approx(0.9797, abs=1e-4)
    in_time = log.delay_hours[log.clicked] < 72
    assert in_time.mean() == pytest.approx(0.9797, abs=4 * np.sqrt(0.98 * 0.02 / log.clicked.sum()))
    assert (log.reward(72) != 0).sum() == in_time.sum()
    assert (log.reward() != 0).sum() == log.clicked.sum()


def test_who_unsubscribes_gets_nothing_any_more(log: newsletter.Log) -> None:
    left = np.flatnonzero(log.unsubscribed)
    assert len(left) > 100
    for row in left[:50]:
        gone = log.contexts.day[row] + log.delay_hours[row] / 24
        assert (log.contexts.day[log.contexts.user == log.contexts.user[row]] < gone).all()


def test_season_and_drift_show_in_the_log() -> None:
    log = newsletter.simulate(n_users=3000, weeks=8, seed=4)
    day, trending = log.contexts.day, log.action == ACTIONS.index("trending")
    weekend = np.floor(day) % 7 >= 5
    early, late = (log.clicked[trending & part].mean() for part in (day < 14, day >= 42))
    assert late > 2 * early  # from -0.8 to 0.8 in the logit
    assert log.clicked[weekend].mean() > 1.15 * log.clicked[~weekend].mean()


def test_the_same_seed_makes_the_same_log() -> None:
    first, again, other = (newsletter.simulate(n_users=200, weeks=2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.action, again.action)
    assert np.array_equal(first.delay_hours, again.delay_hours, equal_nan=True)
    assert first.contexts.columns["last_search"].tolist() == again.contexts.columns["last_search"].tolist()
    assert first.contexts.user.tolist() != other.contexts.user.tolist()


def test_a_draw_never_takes_what_has_no_probability() -> None:
    probabilities = np.array([[0.0, 0.4, 0.0, 0.6, 0.0]] * 5)
    drawn = newsletter.draw_actions(probabilities, np.array([0.0, 0.39, 0.41, 0.999, np.nextafter(1, 0)]))
    assert drawn.tolist() == [1, 1, 3, 3, 3]
