"""The agents: the table of them by the name that the config gives, and how one is made.

A new one is a subclass of `base.Agent` and one line here, or stays in the user's files and is named by its dotted path.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.registry import check_settings, resolve
from waze_data_tfx.errors import UserError

if TYPE_CHECKING:
    from .base import Agent

AGENTS: dict[str, str] = {
    "linucb": "waze_data_tfx.bandits.agents.linucb:LinUCB",
    "lin_ts": "waze_data_tfx.bandits.agents.thompson:LinearThompson",
    "neural_epsilon_greedy": "waze_data_tfx.bandits.agents.neural:NeuralEpsilonGreedy",
    "neural_boltzmann": "waze_data_tfx.bandits.agents.neural:NeuralBoltzmann",
    "neural_falcon": "waze_data_tfx.bandits.agents.neural:NeuralFalcon",
    "neural_linucb": "waze_data_tfx.bandits.agents.neural_linucb:NeuralLinUCB",
    "dropout_ts": "waze_data_tfx.bandits.agents.dropout:DropoutThompson",
    "mixture": "waze_data_tfx.bandits.agents.mixture:Mixture",
    "random": "waze_data_tfx.bandits.agents.baselines:Random",
    "logging": "waze_data_tfx.bandits.agents.baselines:Logging",
    "fixed": "waze_data_tfx.bandits.agents.baselines:Fixed",
}


def make_agent(name: str, problem: Problem, settings: Mapping[str, Any], *, seed: int) -> "Agent":
    """Return a new agent.

    Args:
        name: one of AGENTS, or `package.module:Class` of the user's own.
        problem: actions and sizes.
        settings: its keyword arguments.
        seed: of everything that is random in it.

    Raises:
        UserError: an unknown name or setting, or settings that do not fit the problem.
    """
    from .base import Agent

    maker = resolve("agent", name, AGENTS)
    check_settings("agent", name, maker, {**settings, "seed": seed})
    made = maker(problem, **settings, seed=seed)
    if not isinstance(made, Agent):
        raise UserError(f"agent '{name}': expected a subclass of Agent; received a {type(made).__name__}")
    return made
