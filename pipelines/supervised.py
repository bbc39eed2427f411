"""The supervised graph: rows to a blessed, pushed model.

`nodes` describes it without TFX, for plans and cache keys; `build` makes the TFX pipeline of the same nodes (a test holds
the two against each other). Neither reads or runs anything.
"""

from typing import TYPE_CHECKING, Any

from waze_data_tfx.config import view
from waze_data_tfx.config.schema import Config
from waze_data_tfx.pipelines import monitoring, preparation
from waze_data_tfx.pipelines.graph import Node
from waze_data_tfx.pipelines.preparation import dump

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_node import BaseNode
    from tfx.orchestration.pipeline import Pipeline

RUN_FN = "waze_data_tfx.training.run.run_fn"
TUNER_FN = "waze_data_tfx.training.tune.tuner_fn"
LEARNING = (
    "training",
    "models",
    "features/inputs.py",
    "features/raw_columns.py",
    "usercode.py",
    *(f"config/{m}.py" for m in ("evaluation", "model", "names", "tuner", "view")),
)
THIS = "pipelines/supervised.py"  # how a node is wired and parametrized is part of its key


def nodes(config: Config) -> tuple[Node, ...]:
    """Return the graph in topological order."""
    shared = view.settings(config, view.LABEL)
    code, schema_id = config.code, preparation.schema_id(config)
    gates = monitoring.gates(config)
    return (
        *preparation.nodes(config),
        *_tuner(config, ("Transform", schema_id, "ExampleValidator"), gates),
        Node(
            "Trainer",
            ("Transform", schema_id, "ExampleValidator", *(("Tuner",) if config.tuner else ()), *gates),
            gates=gates,
            settings=view.settings(config, view.FOR_MODEL),
            library=(THIS, *LEARNING),
            user_code=(code.model,) if code.model else (),
        ),
        Node("Resolver", ("Trainer",), settings={"baseline": config.evaluation.baseline}, resolves_baseline=True),
        Node(
            "Evaluator",
            ("ExampleGen", "Trainer", "Resolver", *gates),
            gates=gates,
            settings={"evaluation": dump(config.evaluation), **shared},
            library=(
                THIS,
                "components/evaluator",
                "evaluation",
                "bandits",
                "config/evaluation.py",
                "config/names.py",
                "data/records.py",
            ),
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
            "Pusher",
            ("Trainer", "Evaluator", "InfraValidator", *gates),
            gates=gates,
            pushes=True,
            settings={"push": dump(config.push)},
            library=(THIS, "components/pusher", "evaluation", "bandits", "versions.py"),
        ),
        preparation.copier_node(config),
    )


def _tuner(config: Config, upstream: tuple[str, ...], gates: tuple[str, ...]) -> tuple[Node, ...]:
    if config.tuner is None:
        return ()
    return (
        Node(
            "Tuner",
            (*upstream, *gates),
            gates=gates,
            settings={**view.settings(config, view.FOR_MODEL), "tuner": dump(config.tuner)},
            library=(THIS, "components/tuner", *LEARNING),
            user_code=(config.code.model,) if config.code.model else (),
        ),
    )


def build(config: Config, *, data_fingerprint: str) -> "Pipeline":
    """Return the TFX pipeline; its IR differs between runs only in the run id."""
    return preparation.pipeline_of(config, components(config, data_fingerprint=data_fingerprint))


def components(config: Config, *, data_fingerprint: str) -> "list[BaseNode]":
    """Return the components of `nodes`, in their order."""
    from tfx import components as tfx_components
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.types import channel, standard_artifacts

    from waze_data_tfx.components.evaluator import Evaluator
    from waze_data_tfx.components.infra_validator import InfraValidator
    from waze_data_tfx.components.pusher import Pusher
    from waze_data_tfx.pipelines.baseline import NewestBlessingStrategy

    text = config.model_dump_json(by_alias=True)
    prepared = preparation.components(config, data_fingerprint=data_fingerprint)
    examples, validator = prepared.example_gen.outputs["examples"], prepared.validator
    learning = prepared.learning(text)
    tuners: list[Any] = []
    if config.tuner:
        from waze_data_tfx.components.tuner import Tuner

        tuners = [Tuner(tuner_fn=TUNER_FN, **learning)]
        tuners[0].add_upstream_node(validator)
    best = tuners[0].outputs["best_hyperparameters"] if tuners else None
    trainer = tfx_components.Trainer(run_fn=RUN_FN, hyperparameters=best, **learning)
    trainer.add_upstream_node(validator)
    resolver = Resolver(
        strategy_class=NewestBlessingStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Resolver")
    resolver.add_upstream_node(trainer)
    model = trainer.outputs["model"]
    evaluator = Evaluator(examples=examples, model=model, baseline_model=resolver.outputs["model"], config=text)
    infra_validator = InfraValidator(model=model, examples=examples, config=text)
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"],
        custom_config={"config": text},
    )
    prepared.gate(config, [*tuners, trainer, evaluator, pusher])
    copier = preparation.copier_of(config, pusher)
    return [*prepared.all, *tuners, trainer, resolver, evaluator, infra_validator, pusher, copier]
