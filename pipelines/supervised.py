"""The supervised graph: rows to a blessed, pushed model.

`nodes` describes it without TFX, for plans and cache keys; `build` makes the TFX pipeline of the same nodes (a test holds
the two against each other). Neither reads or runs anything.
"""

from typing import TYPE_CHECKING, Any

from waze_data_tfx.config import view
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.query import read_query
from waze_data_tfx.data.sources import input_files
from waze_data_tfx.monitoring.statistics import N_QUANTILES
from waze_data_tfx.pipelines import monitoring
from waze_data_tfx.pipelines.graph import Node

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_node import BaseNode
    from tfx.orchestration.pipeline import Pipeline

PREPROCESSING_FN = "waze_data_tfx.features.entry.preprocessing_fn"
RUN_FN = "waze_data_tfx.training.run.run_fn"
TUNER_FN = "waze_data_tfx.training.tune.tuner_fn"
LEARNING = (
    "training",
    "models",
    "features/inputs.py",
    "usercode.py",
    *(f"config/{m}.py" for m in ("evaluation", "model", "names", "tuner", "view")),
)
THIS = "pipelines/supervised.py"  # how a node is wired and parametrized is part of its key


def nodes(config: Config) -> tuple[Node, ...]:
    """Return the graph in topological order."""
    shared = view.settings(config, view.LABEL)
    code = config.code
    schema_id = "ImportSchemaGen" if config.schema_.file else "SchemaGen"
    schema_upstream = () if config.schema_.file else ("StatisticsGen",)
    columns = config.column_types()
    gates = monitoring.gates(config)
    return (
        Node(
            "ExampleGen",
            settings={
                "data": rows_read(config),
                "columns": columns,
                "label_empty": config.label_empty,
                **shared,
            },
            library=(
                THIS,
                "components/query_example_gen",
                "data",
                "config/split.py",
                "config/window.py",
                "monitoring/statistics.py",
            ),
            data=() if config.data.query else tuple(input_files(config)),
            queries=config.data.query is not None,
        ),
        Node("StatisticsGen", ("ExampleGen",), library=(THIS, *monitoring.STATISTICS), settings={"n_quantiles": N_QUANTILES}),
        Node(schema_id, schema_upstream, library=(THIS,), data=(config.schema_.file,) if config.schema_.file else ()),
        Node("ExampleValidator", ("StatisticsGen", schema_id), library=(THIS,)),
        *monitoring.nodes(config),
        Node(
            "Transform",
            ("ExampleGen", schema_id),
            settings=view.settings(config, view.FOR_FEATURES if code.features else view.COMMON),
            library=(THIS, "components/transform", "features", "usercode.py", "config/names.py", "config/view.py"),
            user_code=(code.features,) if code.features else (),
        ),
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
            settings={"evaluation": _dump(config.evaluation), **shared},
            library=(THIS, "components/evaluator", "evaluation", "config/evaluation.py", "config/names.py", "data/records.py"),
            resolves_baseline=True,
            judges=True,
        ),
        Node(
            "InfraValidator",
            ("ExampleGen", "Trainer"),
            settings={"infra_validation": _dump(config.infra_validation)},
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
            settings={"push": _dump(config.push)},
            library=(THIS, "components/pusher", "versions.py"),
        ),
    )


def _tuner(config: Config, upstream: tuple[str, ...], gates: tuple[str, ...]) -> tuple[Node, ...]:
    if config.tuner is None:
        return ()
    return (
        Node(
            "Tuner",
            (*upstream, *gates),
            gates=gates,
            settings={**view.settings(config, view.FOR_MODEL), "tuner": _dump(config.tuner)},
            library=(THIS, "components/tuner", *LEARNING),
            user_code=(config.code.model,) if config.code.model else (),
        ),
    )


def build(config: Config, *, data_fingerprint: str) -> "Pipeline":
    """Return the TFX pipeline; its IR differs between runs only in the run id.

    TFX's own cache is off: its key holds neither the user's code nor the content of the input, so `runners.cache` decides.
    """
    return pipeline_of(config, components(config, data_fingerprint=data_fingerprint))


def pipeline_of(config: Config, nodes: "list[BaseNode]") -> "Pipeline":
    """Return the TFX pipeline of these components, with the config's name, places and Beam options."""
    from tfx.orchestration import metadata, pipeline

    assert config.root is not None
    sqlite = config.env.metadata.sqlite
    return pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(config.root / "artifacts"),
        components=nodes,
        enable_cache=False,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(sqlite)),
        beam_pipeline_args=list(config.env.beam_args),
    )


def components(config: Config, *, data_fingerprint: str) -> "list[BaseNode]":
    """Return the components of `nodes`, in their order."""
    from tfx import components as tfx_components
    from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.proto import trainer_pb2
    from tfx.types import channel, standard_artifacts

    from waze_data_tfx.components.evaluator import Evaluator
    from waze_data_tfx.components.infra_validator import InfraValidator
    from waze_data_tfx.components.pusher import Pusher
    from waze_data_tfx.components.query_example_gen import QueryExampleGen
    from waze_data_tfx.components.statistics_gen import StatisticsGen
    from waze_data_tfx.components.transform import Transform
    from waze_data_tfx.pipelines.baseline import NewestBlessingStrategy

    text = config.model_dump_json(by_alias=True)
    example_gen = QueryExampleGen(config=text, data_fingerprint=data_fingerprint).with_id("ExampleGen")
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples, stats_options=monitoring.statistics_options())
    if config.schema_.file:
        schema_gen: Any = ImportSchemaGen(schema_file=str(config.schema_.file))
    else:
        schema_gen = tfx_components.SchemaGen(statistics=statistics_gen.outputs["statistics"], infer_feature_shape=False)
    schema = schema_gen.outputs["schema"]
    validator = tfx_components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = Transform(examples=examples, schema=schema, preprocessing_fn=PREPROCESSING_FN, custom_config={"config": text})
    learning: dict[str, Any] = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
        "custom_config": {"config": text},
    }
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
    watching = monitoring.components(config, statistics_gen.outputs["statistics"])
    for node in (*tuners, trainer, evaluator, pusher):
        node.add_upstream_nodes([w for w in watching if w.id in monitoring.gates(config)])
    before = [example_gen, statistics_gen, schema_gen, validator, *watching, transform, *tuners]
    return [*before, trainer, resolver, evaluator, infra_validator, pusher]


def rows_read(config: Config) -> dict[str, Any]:
    """Return what decides which rows are read: of a query its text and values, of files nothing but their content.

    Of a window that is what the query is given, and how few rows are too few: its spelling moves nothing.
    """
    values = _dump(config.data)
    for name in ("input", "query", "tables", "window"):
        del values[name]
    values["split"] = config.data.split.settings()
    if config.data.query is None:
        return values
    query = read_query(config)
    engine = config.env.query.engine
    text = query.override if engine == "duckdb" and query.override is not None else query.text
    parameters = {name: _dump(parameter) for name, parameter in query.parameters.items()}
    min_rows = {"min_rows": config.data.window.min_rows} if config.data.window else {}
    return {**values, "parameters": parameters, **min_rows, "engine": engine, "query": text}


def _dump(section: Any) -> dict[str, Any]:
    return section.model_dump(mode="json", by_alias=True)
