"""Agents that predict every action's reward by a neural network, and explore by it: epsilon-greedy, Boltzmann, FALCON.

TF-Agents' reward prediction agent learns (`regression`); the probabilities are ours (`policies.exploration`), because TF-Agents'
epsilon-greedy emits the joint probability of branch and action, and its mask does not go with arm features. Settings that all
share are `neural_settings.Training`'s; each agent learns off-policy by none (its default: regression on the actions taken), ips
or dr as `learner` says. Imports TensorFlow at the top.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import settings
from waze_data_tfx.bandits.agents.base import Agent, Choice, Policy
from waze_data_tfx.bandits.agents.learner import Learner
from waze_data_tfx.bandits.agents.networks import ActionHeads, CommonTower, DotProduct, RewardNetwork
from waze_data_tfx.bandits.agents.neural_settings import Training
from waze_data_tfx.bandits.agents.warm import load_named
from waze_data_tfx.bandits.decisions import Batch, Problem
from waze_data_tfx.bandits.policies import exploration
from waze_data_tfx.errors import UserError

MAX_GAMMA = 1e6  # above it FALCON is greedy in float32


class NeuralAgent(Agent):
    """An agent around one reward network; a subclass gives it a policy.

    Attributes:
        network: what predicts.
        training: the settings of its fit.
    """

    name = "neural"
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        """Say which settings there are, for editors and for whoever checks a config."""
        own = inspect.signature(cls.__init__).parameters.values()
        names = [p for p in list(own)[1:] if p.kind is not p.VAR_KEYWORD]
        shared = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(Training).parameters.values()]
        cls.__signature__ = inspect.Signature(names + shared)

    def __init__(self, problem: Problem, *, seed: int = 0, dropped: float = 0.0, **training: Any) -> None:
        """Make the network.

        Args:
            problem: actions and sizes.
            seed: of the first weights and of the passes' order.
            dropped: share of units left out in training.
            training: settings of `neural_settings.Training`.

        Raises:
            UserError: a setting is not possible, or arm features are asked for and there are none.
        """
        super().__init__(problem, seed=seed)
        self.training = Training.of(self.name, training)
        make = _maker(self.name, problem, self.training)
        self._learner = Learner(make, problem=problem, training=self.training, seed=seed, dropout=dropped)
        self.network = self._learner.network
        self.samples = tf.Variable(0, dtype=tf.int64, trainable=False)

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Learn from one batch of tensors and return the loss []."""
        self.samples.assign_add(tf.shape(batch.action, out_type=tf.int64)[0])
        return self._learner.step(batch)

    def fit(self, batches: Callable[[], Iterator[Batch]]) -> Mapping[str, Any]:
        """Learn from a log in passes; the record has rows, the loss of every pass, seconds.

        Raises:
            UserError: the loss becomes NaN or infinite, or the log has no row.
            DataError: an action, propensity or weight is impossible.
        """
        record = self._learner.fit(batches)
        self.samples.assign_add(record["rows"])
        return record

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the network's variables, those of dr's reward model, and the number of rows learnt from."""
        return {**{name: v.numpy() for name, v in self._named().items()}, "samples": self.samples.numpy()}

    def context_axes(self) -> Mapping[str, int]:
        """Return the first layers' kernels, whose rows are the context's numbers."""
        return {f"{net}/hidden_0_kernel": 0 for net in ("network", "reward_model")}

    def warm_start(self, state: Mapping[str, np.ndarray], actions: tuple[str, ...]) -> None:
        """Begin from a state's weights; an action's output is found by its name. Adam's moments and the row count begin anew.

        An action that the state does not know begins as the mean of the known ones, or at `new_action_prior` for everybody.

        Raises:
            UserError: a layer's size differs.
        """
        load_named(
            self._named(),
            state,
            axes=self._axes(),
            actions=(actions, self.problem.actions),
            prior=self.training.new_action_prior,
            where=self.name,
        )

    def _named(self) -> dict[str, tf.Variable]:
        model = self._learner.reward_model
        named = {f"network/{name}": v for name, v in self.network.named().items()}
        return named if model is None else named | {f"reward_model/{name}": v for name, v in model.named().items()}

    def _axes(self) -> dict[str, int]:
        return {f"{net}/{name}": axis for net in ("network", "reward_model") for name, axis in self.network.action_axes.items()}


class ScorePolicy(Policy):
    """Explores by the scores of a network."""

    def __init__(self, network: RewardNetwork, explore: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], *reads: tf.Variable) -> None:
        """Hold the network, the exploration of scores and eligible actions, and the variables that it `reads`."""
        super().__init__()
        self._network, self._explore, self._reads = network, explore, list(reads)

    def __call__(self, context: tf.Tensor, eligible: tf.Tensor) -> Choice:
        """Return scores and probabilities."""
        scores = self._network.scores(context)
        return Choice(scores, self._explore(scores, eligible))


class NeuralEpsilonGreedy(NeuralAgent):
    """The best action with probability 1 - epsilon + epsilon / n_eligible, each other with epsilon / n_eligible.

    Off-policy: regression needs no propensities where the network can express the rewards; ips and dr use them.
    """

    name = "neural_epsilon_greedy"

    def __init__(self, problem: Problem, *, seed: int = 0, epsilon: float = 0.1, **training: Any) -> None:
        """Take the share of decisions that are left to chance, and `neural_settings.Training`'s settings."""
        settings.shares(self.name, epsilon=epsilon)
        super().__init__(problem, seed=seed, **training)
        self._policy = ScorePolicy(self.network, lambda scores, here: exploration.epsilon_greedy(scores, here, epsilon))

    @property
    def policy(self) -> Policy:
        """Return the epsilon-greedy policy."""
        return self._policy


class NeuralBoltzmann(NeuralAgent):
    """Probabilities in proportion to exp(score / temperature).

    Off-policy: as neural_epsilon_greedy.
    """

    name = "neural_boltzmann"

    def __init__(self, problem: Problem, *, seed: int = 0, temperature: float = 0.1, **training: Any) -> None:
        """Take the temperature, in the unit of rewards, and `neural_settings.Training`'s settings."""
        settings.positive(self.name, temperature=temperature)
        super().__init__(problem, seed=seed, **training)
        self._policy = ScorePolicy(self.network, lambda scores, here: exploration.softmax(scores, here, temperature))

    @property
    def policy(self) -> Policy:
        """Return the softmax policy."""
        return self._policy


class NeuralFalcon(NeuralAgent):
    """Inverse gap weighting: 1 / (k + gamma * gap) for each action but the best, k eligible ones (arXiv:2003.12699, step 6).

    gamma = exploitation_coefficient * sqrt(k * samples / parameters), at most MAX_GAMMA, as TF-Agents' heuristic for the
    paper's step 2; samples is one count of the rows learnt from (TF-Agents' default counts one variable once per action). A
    warm start begins to count anew, so that a rolling window explores as much as its own rows warrant. Actions other than the
    best have together (k - 1) / k before the first row, less with every row, and never more than `max_exploration`: what is
    above it goes to the best.

    Off-policy: as neural_epsilon_greedy; the paper's oracle is plain regression.
    """

    name = "neural_falcon"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        exploitation_coefficient: float = 1.0,
        max_exploration: float = 1.0,
        **training: Any,
    ) -> None:
        """Take the factor of gamma, the most that may be explored, and `neural_settings.Training`'s settings."""
        settings.at_least_zero(self.name, exploitation_coefficient=exploitation_coefficient)
        settings.shares(self.name, max_exploration=max_exploration)
        super().__init__(problem, seed=seed, **training)
        samples, n_parameters = self.samples, self.network.n_parameters

        def explore(scores: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
            n_eligible = tf.reduce_sum(tf.cast(eligible, tf.float32), axis=1, keepdims=True)
            per_parameter = tf.cast(samples, tf.float32) / n_parameters
            gamma = tf.minimum(exploitation_coefficient * tf.sqrt(n_eligible * per_parameter), MAX_GAMMA)
            probabilities = exploration.inverse_gap(scores, eligible, gamma)
            best = exploration.greedy(scores, eligible)
            explored = tf.reduce_sum((1 - best) * probabilities, axis=1, keepdims=True)
            share = tf.where(explored > max_exploration, tf.math.divide_no_nan(max_exploration, explored), 1.0)
            return share * probabilities + (1 - share) * best

        self._policy = ScorePolicy(self.network, explore, samples)

    @property
    def policy(self) -> Policy:
        """Return the policy of inverse gaps."""
        return self._policy


def _maker(where: str, problem: Problem, training: Training) -> Callable[[int], RewardNetwork]:
    hidden = tuple(training.hidden_units)
    if not training.per_arm:
        return lambda seed: ActionHeads(problem.context_dim, problem.n_actions, hidden, seed=seed)
    if problem.arm_features is None:
        raise UserError(
            f"{where}.per_arm: needs features of the arms; the problem has none", hint="give them, or set per_arm: false"
        )
    arms, of_arm, common = problem.arm_features, tuple(training.arm_units or hidden), tuple(training.common_units or hidden)
    if training.network == "common_tower":
        return lambda seed: CommonTower(problem.context_dim, arms, hidden, of_arm, common, seed=seed)
    if hidden[-1] != of_arm[-1]:
        raise UserError(f"{where}.arm_units: last layer has {of_arm[-1]} units; expected {hidden[-1]}, as hidden_units' last")
    return lambda seed: DotProduct(problem.context_dim, arms, hidden, of_arm, seed=seed)
