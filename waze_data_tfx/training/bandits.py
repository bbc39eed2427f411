"""The run_fn of a bandit that TFX's Trainer gets, by this dotted path: reads the log, fits the agent, exports its policy.

Everything it needs is in fn_args and the config inside it. Never reads raw data and never judges the policy. Imports
TensorFlow at the top.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.agents.base import Agent, load_state, save_state
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.config.schema import Config
from waze_data_tfx.features.inputs import model_inputs

from . import contexts
from .arms import read_arm_features
from .examples import read_split
from .logged import Log, read_log

HISTORY_FILE = "training.json"
STATE_FILE = Path("assets.extra") / "agent.npz"


def run_fn(fn_args: Any) -> None:
    """Fit on fn_args.train_files, measure on eval_files, export to serving_model_dir, write training.json to model_run_dir.

    Raises:
        DataError: a split is empty, or the log cannot be learnt from.
        UserError: a setting is wrong.
    """
    config = Config.model_validate_json(fn_args.custom_config["config"])
    assert config.bandit is not None
    started = time.monotonic()
    transformed = tft.TFTransformOutput(fn_args.transform_output or fn_args.transform_graph_path)
    inputs = model_inputs(transformed, config)
    encode, context_dim = contexts.encoder(inputs), contexts.width(inputs)
    spec = transformed.transformed_feature_spec()
    train, evaluation = (
        read_log(read_split(name, files, spec, config), config, encode, context_dim)
        for name, files in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
    )
    read_s, started = time.monotonic() - started, time.monotonic()
    problem = problem_of(config.bandit, context_dim)
    settings = _settings(config, fn_args.hyperparameters)
    agent = make_agent(config.bandit.agent.name, problem, settings, seed=config.training.seed)
    begun = _warm_start(agent, fn_args.base_model, config)
    fitted = agent.fit(train.batches)
    fit_s, started = time.monotonic() - started, time.monotonic()
    record = {
        "agent": config.bandit.agent.name,
        "settings": settings,
        "warm_start": begun,
        "fit": dict(fitted),
        "n_train_rows": train.split.n_rows,
        "n_eval_rows": evaluation.split.n_rows,
        "context": contexts.names(inputs),
        "eval": measured(agent, evaluation),
        "seconds": {"read": read_s, "fit": fit_s, "export": time.monotonic() - started},
    }
    _write_record(fn_args.model_run_dir, record)


def problem_of(bandit: Bandit, context_dim: int) -> Problem:
    """Return the problem that the agent learns."""
    arms = read_arm_features(bandit.arm_features, bandit.actions) if bandit.arm_features else None
    return Problem(bandit.actions, context_dim, arms)


def measured(agent: Agent, log: Log) -> dict[str, float]:
    """Return how well the agent expects the rewards of decisions that it did not learn from.

    mse: of the score of the action taken against the reward; mse_of_mean: of the mean reward against it.
    """
    policy = tf.function(agent.policy, autograph=False, reduce_retracing=True)
    errors: list[np.ndarray] = []
    rewards: list[np.ndarray] = []
    for batch in log.batches():
        scores = policy(tf.constant(batch.context), tf.constant(batch.eligible)).scores.numpy()
        errors.append(scores[np.arange(len(batch.action)), batch.action] - batch.reward)
        rewards.append(batch.reward)
    reward = np.concatenate(rewards)
    return {
        "mse": float(np.mean(np.concatenate(errors) ** 2)),
        "mse_of_mean": float(np.var(reward)),
        "mean_reward": float(reward.mean()),
    }


def _settings(config: Config, hyperparameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the agent's settings: those of the Hyperparameter component, which the config's are for want of one."""
    assert config.bandit is not None
    return dict((hyperparameters or {}).get("values", {}).get("agent", config.bandit.agent.settings()))


def _warm_start(agent: Agent, base_model: str | None, config: Config) -> str | None:
    """Begin from the last accepted policy, if there is one; return where it lies."""
    if not base_model:
        return None
    folder = Path(base_model)
    described = json.loads((folder / "assets.extra" / "policy.json").read_text(encoding="utf-8"))
    agent.warm_start(load_state(folder / STATE_FILE), tuple(described["actions"]))
    return base_model


def _write_record(directory: str, record: dict[str, Any]) -> None:
    tf.io.gfile.makedirs(directory)
    with tf.io.gfile.GFile(os.path.join(directory, HISTORY_FILE), "w") as file:
        file.write(json.dumps(record, indent=1, default=float))


def _save_state(agent: Agent, directory: str) -> None:
    file = Path(directory) / STATE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    save_state(agent.state(), file)
