"""A small simulated log of decisions, and saved policies with the signatures that an export has."""

import json
import os
from typing import NamedTuple

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np

ACTIONS = ("news", "deals", "bait")


class Log(NamedTuple):
    """What was decided, and the truth that is not in the log."""

    user: np.ndarray
    x: np.ndarray
    country: np.ndarray
    action: np.ndarray
    propensity: np.ndarray
    reward: np.ndarray
    unsubscribed: np.ndarray
    expected: np.ndarray


def simulate(n, *, seed=0, floor=0.3):
    """Actions earn by the sign of x: news 0.5 above 0 and 0.1 below, deals the reverse; bait earns 0.35 and loses 5 % of users.

    The logging policy prefers news, with `floor` spread evenly.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).astype(np.float32)
    likes_news = x > 0
    click = np.stack([np.where(likes_news, 0.5, 0.1), np.where(likes_news, 0.1, 0.5), np.full(n, 0.35)], axis=1)
    lost = np.array([0.001, 0.001, 0.05])
    p = np.array([1 - floor, 0.0, 0.0]) + floor / 3
    action = rng.choice(3, size=n, p=p)
    unsubscribed = rng.random(n) < lost[action]
    clicked = rng.random(n) < click[np.arange(n), action]
    reward = np.where(unsubscribed, -1.0, clicked)
    country = np.where(rng.random(n) < 0.5, "CH", "DE")
    expected = click * (1 - lost) - lost
    user = np.array([f"u{i}" for i in rng.integers(n // 2, size=n)])
    return Log(user, x, country, action, p[action], reward, unsubscribed.astype(int), expected)


def write_examples(log, folder):
    import tensorflow as tf

    def bytes_of(*values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))

    def number(value):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data-00000-of-00001.gz"), "GZIP") as writer:
        for i in range(len(log.x)):
            features = {
                "user_id": bytes_of(log.user[i]),
                "country": bytes_of(log.country[i]),
                "action": bytes_of(ACTIONS[log.action[i]]),
                "eligible_actions": bytes_of(*ACTIONS),
                "x": number(log.x[i]),
                "propensity": number(log.propensity[i]),
                "reward": number(log.reward[i]),
                "unsubscribed": tf.train.Feature(int64_list=tf.train.Int64List(value=[log.unsubscribed[i]])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return [str(folder / "*")]


def save_policy(folder, scores, *, floor=0.05, actions=ACTIONS, without=()):
    """Save a policy: greedy by `scores(x) -> [n, n_actions]`; the serving one with a floor; `without` these signatures."""
    import tensorflow as tf

    n_actions = len(actions)

    def parsed(examples):
        return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

    def chosen(examples, share):
        values = scores(parsed(examples))
        greedy = tf.one_hot(tf.argmax(values, axis=1), n_actions)
        return {"probabilities": (1 - share) * greedy + share / n_actions, "scores": values}

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
        def serve(self, examples):
            return chosen(examples, floor)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
        def judge(self, examples):
            return chosen(examples, 0.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
        def context(self, examples):
            x = parsed(examples)
            return {"context": tf.stack([x, tf.cast(x > 0, tf.float32)], axis=1)}

    module = Served()
    signatures = {"serving_default": module.serve, "eval": module.judge, "context": module.context}
    kept = {name: function for name, function in signatures.items() if name not in without}
    tf.saved_model.save(module, str(folder), signatures=kept)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "policy.json").write_text(json.dumps({"actions": actions}))
    return str(folder)


def good(x):
    """News to those with x > 0, deals to the others: what is best."""
    import tensorflow as tf

    likes = tf.cast(x > 0, tf.float32)
    return tf.stack([0.1 + 0.4 * likes, 0.5 - 0.4 * likes, tf.fill(tf.shape(x), 0.3)], axis=1)


def bad(x):
    """The reverse of what is best."""
    import tensorflow as tf

    likes = tf.cast(x > 0, tf.float32)
    return tf.stack([0.5 - 0.4 * likes, 0.1 + 0.4 * likes, tf.fill(tf.shape(x), 0.05)], axis=1)


def baiting(x):
    """The click-bait to everybody."""
    import tensorflow as tf

    return tf.stack([tf.fill(tf.shape(x), v) for v in (0.1, 0.1, 0.5)], axis=1)


def config(*, metrics=({"name": "auc", "lower_bound": 0.5},), slices=(), off_policy=None, **bandit):
    from waze_data_tfx.config.schema import Config

    return Config.model_validate(
        {
            "name": "t",
            "pipeline": "bandit",
            "label": "reward",
            "key": "user_id",
            "data": {"input": "x.csv", "split": {"by": ["user_id"]}},
            "features": {"dense": ["x"]},
            "bandit": {
                "actions": ACTIONS,
                "columns": {"unsubscribed": "unsubscribed"},
                "off_policy": {"n_bootstrap": 200, **(off_policy or {})},
                **bandit,
            },
            "evaluation": {"metrics": metrics, "slices": slices},
        }
    )


@pytest.fixture(scope="session")
def log():
    return simulate(6000)


@pytest.fixture(scope="session")
def place(tmp_path_factory, log):
    """A folder with the log as examples and the policies good, bad and baiting."""
    import tfx  # noqa: F401

    folder = tmp_path_factory.mktemp("off_policy")
    write_examples(log, folder / "examples")
    for name, scores in (("good", good), ("bad", bad), ("baiting", baiting)):
        save_policy(folder / name, scores)
    return folder


@pytest.fixture(scope="session")
def off_policy_config():
    """Return the config of the log, with what is asked for."""
    return config


@pytest.fixture(scope="session")
def simulated():
    """Return the functions that make a log, write it and save a policy."""
    return simulate, write_examples, save_policy
