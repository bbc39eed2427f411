"""What is served of a policy's choice, against values worked by hand: floor, criteria, traffic share, fallback, NaN."""

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Choice
from waze_data_tfx.bandits.policies.serving import evaluate, serve

NAN = float("nan")
EXPLORE, EXPLOIT = -1, -2
PLAIN = {"code": EXPLORE, "eval_share": 0.0, "floor": 0.0, "fallback": None, "draw": 0.0}


def served(scores, probabilities, eligible, **changes):
    arguments = {**PLAIN, **changes}
    draw = tf.fill([len(scores)], tf.constant(arguments.pop("draw"), tf.float32))
    code = tf.constant(arguments.pop("code"), tf.int64)
    share = tf.constant(arguments.pop("eval_share"), tf.float32)
    choice = Choice(tf.constant(scores, tf.float32), tf.constant(probabilities, tf.float32))
    found = serve(choice, tf.constant(mask(eligible)), draw=draw, code=code, eval_share=share, **arguments)
    return {name: value.numpy() for name, value in found.items()}


def mask(rows):
    return [[c == "1" for c in row] for row in rows]


def near(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_drawn_action_is_first_and_the_others_follow_by_score():
    found = served([[1, 4, 2, 3]], [[0.25, 0, 0.75, 0]], ["1011"], draw=0.5)
    assert found["ranked_actions"].tolist() == [[2, 3, 0, -1]]
    assert found["action"].tolist() == [2]
    near(found["propensity"], [0.75])
    near(found["probabilities"], [[0.25, 0, 0.75, 0]])
    near(found["scores"], [[1, 4, 2, 3]])
    assert (found["ranked_actions"].dtype, found["action"].dtype) == (np.int64, np.int64)


def test_the_floor_is_even_over_the_eligible():
    # 0.8 * (1, 0, 0) + 0.2 / 2 each of two
    near(served([[1, 0, 0]], [[1, 0, 0]], ["101"], floor=0.2)["probabilities"], [[0.9, 0, 0.1]])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (EXPLORE, [0.9 * 0.5 + 0.05, 0, 0.9 * 0.5 + 0.05]),
        (EXPLOIT, [0.05, 0, 0.95]),
        (0, [0.95, 0, 0.05]),
        (1, [0.05, 0, 0.95]),  # not eligible: the best one
    ],
)
def test_criteria_by_hand_with_a_floor_of_a_tenth(code, expected):
    row = ([[1, 9, 2]], [[0.5, 0, 0.5]], ["101"])
    near(served(*row, code=code, floor=0.1)["probabilities"], [expected])
    near(served(*row, code=[code], floor=0.1)["probabilities"], [expected])
    # the eval policy's share has no floor: a quarter is certain of action 2
    mixed = 0.75 * np.array(expected) + [0, 0, 0.25]
    near(served(*row, code=code, floor=0.1, eval_share=0.25)["probabilities"], [mixed])


def test_criteria_rule_row_by_row():
    found = served([[1, 2]] * 4, [[0.5, 0.5]] * 4, ["11"] * 4, code=[EXPLORE, EXPLOIT, 0, 1])
    near(found["probabilities"], [[0.5, 0.5], [0, 1], [1, 0], [0, 1]])


def test_nothing_eligible_takes_the_fallback_or_nothing():
    rows = ([[1, 2, 3], [1, 2, 3]], [[0, 0, 0], [0.5, 0, 0.5]], ["000", "101"])
    found = served(*rows, floor=0.1)
    assert found["action"].tolist() == [-1, 0]
    assert found["ranked_actions"].tolist() == [[-1, -1, -1], [0, 2, -1]]
    near(found["propensity"], [0, 0.5])
    for code in (EXPLORE, EXPLOIT, 2):
        found = served(*rows, floor=0.1, fallback=1, code=code, eval_share=0.5)
        assert found["action"][0] == 1
        assert found["ranked_actions"][0].tolist() == [1, -1, -1]
        near(found["propensity"][0], 1)
        near(found["probabilities"], [[0, 1, 0], found["probabilities"][1]])
        near(found["probabilities"][1].sum(), 1)


def test_one_eligible_action_is_certain():
    found = served([[1, 2, 3]], [[0, 1, 0]], ["010"], floor=0.5, draw=0.999)
    near(found["probabilities"], [[0, 1, 0]])
    assert found["ranked_actions"].tolist() == [[1, -1, -1]]


@pytest.mark.parametrize("probabilities", [[0.5, 0.25, 0.25], [0.5, NAN, 0.5], [NAN, NAN, NAN]])
def test_no_action_is_taken_because_of_a_nan(probabilities):
    found = served([[1, NAN, 2]], [probabilities], ["111"], draw=0.9)
    assert np.isfinite(found["probabilities"]).all()
    near(found["probabilities"].sum(), 1 if np.isfinite(probabilities[0]) else 0)
    assert found["probabilities"][0, 1] == 0
    assert 1 not in found["ranked_actions"]
    assert np.isnan(found["scores"][0, 1])  # what is wrong stays visible
    nothing = served([[NAN] * 3], [probabilities], ["111"], fallback=2)
    assert (nothing["action"].tolist(), nothing["propensity"].tolist()) == ([2], [1.0])


def test_a_share_that_was_given_to_an_unusable_action_goes_to_the_others():
    # 0.5 is lost with the NaN; 0.2 and 0.3 keep their proportions; nothing left at all: the best one
    near(served([[NAN, 1, 2]], [[0.5, 0.2, 0.3]], ["111"])["probabilities"], [[0, 0.4, 0.6]])
    near(served([[NAN, 1, 2]], [[1, 0, 0]], ["111"])["probabilities"], [[0, 0, 1]])


def test_the_eval_policy_takes_the_best_eligible_with_certainty():
    choice = Choice(tf.constant([[1.0, 5, 5], [1, 5, 5]]), tf.constant([[0.5, 0.25, 0.25], [0, 0, 0]]))
    found = {k: v.numpy() for k, v in evaluate(choice, tf.constant(mask(["111", "000"])), fallback=None).items()}
    assert found["action"].tolist() == [1, -1]
    assert found["ranked_actions"].tolist() == [[1, 2, 0], [-1, -1, -1]]
    near(found["probabilities"], [[0, 1, 0], [0, 0, 0]])
    near(found["propensity"], [1, 0])


def test_a_row_does_not_depend_on_the_others():
    random = np.random.default_rng(0)
    scores = random.normal(size=(50, 5)).astype(np.float32)
    scores[::7, 2] = NAN
    eligible = random.random((50, 5)) < 0.6
    share = np.where(eligible, random.random((50, 5)), 0)
    probabilities = (share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
    codes = random.integers(-2, 5, 50)
    rows = ["".join("01"[int(c)] for c in row) for row in eligible]
    whole = served(scores, probabilities, rows, code=codes, floor=0.1, eval_share=0.2, fallback=3, draw=0.4)
    for i in range(50):
        part = slice(i, i + 1)
        alone = served(
            scores[part], probabilities[part], rows[part], code=codes[part], floor=0.1, eval_share=0.2, fallback=3, draw=0.4
        )
        for name, value in alone.items():
            np.testing.assert_array_equal(value, whole[name][part], err_msg=name)
