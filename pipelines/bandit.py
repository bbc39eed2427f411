"""The bandit's graph: a log of decisions to a policy that was judged by it, pushed with its criteria and copied to the registry.

`nodes` describes it without TFX, for plans and cache keys; `build` makes the TFX pipeline of the same nodes (a test holds
the two against each other). Neither reads or runs anything.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config import view
from waze_data_tfx.config.agent import Agent
from waze_data_tfx.config.schema import Config
from waze_data_tfx.pipelines import monitoring, preparation
from waze_data_tfx.pipelines.graph import Node
from waze_data_tfx.pipelines.preparation import dump

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_node import BaseNode
    from tfx.orchestration.pipeline import Pipeline

RUN_FN = "waze_data_tfx.training.bandits.run_fn"
THIS = "pipelines/bandit.py"  # how a node is wired and parametrized is part of its key
WARM_START = "AcceptedPolicy"
RESOLVERS = (THIS, "pipelines/baseline.py", "pipelines/earlier.py")
CONFIG = ("config/agent.py", "config/bandit.py", "config/names.py")


def nodes(config: Config) -> tuple[Node, ...]:
    """Return the graph in topological order."""
    assert config.bandit is not None
    schema_id, gates = preparation.schema_id(config), monitoring.gates(config)
    shared = view.settings(config, view.LABEL)
    bandit = dump(config.bandit)
    agent = bandit.pop("agent")
    bandit.pop("warm_start")  # is what Trainer waits for
    warm = begins_from_accepted(config)
    judged = {"off_policy": bandit.pop("off_policy")}
    return (
        *preparation.nodes(config),
        *([Node(WARM_START, ("ExampleGen",), library=(*RESOLVERS,), resolves_earlier="accepted")] if warm else []),
        Node(
            "Hyperparameter", settings={"agent": agent, "seed": config.training.seed}, library=(THIS, "components/hyperparameter")
        ),
        Node(
            "Trainer",
            ("Transform", schema_id, "Hyperparameter", "ExampleValidator", *([WARM_START] if warm else []), *gates),
            gates=gates,
            settings={**view.settings(config, view.COMMON), "bandit": bandit},
            library=(THIS, "training", "bandits", "features", "usercode.py", *CONFIG),
            user_code=own_agents(config.bandit.agent),
            data=(config.bandit.arm_features,) if config.bandit.arm_features else (),
        ),
        Node("Resolver", ("Trainer",), settings={"baseline": config.evaluation.baseline}, resolves_baseline=True),
        Node(
            "Evaluator",
            ("ExampleGen", "Trainer", "Resolver", *gates),
            gates=gates,
            settings={"evaluation": dump(config.evaluation), "bandit": judged, **shared},
            library=(THIS, "components/evaluator", "evaluation", "bandits", "config/evaluation.py", "data/records.py", *CONFIG),
            resolves_baseline=True,
            judges=True,
        ),
        Node(
            "InfraValidator",
            ("ExampleGen", "Trainer"),
            settings={"infra_validation": dump(config.infra_validation)},
            judges=True,
            library=(
                THIS,
                "components/infra_validator",
                "config/infra_validation.py",
                "config/names.py",
                "data/records.py",
                "evaluation/spec.py",
                "evaluation/verdict.py",
            ),
        ),
        Node(
            "PolicyResolver",
            ("Evaluator",),
            settings={"serving": bandit["serving"], "off_policy": judged["off_policy"]},
            library=(THIS, "components/policy_resolver", "evaluation/off_policy", "evaluation/verdict.py"),
        ),
        Node(
            "Pusher",
            ("Trainer", "Evaluator", "InfraValidator", "PolicyResolver", *gates),
            gates=gates,
            pushes=True,
            settings={"push": dump(config.push), "serving": bandit["serving"], "off_policy": judged["off_policy"]},
            library=(THIS, "components/pusher", "evaluation", "bandits", "versions.py", *CONFIG),
        ),
        preparation.copier_node(config),
    )


def own_agents(agent: Agent) -> tuple[Path, ...]:
    """Return the files of the user's own agents, also of those in a mixture; one that cannot be found is training's to refuse."""
    found = []
    if agent.is_own:
        module = agent.name.replace(":", ".").rpartition(".")[0]
        try:
            spec = find_spec(module)
        except (ModuleNotFoundError, ValueError):  # its package is missing, or the name is empty
            spec = None
        found += [Path(spec.origin)] if spec and spec.has_location and spec.origin else []
    return (*found, *(file for part in agent.agents or () for file in own_agents(part)))


def begins_from_accepted(config: Config) -> bool:
    """Whether training begins from the policy that was accepted last: a linear agent is refitted from the window instead."""
    bandit = config.bandit
    assert bandit is not None
    return bandit.warm_start and (bandit.agent.is_own or bandit.agent.learns_in_steps)


def build(config: Config, *, data_fingerprint: str) -> "Pipeline":
    """Return the TFX pipeline; its IR differs between runs only in the run id."""
    return preparation.pipeline_of(config, components(config, data_fingerprint=data_fingerprint))


def components(config: Config, *, data_fingerprint: str) -> "list[BaseNode]":
    """Return the components of `nodes`, in their order."""
    from tfx import components as tfx_components
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.types import channel, standard_artifacts

    from waze_data_tfx.components.evaluator import Evaluator
    from waze_data_tfx.components.hyperparameter import Hyperparameter
    from waze_data_tfx.components.infra_validator import InfraValidator
    from waze_data_tfx.components.policy_resolver import PolicyResolver
    from waze_data_tfx.components.pusher import Pusher
    from waze_data_tfx.pipelines.baseline import AcceptedModelStrategy, NewestBlessingStrategy

    text = config.model_dump_json(by_alias=True)
    prepared = preparation.components(config, data_fingerprint=data_fingerprint)
    examples = prepared.example_gen.outputs["examples"]
    accepted: list[Any] = []
    if begins_from_accepted(config):
        accepted = [
            Resolver(
                strategy_class=AcceptedModelStrategy,
                config={"pipeline": config.name},
                examples=examples,
                model=channel.Channel(type=standard_artifacts.Model),
            ).with_id(WARM_START)
        ]
    begin = accepted[0].outputs["model"] if accepted else None
    assert config.bandit is not None
    hyperparameter: Any = Hyperparameter(values=json.dumps(config.bandit.hyperparameters(config.training.seed)))
    chosen = hyperparameter.outputs["hyperparameters"]
    trainer: Any = tfx_components.Trainer(run_fn=RUN_FN, base_model=begin, hyperparameters=chosen, **prepared.learning(text))
    trainer.add_upstream_node(prepared.validator)
    resolver = Resolver(
        strategy_class=NewestBlessingStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Resolver")
    resolver.add_upstream_node(trainer)
    model = trainer.outputs["model"]
    evaluator = Evaluator(examples=examples, model=model, baseline_model=resolver.outputs["model"], config=text)
    infra_validator = InfraValidator(model=model, examples=examples, config=text)
    policy_resolver: Any = PolicyResolver(
        evaluation=evaluator.outputs["evaluation"], model_blessing=evaluator.outputs["blessing"], config=text
    )
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"],
        policy_resolution=policy_resolver.outputs["resolution"],
        custom_config={"config": text},
    )
    prepared.gate(config, [trainer, evaluator, pusher])
    copier = preparation.copier_of(config, pusher)
    return [
        *prepared.all,
        *accepted,
        hyperparameter,
        trainer,
        resolver,
        evaluator,
        infra_validator,
        policy_resolver,
        pusher,
        copier,
    ]
