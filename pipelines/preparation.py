"""The part that every graph begins with: rows to transformed examples, validated and watched.

`nodes` describes it without TFX, `components` makes the TFX components of the same nodes; called by the graphs. Neither reads or
runs anything.
"""

from dataclasses import dataclass
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

THIS = "pipelines/preparation.py"  # how a node is wired and parametrized is part of its key


def schema_id(config: Config) -> str:
    """Return the id of the node that gives the schema."""
    return "ImportSchemaGen" if config.schema_.file else "SchemaGen"


def nodes(config: Config) -> tuple[Node, ...]:
    """Return the nodes from ExampleGen to Transform in topological order."""
    shared = view.settings(config, view.LABEL)
    code = config.code
    schema = schema_id(config)
    schema_upstream = () if config.schema_.file else ("StatisticsGen",)
    columns = config.column_types()
    return (
        Node(
            "ExampleGen",
            settings={
                "data": rows_read(config),
                "columns": columns,
                "label_empty": config.label_empty,
                **shared,
                **({"rewards": config.bandit.rewards, **log_settings(config)} if config.bandit else {}),
            },
            library=(
                THIS,
                *(("bandits/log_checks.py", "bandits/log_findings.py", "config/bandit.py") if config.bandit else ()),
                "components/query_example_gen",
                "data",
                *monitoring.LOG,
                "config/split.py",
                "config/window.py",
                "monitoring/statistics.py",
            ),
            data=() if config.data.query else tuple(input_files(config)),
            queries=config.data.query is not None,
        ),
        Node("StatisticsGen", ("ExampleGen",), library=(THIS, *monitoring.STATISTICS), settings={"n_quantiles": N_QUANTILES}),
        Node(schema, schema_upstream, library=(THIS,), data=(config.schema_.file,) if config.schema_.file else ()),
        Node("ExampleValidator", ("StatisticsGen", schema), library=(THIS,)),
        *monitoring.nodes(config),
        Node(
            "Transform",
            ("ExampleGen", schema),
            settings={**view.settings(config, view.FOR_FEATURES if code.features else view.COMMON), **log_settings(config)},
            library=(THIS, "components/transform", "features", "usercode.py", "config/names.py", "config/view.py"),
            user_code=(code.features,) if code.features else (),
        ),
    )


@dataclass(frozen=True)
class Prepared:
    """The TFX components of `nodes`.

    Attributes:
        example_gen: QueryExampleGen.
        schema_gen: gives the schema.
        validator: ExampleValidator.
        transform: Transform.
        watching: DistributionValidators and what they need.
        all: every one of them, in the order of `nodes`.
    """

    example_gen: Any
    schema_gen: Any
    validator: Any
    transform: Any
    watching: list[Any]
    all: list[Any]

    def learning(self, config_json: str) -> dict[str, Any]:
        """Return the arguments that Trainer and Tuner have in common."""
        from tfx.proto import trainer_pb2

        return {
            "examples": self.transform.outputs["transformed_examples"],
            "transform_graph": self.transform.outputs["transform_graph"],
            "schema": self.schema_gen.outputs["schema"],
            "train_args": trainer_pb2.TrainArgs(splits=["train"]),
            "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
            "custom_config": {"config": config_json},
        }

    def gate(self, config: Config, gated: "list[Any]") -> None:
        """Let these components wait for what watches the rows and can stop the run."""
        gates = [w for w in self.watching if w.id in monitoring.gates(config)]
        for node in gated:
            node.add_upstream_nodes(gates)


def components(config: Config, *, data_fingerprint: str) -> Prepared:
    """Return the components of `nodes`."""
    from tfx import components as tfx_components
    from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen

    from waze_data_tfx.components.query_example_gen import QueryExampleGen
    from waze_data_tfx.components.statistics_gen import StatisticsGen
    from waze_data_tfx.components.transform import Transform

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
    watching = monitoring.components(config, statistics_gen.outputs["statistics"])
    every = [example_gen, statistics_gen, schema_gen, validator, *watching, transform]
    return Prepared(example_gen, schema_gen, validator, transform, watching, every)


def copier_node(config: Config) -> Node:
    """Return the node that ends every graph that pushes: the pushed model's copy in the registry."""
    library = (THIS, "components/copier", "registry", "versions.py", "google_login.py")
    return Node("Copier", ("Pusher",), settings={"registry": dump(config.registry)}, library=library, registers=True)


def copier_of(config: Config, pusher: Any) -> Any:
    """Return the component of `copier_node`."""
    from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
    from tfx.orchestration import data_types

    from waze_data_tfx.components.copier import Copier

    run = data_types.RuntimeParameter(name=PIPELINE_RUN_ID_PARAMETER_NAME, ptype=str)
    return Copier(pushed_model=pusher.outputs["pushed_model"], run_id=run, config=config.model_dump_json(by_alias=True))


def pipeline_of(config: Config, nodes: "list[BaseNode]") -> "Pipeline":
    """Return the TFX pipeline of these components, with the config's name, places and Beam options.

    TFX's own cache is off: its key holds neither the user's code nor the content of the input, so `runners.cache` decides.
    """
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


def rows_read(config: Config) -> dict[str, Any]:
    """Return what decides which rows are read: of a query its text and values, of files nothing but their content.

    Of a window that is what the query is given, and how few rows are too few: its spelling moves nothing.
    """
    values = dump(config.data)
    for name in ("input", "query", "tables", "window"):
        del values[name]
    values["split"] = config.data.split.settings()
    if config.data.query is None:
        return values
    query = read_query(config)
    engine = config.env.query.engine
    text = query.override if engine == "duckdb" and query.override is not None else query.text
    parameters = {name: dump(parameter) for name, parameter in query.parameters.items()}
    min_rows = {"min_rows": config.data.window.min_rows} if config.data.window else {}
    return {**values, "parameters": parameters, **min_rows, "engine": engine, "query": text}


def log_settings(config: Config) -> dict[str, Any]:
    """Return what of a bandit matters to every node that reads its log."""
    bandit = config.bandit
    return {"bandit": {"actions": bandit.actions, "columns": dump(bandit.columns)}} if bandit else {}


def dump(section: Any) -> dict[str, Any]:
    """Return a section as plain values, for a node's settings."""
    return section.model_dump(mode="json", by_alias=True)
