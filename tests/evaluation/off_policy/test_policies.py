"""What saved policies are asked for, beyond what the gate's own tests see."""

import numpy as np

from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.evaluation.off_policy import policies


def test_a_policy_that_knows_no_eligible_action_takes_any() -> None:
    eligible = np.array([[True, True, False], [False, False, True], [False, True, True], [False, False, False]])
    # of three actions it knows the first two: row 1 has its fallback, row 2 what it knows, row 3 the fallback of an empty set
    asked = np.array([[0.9, 0.1, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = policies.acting(asked, eligible)
    assert found.tolist() == [[0.9, 0.1, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    nothing = policies.acting(np.zeros((1, 3)), np.array([[True, False, True]]))
    assert nothing.tolist() == [[0.5, 0.0, 0.5]]
    ones = np.ones(4)
    Rounds(np.array([0, 2, 1, 0]), ones, ones, found, eligible)  # and estimates can be made of it
