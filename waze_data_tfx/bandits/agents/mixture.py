"""A mixture of agents: each decision follows one of them, drawn by weights that are given or learnt by Exp3.

Imports TensorFlow at the top.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import make_agent, settings
from waze_data_tfx.bandits.agents.base import Agent, Choice, Policy
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.errors import UserError

HELD_OUT = 10  # of so many rows one tells what the agents are worth, where `fit` learns the weights


class MixturePolicy(Policy):
    """Marginal probabilities and scores: the agents' own, averaged by weight."""

    def __init__(self, policies: Sequence[Policy], weights: tf.Variable) -> None:
        """Hold the agents' policies and their weights, [n_agents], which sum to 1."""
        super().__init__()
        self._policies, self._weights = list(policies), weights

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return scores and probabilities."""
        choices = [policy(context, eligible) for policy in self._policies]
        weights = tf.unstack(self._weights, num=len(choices))
        return Choice(*(sum(w * part for w, part in zip(weights, parts, strict=True)) for parts in zip(*choices, strict=True)))


class Mixture(Agent):
    """Several agents, each of which learns from every row with its weight, whichever of them chose.

    `learn: static` keeps the weights. `learn: exp3` begins from them and multiplies each by exp(gains / sqrt(rows)): the gain of
    an agent at a row is p(action) / propensity * reward, its unbiased value estimate there (exponential weights over experts,
    Auer et al. 2002), with 1/propensity at most `max_weight`. Sums of gains fade with a memory of `memory` rows, and sqrt(rows)
    is capped at sqrt(memory): a ceiling, where TF-Agents' Exp3 takes the larger of both. In `train_step` the gain is measured
    before the agents see the batch; `fit` measures it on every tenth row, which the agents then do not learn from.

    Off-policy: the agents' own settings say what each does; Exp3 needs the propensities.
    """

    name = "mixture"

    def __init__(
        self,
        problem: Problem,
        *,
        agents: Sequence[Mapping[str, Any]],
        seed: int = 0,
        weights: Sequence[float] | None = None,
        learn: str = "static",
        memory: int = 10_000,
        max_weight: float = 20.0,
    ) -> None:
        """Make the agents.

        Args:
            problem: actions and sizes, the same for all.
            agents: of each its name and settings; the i-th has the seed `seed` + i.
            seed: of what is random in them.
            weights: of each, above 0; equal where not given; divided by their sum.
            learn: static or exp3.
            memory: rows that exp3 looks back on.
            max_weight: upper bound of 1/propensity in exp3.
        """
        super().__init__(problem, seed=seed)
        settings.one_of(self.name, ("static", "exp3"), learn=learn)
        settings.counts(self.name, memory=memory)
        settings.at_least_one(self.name, max_weight=max_weight)
        first = _shares(self.name, weights, len(agents))
        self.agents = [_made(problem, agent, seed=seed + i, where=f"{self.name}.agents[{i}]") for i, agent in enumerate(agents)]
        self._learn, self._memory, self._max_weight = learn, memory, max_weight
        self._first = tf.constant(np.log(first), tf.float32)
        self._gains = tf.Variable(tf.zeros([len(agents)]), trainable=False)
        self._rows = tf.Variable(0.0, trainable=False)
        self.weights = tf.Variable(first.astype(np.float32), trainable=False)
        self._policy = MixturePolicy([agent.policy for agent in self.agents], self.weights)
        self._measure = tf.function(self._gain, autograph=False, reduce_retracing=True)

    @property
    def policy(self) -> Policy:
        """Return the mixed policy."""
        return self._policy

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Let every agent learn and return the mean of their losses []."""
        if self._learn == "exp3":
            self._gain(batch)
        losses = [tf.cast(agent.train_step(batch), tf.float32) for agent in self.agents]
        return tf.add_n(losses) / len(losses)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Let every agent learn from the log, then exp3 its weights; the record holds the agents' own and the weights."""
        learnt = self._learn == "exp3"
        records = [dict(agent.fit((lambda: map(_learnt, batches())) if learnt else batches)) for agent in self.agents]
        for batch in batches() if learnt else ():
            self._measure(Batch(*map(tf.convert_to_tensor, _held_out(batch))))
        return {"agents": records, "weights": self.weights.numpy().tolist()}

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the agents' states and what exp3 knows."""
        named = {f"{i}/{name}": value for i, agent in enumerate(self.agents) for name, value in agent.state().items()}
        return {**named, "gains": self._gains.numpy(), "rows": self._rows.numpy()}

    def context_axes(self) -> Mapping[str, int] | None:
        """Return the agents' own; None if one of them does not know."""
        found: dict[str, int] = {}
        for i, agent in enumerate(self.agents):
            axes = agent.context_axes()
            if axes is None:
                return None
            found |= {f"{i}/{name}": axis for name, axis in axes.items()}
        return found

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Begin each agent from its part of the state, and exp3 from its gains."""
        if np.shape(state.get("gains", ())) != tuple(self._gains.shape):
            raise UserError(f"{self.name}: the state to start from is not of {len(self.agents)} agents")
        for i, agent in enumerate(self.agents):
            prefix = f"{i}/"
            agent.warm_start({n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}, actions)
        if self._learn == "exp3":
            self._gains.assign(state["gains"])
            self._rows.assign(state["rows"])
            self._weigh()

    def _gain(self, batch: Batch) -> None:
        """Add the agents' gains at a batch, and weigh them anew."""
        taken = tf.one_hot(batch.action, self.problem.n_actions)
        worth = batch.weight * batch.reward * tf.minimum(1.0 / batch.propensity, self._max_weight)
        shares = [tf.reduce_sum(a.policy(batch.context, batch.eligible).probabilities * taken, axis=1) for a in self.agents]
        n = tf.cast(tf.shape(batch.action)[0], tf.float32)
        kept = tf.pow(1.0 - 1.0 / self._memory, n)
        self._gains.assign(kept * self._gains + tf.stack([tf.reduce_sum(share * worth) for share in shares]))
        self._rows.assign_add(n)
        self._weigh()

    def _weigh(self) -> None:
        inverse_temperature = tf.sqrt(tf.clip_by_value(self._rows, 1.0, float(self._memory)))
        self.weights.assign(tf.nn.softmax(self._first + self._gains / inverse_temperature))


def _made(problem: Problem, agent: Mapping[str, Any], *, seed: int, where: str) -> Agent:
    if not isinstance(agent, Mapping) or "name" not in agent:
        raise UserError(f"{where}: received {agent!r}; expected the agent's name and settings, such as {{name: neural_falcon}}")
    return make_agent(agent["name"], problem, {key: value for key, value in agent.items() if key != "name"}, seed=seed)


def _shares(where: str, weights: Sequence[float] | None, n: int) -> np.ndarray:
    if n < 2:
        raise UserError(f"{where}.agents: a mixture has two agents or more; received {n}")
    if weights is not None and len(weights) != n:
        raise UserError(f"{where}.weights: expected one for each agent; received {len(weights)} for {n}")
    for i, weight in enumerate(weights or ()):
        settings.positive(where, **{f"weights[{i}]": weight})
    given = np.asarray(weights or [1.0] * n, np.float64)
    return given / given.sum()


def _learnt(batch: Batch) -> Batch:
    keep = np.arange(len(batch.action)) % HELD_OUT != 0
    return Batch(*(np.asarray(column)[keep] for column in batch))


def _held_out(batch: Batch) -> Batch:
    return Batch(*(np.asarray(column)[::HELD_OUT] for column in batch))
