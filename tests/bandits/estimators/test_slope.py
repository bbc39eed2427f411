import numpy as np
import pytest
from rounds_for_test import MODEL, simulated_kinds, true_value

from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.slope import slope, tune
from waze_data_tfx.bandits.estimators.sums import Sums
from waze_data_tfx.errors import UserError


@pytest.mark.parametrize(
    ("values", "widths", "chosen"),
    [
        # |0.1 - 0| <= 0.5 + 1.449 * 1; |0.5 - 0| <= 0.01 + 1.449 and |0.5 - 0.1| <= 0.01 + 1.449 * 0.5: the narrowest
        ((0.0, 0.1, 0.5), (1.0, 0.5, 0.01), 2),
        # |5 - 0.1| > 0.01 + 1.449 * 0.5: the one before
        ((0.0, 0.1, 5.0), (1.0, 0.5, 0.01), 1),
        # the same in another order
        ((5.0, 0.0, 0.1), (0.01, 1.0, 0.5), 2),
        # what follows a disagreement is not looked at
        ((0.0, 5.0, 0.0), (1.0, 0.5, 0.01), 0),
        ((0.3,), (0.0,), 0),
    ],
)
def test_slope_by_hand(values, widths, chosen):
    assert slope(values, widths) == chosen


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(UserError, match="0 values and 0 widths"):
        slope((), ())
    plan = Plan({"reward": (0, 1)}, {"candidate": Grid()}, ("reward",))
    with pytest.raises(UserError, match="dm: has no hyperparameter"):
        tune(Sums.empty(plan.names), plan, "candidate", "dm")


@pytest.mark.parametrize("estimator", ["switch_dr", "dros"])
def test_tuning_trusts_a_good_model_and_not_a_bad_one(estimator):
    grid = (0.01, 1.0, 10.0, 1000.0)
    plan = Plan({"reward": (0, 1)}, {"candidate": Grid(switch_tau=grid, dros_lambda=grid)}, ("reward",))
    rounds, kind = simulated_kinds(n=20000, seed=0)

    def tuned(model):
        return tune(
            Sums.of(
                plan.columns("candidate", "reward", rounds.with_outcome(rounds.reward, model[kind])), np.arange(20000) % 1000
            ),
            plan,
            "candidate",
            estimator,
        )

    wrong, right = tuned(1 - MODEL), tuned(MODEL)
    assert right.parameter < wrong.parameter
    value = wrong.values[grid.index(wrong.parameter)]
    assert value == pytest.approx(true_value(), abs=0.05)  # the direct method says 0.82
    assert wrong.values[0] > 0.7
