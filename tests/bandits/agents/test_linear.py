"""LinUCB and linear Thompson sampling: by hand, against TF-Agents' agents, on badly scaled features, with new arms, saved."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import math

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import load_state, save_state
from waze_data_tfx.bandits.agents.linucb import LinUCB
from waze_data_tfx.bandits.agents.thompson import LinearThompson
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.linear.prior import Prior
from waze_data_tfx.errors import DataError, UserError

N_ARMS, DIM = 3, 4
ARMS = ("a", "b", "c")
ARM_FEATURES = np.array([[1, 0], [0.5, -1], [-0.3, 0.7]], np.float32)
PLAIN = Problem(ARMS, DIM)
WITH_FEATURES = Problem(ARMS, DIM, ARM_FEATURES)
AGENTS = (LinUCB, LinearThompson)


def log(context, action, reward, **more):
    n = len(action)
    columns = {
        "context": np.asarray(context, np.float32),
        "action": np.asarray(action, np.int32),
        "reward": np.asarray(reward, np.float32),
        "propensity": np.ones(n, np.float32),
        "eligible": np.ones((n, N_ARMS), bool),
        "weight": np.ones(n, np.float32),
        "day": np.zeros(n, np.int32),
    }
    return Batch(**(columns | more))


def generated(n, *, scales=(1, 1, 1, 1)):
    """Return rows whose reward is linear in the unscaled context, with noise."""
    random = np.random.default_rng(1)
    context, action = random.normal(size=(n, DIM)), random.integers(0, N_ARMS, n)
    truth = random.normal(size=(N_ARMS, DIM))
    reward = (context * truth[action]).sum(1) + 0.1 * random.normal(size=n)
    return log(context * scales, action, reward)


def batches_of(batch, size):
    n = len(batch.action)
    return lambda: (Batch(*(column[i : i + size] for column in batch)) for i in range(0, n, size))


def choose(agent, context, eligible=None):
    context = np.asarray(context, np.float32)
    eligible = np.ones((len(context), agent.problem.n_actions), bool) if eligible is None else np.asarray(eligible)
    choice = agent.policy(tf.constant(context), tf.constant(eligible))
    return choice.scores.numpy(), choice.probabilities.numpy()


def test_linucb_by_hand():
    agent = LinUCB(Problem(("a", "b"), 1), tikhonov=1.0, alpha=1.0)
    rows = log([[1], [1], [1]], [0, 0, 0], [1, 1, 0], eligible=np.ones((3, 2), bool))
    record = agent.fit(batches_of(rows, 2))
    # a: A + 1 = 4, b = 2, theta = 0.5, sqrt(x' (A + I)^-1 x) = |x| / 2; b, never seen: theta = 0, |x| / 1.
    assert record["rows_per_model"] == {"a": 3, "b": 0}
    np.testing.assert_allclose(agent.model.theta.numpy(), [[0.5], [0]])
    np.testing.assert_allclose(np.abs(agent.model.root.numpy()), [[[0.5]], [[1]]])
    # x = 1: upper bounds 0.5 + 0.5 and 0 + 1 tie: the lower number. x = -1: -0.5 + 0.5 = 0 below 0 + 1.
    scores, probabilities = choose(agent, [[1], [-1]])
    np.testing.assert_allclose(scores, [[0.5, 0], [-0.5, 0]])
    np.testing.assert_array_equal(probabilities, [[1, 0], [0, 1]])
    # Only b may be taken, only a, none.
    _, probabilities = choose(agent, [[1], [-1], [1]], [[False, True], [True, False], [False, False]])
    np.testing.assert_array_equal(probabilities, [[0, 1], [1, 0], [0, 0]])


def test_thompson_by_hand():
    agent = LinearThompson(Problem(("a", "b"), 1), draws=40_000, scale=2.0)
    agent.fit(batches_of(log([[1], [1], [1]], [0, 0, 0], [1, 1, 0], eligible=np.ones((3, 2), bool)), 3))
    # x = 1: a ~ N(0.5, (2 / 2)^2), b ~ N(0, 2^2): P(a > b) = Phi(0.5 / sqrt(1 + 4)) = 0.5885, +- 4 standard errors of 0.0025.
    expected = 0.5 * (1 + math.erf(0.5 / math.sqrt(5) / math.sqrt(2)))
    compiled = tf.function(agent.policy, autograph=False)  # op by op, 40,000 draws take a minute
    probabilities = compiled(tf.constant([[1.0]]), tf.constant([[True, True]])).probabilities.numpy()
    assert probabilities[0, 0] == pytest.approx(expected, abs=0.01)
    assert probabilities.sum() == pytest.approx(1)


def test_the_residual_scale_by_hand():
    agent = LinearThompson(Problem(("a", "b"), 1), scale="residual")
    assert agent.model.residual_deviation.numpy() == 1
    agent.fit(batches_of(log([[1], [1], [1]], [0, 0, 0], [1, 1, 0], eligible=np.ones((3, 2), bool)), 3))
    # Residuals of theta = 0.5: 0.5, 0.5, -0.5; their mean square is 0.25.
    assert agent.model.residual_deviation.numpy() == pytest.approx(0.5)


def tf_agents_agent(kind, *, per_arm, add_bias):
    from tf_agents.bandits.agents import lin_ucb_agent, linear_thompson_sampling_agent
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step as ts

    context = tf.TensorSpec([DIM], tf.float32)
    observation = {"global": context, "per_arm": tf.TensorSpec([N_ARMS, 2], tf.float32)} if per_arm else context
    made = {
        LinUCB: lin_ucb_agent.LinearUCBAgent,
        LinearThompson: linear_thompson_sampling_agent.LinearThompsonSamplingAgent,
    }[kind]
    action = tensor_spec.BoundedTensorSpec([], tf.int32, 0, N_ARMS - 1)
    return made(ts.time_step_spec(observation), action, add_bias=add_bias, accepts_per_arm_features=per_arm)


def train_tf_agents(agent, batch, size, *, per_arm):
    from tf_agents.bandits.policies import policy_utilities
    from tf_agents.trajectories import trajectory

    for part in batches_of(batch, size)():
        n, context = len(part.action), part.context[:, None]
        info = policy_utilities.PerArmPolicyInfo(chosen_arm_features=tf.constant(ARM_FEATURES[part.action][:, None]))
        steps = trajectory.Trajectory(
            step_type=tf.zeros([n, 1], tf.int32),
            observation={"global": tf.constant(context)} if per_arm else tf.constant(context),
            action=tf.constant(part.action[:, None]),
            policy_info=info if per_arm else policy_utilities.PolicyInfo(),
            next_step_type=tf.zeros([n, 1], tf.int32),
            reward=tf.constant(part.reward[:, None]),
            discount=tf.ones([n, 1]),
        )
        agent.train(steps)
    return agent.theta.numpy()


@pytest.mark.parametrize("kind", AGENTS)
@pytest.mark.parametrize(("per_arm", "add_bias"), [(False, False), (False, True), (True, True)])
def test_parameters_equal_those_of_tf_agents_trained_step_by_step(kind, per_arm, add_bias):
    rows = generated(1000)
    theirs = train_tf_agents(tf_agents_agent(kind, per_arm=per_arm, add_bias=add_bias), rows, 100, per_arm=per_arm)
    fitted = kind(WITH_FEATURES if per_arm else PLAIN, per_arm=per_arm, add_bias=add_bias)
    fitted.fit(batches_of(rows, 250))
    np.testing.assert_allclose(fitted.model.model_theta.numpy(), theirs, atol=1e-4)


def test_upper_bounds_equal_those_of_tf_agents():
    from tf_agents.trajectories import time_step as ts

    rows = generated(30)
    theirs = tf_agents_agent(LinUCB, per_arm=False, add_bias=True)
    train_tf_agents(theirs, rows, 30, per_arm=False)
    ours = LinUCB(PLAIN, add_bias=True)
    ours.fit(batches_of(rows, 30))
    context = np.random.default_rng(2).normal(size=(500, DIM)).astype(np.float32)
    _, probabilities = choose(ours, context)
    taken = theirs.policy.action(ts.restart(tf.constant(context), batch_size=500)).action.numpy()
    assert len(set(taken)) == N_ARMS
    np.testing.assert_array_equal(probabilities.argmax(1), taken)


@pytest.mark.parametrize("condition", [1e5, 1e7])
def test_badly_scaled_features_stay_exact_where_tf_agents_does_not(condition):
    rows = generated(3000, scales=np.geomspace(1, condition, DIM))
    ours = LinUCB(PLAIN)
    ours.fit(batches_of(rows, 512))
    probe = (np.random.default_rng(3).normal(size=(200, DIM)) * np.geomspace(1, condition, DIM)).astype(np.float32)
    exact_mean, exact_deviation = np.empty((200, N_ARMS)), np.empty((200, N_ARMS))
    for k in range(N_ARMS):
        x, r = rows.context[rows.action == k].astype(float), rows.reward[rows.action == k].astype(float)
        # Ridge as least squares of [X; I] on [r; 0], by QR of the rows themselves: nothing is squared.
        tall = np.vstack([x, np.eye(DIM)])
        theta = np.linalg.lstsq(tall, np.r_[r, np.zeros(DIM)], rcond=None)[0]
        np.testing.assert_allclose(ours.model.model_theta[k].numpy(), theta, rtol=1e-6)
        exact_mean[:, k] = probe @ theta
        exact_deviation[:, k] = np.linalg.norm(np.linalg.solve(np.linalg.qr(tall, "r").T, probe.T.astype(float)), axis=0)
    from waze_data_tfx.bandits.linear import scoring

    deviation = scoring.deviation(tf.constant(probe), ours.model.root).numpy()
    np.testing.assert_allclose(deviation, exact_deviation, rtol=1e-5)
    np.testing.assert_allclose(choose(ours, probe)[0], exact_mean, atol=1e-5 * np.abs(exact_mean).max())

    theirs = tf_agents_agent(LinUCB, per_arm=False, add_bias=False)
    train_tf_agents(theirs, rows, 512, per_arm=False)
    their_variance = theirs.policy._predict_mean_reward_and_variance(tf.constant(probe), None)[1].numpy()
    assert np.median(np.abs(their_variance / exact_deviation**2 - 1)) > 0.01


@pytest.mark.parametrize("kind", AGENTS)
@pytest.mark.parametrize("interactions", [None, False, True])
def test_a_compiled_step_learns_what_fit_learns(kind, interactions):
    settings = {"add_bias": True} if interactions is None else {"per_arm": True, "interactions": interactions, "add_bias": True}
    rows = generated(400)._replace(weight=np.random.default_rng(0).uniform(0.5, 2, 400).astype(np.float32))
    problem = PLAIN if interactions is None else WITH_FEATURES
    fitted, stepped = kind(problem, **settings), kind(problem, **settings)
    fitted.fit(batches_of(rows, 150))
    step = tf.function(stepped.train_step)
    losses = [float(step(Batch(*map(tf.constant, part)))) for part in batches_of(rows, 40)()]
    np.testing.assert_allclose(stepped.model.model_theta.numpy(), fitted.model.model_theta.numpy(), rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(stepped.model.sums.rows, fitted.model.sums.rows)
    assert losses[-1] < losses[0] == pytest.approx(np.mean(rows.reward[:40] ** 2), rel=1e-5)  # theta is 0 before the first step
    scores, probabilities = choose(fitted, rows.context[:50])
    again = choose(stepped, rows.context[:50])
    np.testing.assert_allclose(again[0], scores, atol=1e-5)
    np.testing.assert_allclose(again[1], probabilities, atol=0.011)  # at most a draw on the edge


def test_a_shared_model_scores_its_rows():
    agent = LinUCB(WITH_FEATURES, per_arm=True, interactions=True, alpha=0.5)
    rows = generated(60)
    agent.fit(batches_of(rows, 60))
    made, n = agent.model.log.design, 20
    each = [made.rows(rows.context[:n], np.full(n, k)).astype(float) for k in range(N_ARMS)]
    total = agent.model.sums
    inverse = np.linalg.inv(total.gram[0] + np.eye(made.dim))
    theta = inverse @ total.target[0]
    mean = np.stack([x @ theta for x in each], axis=1)
    bound = mean + 0.5 * np.stack([np.sqrt(np.einsum("ni,ij,nj->n", x, inverse, x)) for x in each], axis=1)
    scores, probabilities = choose(agent, rows.context[:n])
    np.testing.assert_allclose(scores, mean, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(1), bound.argmax(1))


def test_thompson_draws_the_parameters_of_a_shared_model():
    twins = Problem(("a", "twin"), 1, np.array([[1.0], [1.0]], np.float32))
    agent = LinearThompson(twins, per_arm=True, draws=50)
    # Arms with the same features have the same reward in every draw: the lower number wins them all.
    np.testing.assert_array_equal(choose(agent, [[1], [2]])[1], [[1, 0], [1, 0]])
    # Features of 0 and no intercept: nothing but the context is uncertain, and it is the same for both arms.
    still = LinUCB(Problem(("a", "b"), 1, np.zeros((2, 1), np.float32)), per_arm=True)
    np.testing.assert_array_equal(choose(still, [[3]])[1], [[1, 0]])


@pytest.mark.parametrize("kind", AGENTS)
def test_an_answer_does_not_depend_on_the_batch(kind):
    agent = kind(PLAIN, add_bias=True)
    rows = generated(300)
    agent.fit(batches_of(rows, 300))
    scores, probabilities = choose(agent, rows.context)
    for part in (slice(0, 1), slice(7, 10), slice(100, 228)):
        np.testing.assert_allclose(choose(agent, rows.context[part])[0], scores[part], atol=1e-6)
        np.testing.assert_allclose(choose(agent, rows.context[part])[1], probabilities[part], atol=0.011)


@pytest.mark.parametrize("kind", AGENTS)
def test_a_saved_state_is_taken_by_name_and_a_new_arm_has_its_prior(kind, tmp_path):
    old = kind(PLAIN, add_bias=True)
    old.fit(batches_of(generated(200), 200))
    save_state(old.state(), tmp_path / "state.npz")
    new = kind(Problem(("new", "c", "a"), DIM), add_bias=True, priors={"new": Prior(mean=0.25, strength=4.0)})
    new.warm_start(load_state(tmp_path / "state.npz"), ARMS)
    np.testing.assert_array_equal(new.model.theta[1:].numpy(), old.model.theta.numpy()[[2, 0]])
    # Nothing is known of the new arm but its intercept; x = 0: mean 0.25, deviation sqrt(1 / 4).
    np.testing.assert_allclose(new.model.theta[0].numpy(), [0, 0, 0, 0, 0.25])
    np.testing.assert_allclose(new.model.root[0].numpy(), np.eye(5) / 2, atol=1e-7)
    same = kind(PLAIN, add_bias=True)
    same.warm_start(load_state(tmp_path / "state.npz"), ARMS)
    for ours, theirs in zip(choose(same, generated(50).context), choose(old, generated(50).context), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_arm_never_seen_is_explored_first_and_a_reward_of_zero_is_no_reason():
    agent = LinUCB(PLAIN)
    rows = generated(300)
    known = log(rows.context, rows.action % 2, np.zeros(300))
    agent.fit(batches_of(known, 300))
    np.testing.assert_array_equal(agent.model.theta.numpy(), np.zeros((3, DIM)))
    np.testing.assert_array_equal(choose(agent, rows.context)[1].argmax(1), np.full(300, 2))


def test_a_shared_model_takes_new_arms_by_their_features():
    old = LinUCB(WITH_FEATURES, per_arm=True)
    old.fit(batches_of(generated(200), 200))
    features = np.vstack([ARM_FEATURES[1], [2.0, 2.0]]).astype(np.float32)
    new = LinUCB(Problem(("b", "new"), DIM, features), per_arm=True)
    new.warm_start(old.state(), ARMS)
    theta = old.model.model_theta.numpy()[0]
    context = generated(5).context
    np.testing.assert_allclose(choose(new, context)[0][:, 0], choose(old, context)[0][:, 1], atol=1e-6)
    np.testing.assert_allclose(choose(new, context)[0][:, 1], context @ theta[:DIM] + theta[DIM:].sum() * 2, atol=1e-5)


def test_a_rolling_window_is_refitted_from_daily_sums():
    rows = generated(600)._replace(day=np.repeat([1, 2, 3], 200).astype(np.int32))
    agent, of_two_days = LinUCB(PLAIN), LinUCB(PLAIN)
    agent.fit(batches_of(rows, 100))
    agent.model.refit(agent.model.daily.window(2, 3))
    of_two_days.fit(lambda: iter([Batch(*(column[200:] for column in rows))]))
    np.testing.assert_allclose(agent.model.model_theta.numpy(), of_two_days.model.model_theta.numpy(), rtol=1e-9)


def test_propensities_correct_a_wrong_model():
    # The reward is x^2 for one arm, fitted by a line through 0 on x in {1, 2}: sum w x r / sum w x^2, with a ridge of nearly 0.
    rows = log([[1], [2]], [0, 0], [1, 4], propensity=np.array([0.1, 1.0], np.float32))
    plain, weighted = (LinUCB(Problem(ARMS, 1), tikhonov=1e-9, off_policy=o) for o in ("none", "ips"))
    for agent in (plain, weighted):
        agent.fit(batches_of(rows, 2))
    assert plain.model.theta.numpy()[0, 0] == pytest.approx((1 + 8) / (1 + 4))
    assert weighted.model.theta.numpy()[0, 0] == pytest.approx((10 * 1 + 8) / (10 * 1 + 4))  # 1 / 0.1 = 10
    stepped = LinUCB(Problem(ARMS, 1), tikhonov=1e-9, off_policy="ips")
    stepped.train_step(Batch(*map(tf.constant, rows)))
    np.testing.assert_allclose(stepped.model.theta.numpy(), weighted.model.theta.numpy(), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="propensity"):
        stepped.train_step(Batch(*map(tf.constant, rows._replace(propensity=np.zeros(2, np.float32)))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tikhonov": 0}, r"linucb\.tikhonov: received 0; expected a number above 0"),
        ({"tikhonov": float("nan")}, r"linucb\.tikhonov"),
        ({"alpha": -1}, r"linucb\.alpha: received -1"),
        ({"off_policy": "isp"}, "received 'isp'; known: none, ips; did you mean 'ips'"),
        ({"off_policy": "ips", "max_weight": 0.5}, "max_weight: received 0.5"),
        ({"per_arm": True}, "needs features of the arms"),
        ({"interactions": True}, "set per_arm: true"),
        ({"priors": {"aa": {"mean": 0.1, "strength": 1}}}, "unknown arm 'aa'; known: a, b, c; did you mean 'a'"),
        ({"priors": {"a": {"mean": 0.1, "strength": 1}}}, "one number is the intercept, and there is none"),
        ({"priors": {"a": {"mean": (1, 2), "strength": 1}}}, "received 2 numbers; expected 4"),
        ({"priors": {"a": {"mean": (1, 2, 3, 4), "strength": 0}}}, "strength: received 0"),
        ({"priors": {"a": {"men": 1}}}, "received men; expected mean and strength"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(UserError, match=message):
        LinUCB(PLAIN, **settings)


def test_what_cannot_be_learnt_from_is_an_error():
    with pytest.raises(DataError, match="lin_ts: there are no decisions"):
        LinearThompson(PLAIN).fit(lambda: iter(()))
    with pytest.raises(UserError, match="scale: received 0"):
        LinearThompson(PLAIN, scale=0)
    with pytest.raises(UserError, match="draws: received 0"):
        LinearThompson(PLAIN, draws=0)
    state = LinUCB(PLAIN).state()
    with pytest.raises(UserError, match="rows of 4 numbers; received a model of 5"):
        LinUCB(PLAIN, add_bias=True).warm_start(state, ARMS)
    with pytest.raises(UserError, match="its models: a, b, c; expected: all arms"):
        LinUCB(WITH_FEATURES, per_arm=True).warm_start(state, ARMS)
    with pytest.raises(UserError, match="missing: models, moments, rows, weight"):
        LinUCB(PLAIN).warm_start({}, ARMS)
    missing = log(np.full((2, DIM), np.nan), [0, 1], [1, 1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="a context or reward is not finite"):
        tf.function(LinUCB(PLAIN).train_step)(Batch(*map(tf.constant, missing)))
    twice = np.repeat(generated(100).context[:, :1], DIM, axis=1) * 1e6
    with pytest.raises(UserError, match="tikhonov: too small"):
        LinUCB(PLAIN, tikhonov=1e-9).fit(batches_of(log(twice, np.zeros(100), np.ones(100)), 100))


@pytest.mark.parametrize("kind", AGENTS)
@pytest.mark.parametrize("per_arm", [False, True])
def test_a_policy_is_saved_without_the_sums_and_reads_what_was_learnt_last(kind, per_arm, tmp_path):
    agent = kind(WITH_FEATURES, per_arm=per_arm)
    before = choose(agent, generated(20).context)[0]
    agent.fit(batches_of(generated(200), 200))
    scores, probabilities = choose(agent, generated(20).context)
    assert not np.allclose(before, scores)
    signature = [tf.TensorSpec([None, DIM]), tf.TensorSpec([None, N_ARMS], tf.bool)]
    module = tf.Module()
    module.policy, module.act = agent.policy, tf.function(lambda c, e: agent.policy(c, e)._asdict(), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    answer = loaded.act(tf.constant(generated(20).context), tf.ones([20, N_ARMS], tf.bool))
    np.testing.assert_array_equal(answer["scores"].numpy(), scores)
    np.testing.assert_array_equal(answer["probabilities"].numpy(), probabilities)
    assert all(v.shape.rank < 3 or v.shape[0] in (1, N_ARMS) for v in agent.policy.variables)
