"""The run_fn of a bandit that TFX's Trainer gets, by this dotted path: reads the log, fits the agent, exports its policy.

Everything it needs is in fn_args and the config inside it. Never reads raw data and never judges the policy. Imports
TensorFlow at the top.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from waze_data_tfx import usercode
from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.agents.base import Agent, load_state, save_state
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.export import Columns, export
from waze_data_tfx.bandits.policies.identity import Identity, read_identity
from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import model_inputs

from . import carry, contexts
from .arms import read_arm_features
from .logged import Log, read_log

HISTORY_FILE = "training.json"
STATE_FILE = Path("assets.extra") / "agent.npz"


def run_fn(fn_args: Any) -> None:
    """Fit on fn_args.train_files, measure on eval_files, export to serving_model_dir, write training.json to model_run_dir.

    The agent, its settings and its seed are those of fn_args.hyperparameters, as component Hyperparameter writes them.

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
        read_log(name, files, spec, config, encode=encode, context_dim=context_dim)
        for name, files in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
    )
    read_s, started = time.monotonic() - started, time.monotonic()
    problem = problem_of(config.bandit, context_dim)
    chosen = dict(fn_args.hyperparameters["values"])
    name, seed, settings = chosen["agent"], chosen["seed"], chosen["settings"]
    if config.code.agent:
        usercode.offer(config.code.agent)
    meanings = carry.meanings(inputs, transformed, config)
    agent, begun, refused = begin(lambda: make_agent(name, problem, settings, seed=seed), fn_args.base_model, meanings)
    fitted = agent.fit(train.batches)
    fit_s, started = time.monotonic() - started, time.monotonic()
    identity = identity_of(agent, {"name": name, **settings}, config)
    export(agent.policy, problem, identity, columns=_columns(transformed, encode, config), directory=fn_args.serving_model_dir)
    _save_state(agent, fn_args.serving_model_dir)
    carry.write_meanings(meanings, Path(fn_args.serving_model_dir))
    seconds = {"read": read_s, "fit": fit_s, "export": time.monotonic() - started}
    record = {
        "policy_id": identity.policy_id,
        "agent": name,
        "settings": settings,
        "warm_start": begun,
        "warm_start_refused": refused,
        "fit": dict(fitted),
        "n_train_rows": train.split.n_rows,
        "n_eval_rows": evaluation.split.n_rows,
        "context": meanings,
        "eval": measured(agent, evaluation),
        "seconds": seconds,
    }
    _write_record(fn_args.model_run_dir, record)


def begin(make: Callable[[], Agent], base_model: str | None, meanings: list[str]) -> tuple[Agent, str | None, str | None]:
    """Return an agent that begins from the last accepted policy, where that lies, and why it does not begin from it.

    What was learnt of a number of the context is carried over by what the number means: a window's vocabulary or a new feature
    changes their order and their count. Where an agent's state cannot be rearranged so, or another agent has another state, it
    begins anew, which is said.

    Args:
        make: makes the agent.
        base_model: the accepted policy's folder; None for none.
        meanings: of the context's numbers now, by `carry.meanings`.
    """
    agent = make()
    if not base_model:
        return agent, None, None
    folder = Path(base_model)
    try:
        state = carry.carried(load_state(folder / STATE_FILE), agent, before=carry.read_meanings(folder), now=meanings)
        agent.warm_start(state, read_identity(folder).actions)
    except (UserError, FileNotFoundError) as error:
        why = error.message if isinstance(error, UserError) else f"{folder / STATE_FILE}: no such file"
        print(f"Trainer: begins anew, not from {base_model}: {why}", flush=True)
        return make(), None, why  # a mixture may have begun in part
    return agent, base_model, None


def problem_of(bandit: Bandit, context_dim: int) -> Problem:
    """Return the problem that the agent learns."""
    arms = read_arm_features(bandit.arm_features, bandit.actions) if bandit.arm_features else None
    return Problem(bandit.actions, context_dim, arms)


def identity_of(agent: Agent, described: Mapping[str, Any], config: Config) -> Identity:
    """Return who the policy is.

    Its id follows from what was learnt and from what makes probabilities of it, so that the same training is the same policy and
    equal sums under another alpha are another one.
    """
    bandit = config.bandit
    assert bandit is not None
    serving = bandit.serving
    chooses = [bandit.actions, described, agent.seed, serving.floor, serving.fallback_action]
    digest = hashlib.blake2b(json.dumps(chooses, sort_keys=True, default=str).encode(), digest_size=6)
    for name, values in sorted(agent.state().items()):
        digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return Identity(
        actions=bandit.actions,
        policy_id=f"{config.name}-{digest.hexdigest()}",
        agent=described,
        floor=serving.floor,
        seed=serving.seed,
        fallback=serving.fallback_action,
        criteria_columns=serving.criteria_columns,
    )


def _columns(transformed: Any, encode: contexts.Encode, config: Config) -> Columns:
    """Return what a row of the served policy consists of: the raw columns, and the transform's graph that makes its context."""
    assert config.bandit is not None
    spec, log = transformed.raw_feature_spec(), config.bandit.columns
    loader = saved_transform_io_v2.SavedModelLoader(transformed.transform_savedmodel_dir)

    def as_context(raw: Mapping[str, Any]) -> Any:
        return encode(loader.apply_transform_model(dict(raw)))

    def of(name: str | None) -> tuple[str, Any] | None:
        return (name, spec[name]) if name else None

    key = of(config.key)
    assert key is not None
    return Columns(
        context={name: spec[name] for name in config.features.column_types() if name in spec},
        as_context=as_context,
        key=key,
        eligible=log.eligible,
        draw=of(log.decision),
        criteria={name: spec[name] for name in config.bandit.serving.criteria_columns},
        resources=loader._imported,
    )


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


def _write_record(directory: str, record: dict[str, Any]) -> None:
    tf.io.gfile.makedirs(directory)
    with tf.io.gfile.GFile(os.path.join(directory, HISTORY_FILE), "w") as file:
        file.write(json.dumps(record, indent=1, default=float))


def _save_state(agent: Agent, directory: str) -> None:
    file = Path(directory) / STATE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    save_state(agent.state(), file)
