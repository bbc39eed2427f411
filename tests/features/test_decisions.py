"""A log's columns as the transform hands them on, by hand: known and unknown actions, who was eligible, days."""

import numpy as np
import tensorflow as tf

from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.features.decisions import NO_DAY, columns

BANDIT = Bandit(actions=("news", "deals", "trends"))


def test_the_log_is_read_and_what_cannot_be_used_is_marked() -> None:
    inputs = {
        "action": tf.constant(["deals", "dealz", "", "trends"]),
        "eligible_actions": tf.sparse.from_dense(
            tf.constant([["news", "deals", ""], ["", "", ""], ["other", "", ""], ["news", "other", "trends"]])
        ),
        "propensity": tf.constant([0.25, float("nan"), 1.0, 0.5]),
        "decided_on": tf.constant(["2025-01-31", "1970-01-02", "soon", "1969-12-31"]),
    }
    made = {name: values.numpy() for name, values in columns(inputs, BANDIT).items()}
    assert made["action"].tolist() == [1, -1, -1, 2]
    assert made["eligible_actions"].tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1]]
    np.testing.assert_array_equal(made["propensity"], np.float32([0.25, np.nan, 1.0, 0.5]))
    assert made["decided_on"].tolist() == [20119, 1, NO_DAY, -1]  # 55 years, 14 leap days and 30 days after 1970-01-01
