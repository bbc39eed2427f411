import numpy as np
import pytest

from waze_data_tfx.errors import DataError
from waze_data_tfx.evaluation.off_policy import reward_model


def _log(n=600, n_actions=3, dim=4):
    rng = np.random.default_rng(1)
    context = rng.normal(size=(n, dim))
    action, fold = rng.integers(n_actions, size=n), rng.integers(5, size=n)
    theta = rng.normal(size=(n_actions, dim)) / 4
    outcomes = np.stack([np.einsum("nd,nd->n", context, theta[action]), rng.random(n) < 0.1], axis=1).astype(float)
    return context, outcomes, action, fold


def test_model_of_a_fold_is_the_ridge_regression_of_the_other_folds():
    context, outcomes, action, fold = _log()
    moments = reward_model.Moments(5, 3).add(context, outcomes, action=action, fold=fold)
    model = reward_model.fit(moments, rewards=(-9, 9))
    predicted, l2 = model.predict(context, fold), model.record["l2"][2]
    assert l2 == 1.0  # the reward has no noise here
    others, rows = (fold != 2) & (action == 1), fold == 2
    mean = outcomes[fold != 2].mean(axis=0)
    x = np.concatenate([np.ones((others.sum(), 1)), context[others]], axis=1)
    theta = np.linalg.solve(x.T @ x + l2 * np.eye(5), x.T @ (outcomes[others] - mean))
    expected = np.concatenate([np.ones((rows.sum(), 1)), context[rows]], axis=1) @ theta + mean
    np.testing.assert_allclose(predicted[rows, 1], expected.clip([-9, 0], [9, 1]), atol=1e-10)


def test_no_row_changes_its_own_prediction():
    context, outcomes, action, fold = _log()
    changed = outcomes.copy()
    changed[fold == 3] += 100
    predictions = [
        reward_model.fit(reward_model.Moments(5, 3).add(context, values, action=action, fold=fold), rewards=(-9, 9)).predict(
            context, fold
        )[fold == 3]
        for values in (outcomes, changed)
    ]
    np.testing.assert_allclose(*predictions, atol=1e-8)


def test_sums_of_parts_are_the_sums_of_all():
    context, outcomes, action, fold = _log()
    whole = reward_model.Moments(5, 3).add(context, outcomes, action=action, fold=fold)
    parts = [
        reward_model.Moments(5, 3).add(context[p], outcomes[p], action=action[p], fold=fold[p])
        for p in (slice(0, 100), slice(100, None))
    ]
    np.testing.assert_allclose(reward_model.Moments(5, 3).merge(parts).sums, whole.sums)


def test_action_without_rows_gets_the_mean_and_errors_are_out_of_fold():
    # two folds of two rows, action 0 only, no context: fold 0 earns 1, 1 and fold 1 earns 0, 0
    moments = reward_model.Moments(2, 2).add(
        np.zeros((4, 0)), np.array([[1.0, 0], [1, 0], [0, 0], [0, 0]]), action=np.zeros(4, int), fold=np.array([0, 0, 1, 1])
    )
    model = reward_model.fit(moments, rewards=(0, 1))
    assert model.predict(np.zeros((2, 0)), np.array([0, 1]))[:, :, 0].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert (model.record["mse"], model.record["mse_of_mean"], model.record["n_rows"]) == (1.0, 1.0, 4)


def test_users_of_one_fold_are_too_few():
    moments = reward_model.Moments(2, 1).add(np.zeros((2, 1)), np.zeros((2, 2)), action=np.zeros(2, int), fold=np.zeros(2, int))
    with pytest.raises(DataError, match="fewer than two folds"):
        reward_model.fit(moments, rewards=(0, 1))


def test_ridge_grows_with_noise():
    context, outcomes, action, fold = _log(n=200, dim=20)
    outcomes[:, 0] = np.random.default_rng(2).normal(size=200)  # nothing to learn by 21 coefficients from some 50 rows
    model = reward_model.fit(reward_model.Moments(5, 3).add(context, outcomes, action=action, fold=fold), rewards=(-9, 9))
    assert min(model.record["l2"]) >= 100.0
