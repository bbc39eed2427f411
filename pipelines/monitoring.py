"""The part of a graph that watches the data: drift against an earlier run, skew against serving rows.

Called by the graphs that train. `gates` are the nodes that can stop a run: whatever trains, judges or pushes a model waits for
them without reading anything of them, so that a threshold that is changed trains nothing anew. Nothing is added for a section
that is not written. Imports TFX inside functions.
"""

from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.monitoring import for_serving
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data import statistics as split_statistics
from waze_data_tfx.data.sources import input_files
from waze_data_tfx.monitoring import judge
from waze_data_tfx.monitoring.statistics import N_QUANTILES
from waze_data_tfx.pipelines.graph import Node

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_node import BaseNode

THIS = ("pipelines/monitoring.py", "pipelines/earlier.py", "pipelines/baseline.py")
LOG = ("bandits/log_checks.py", "bandits/log_findings.py")
STATISTICS = ("components/statistics_gen", "data/statistics.py", "data/top_values.py")
JUDGES = (*THIS, "components/distribution_validator", "monitoring", "evaluation/verdict.py")
EARLIER, DRIFT = "EarlierStatistics", "DriftValidator"
SERVING, SERVING_STATISTICS, SKEW = "ServingExampleGen", "ServingStatisticsGen", "SkewValidator"


def gates(config: Config) -> tuple[str, ...]:
    """Return the ids of the nodes that can stop the run."""
    return (*((DRIFT,) if config.monitoring.drift else ()), *((SKEW,) if config.monitoring.skew else ()))


def nodes(config: Config) -> tuple[Node, ...]:
    """Return the nodes that are added, after StatisticsGen."""
    found: list[Node] = []
    drift, skew = config.monitoring.drift, config.monitoring.skew
    if drift:
        against = {"against": drift.against}
        found += [
            Node(EARLIER, ("StatisticsGen",), settings=against, library=THIS, resolves_earlier=drift.against),
            Node(
                DRIFT,
                ("StatisticsGen", EARLIER),
                settings=judge.settings(config, "drift"),
                library=JUDGES,
                judges=True,
                resolves_earlier=drift.against,
            ),
        ]
    if skew:
        found += [
            Node(
                SERVING,
                settings={
                    "format": skew.format,
                    "max_rejected": config.data.max_rejected,
                    "columns": config.column_types(),
                    "features": sorted(config.features.column_types()),
                    "left out": [config.label, config.weight],
                },
                library=(*THIS, "components/query_example_gen", "data", *LOG, "config/monitoring.py", "monitoring/statistics.py"),
                data=tuple(input_files(for_serving(config), "monitoring.skew.input")),
            ),
            Node(SERVING_STATISTICS, (SERVING,), settings={"n_quantiles": N_QUANTILES}, library=(*THIS, *STATISTICS)),
            Node(
                SKEW,
                ("StatisticsGen", SERVING_STATISTICS),
                settings=judge.settings(config, "skew"),
                library=JUDGES,
                judges=True,
            ),
        ]
    return tuple(found)


def statistics_options() -> Any:
    """Return TFDV's options for every StatisticsGen: quantiles fine enough to tell apart the values of a category."""
    return split_statistics.options(N_QUANTILES)


def components(config: Config, statistics: Any) -> "list[BaseNode]":
    """Return the components of `nodes`, in their order.

    Args:
        config: the resolved config.
        statistics: channel of the training rows' statistics.
    """
    from tfx.dsl.components.common.resolver import Resolver
    from tfx.types import channel, standard_artifacts

    from waze_data_tfx.components.distribution_validator import DistributionValidator
    from waze_data_tfx.components.query_example_gen import QueryExampleGen
    from waze_data_tfx.components.statistics_gen import StatisticsGen
    from waze_data_tfx.pipelines.baseline import EarlierStatisticsStrategy

    def validator(kind: judge.Kind, baseline: Any, id_: str) -> "BaseNode":
        made = DistributionValidator(statistics=statistics, baseline_statistics=baseline, config=text, kind=kind)
        return made.with_id(id_)

    text = config.model_dump_json(by_alias=True)
    found: list[BaseNode] = []
    if config.monitoring.drift:
        strategy = {
            "pipeline": config.name,
            "against": config.monitoring.drift.against,
            "push_directory": str(config.push.directory),
        }
        earlier = Resolver(
            strategy_class=EarlierStatisticsStrategy,
            config=strategy,
            statistics=statistics,
            earlier=channel.Channel(type=standard_artifacts.ExampleStatistics),
        ).with_id(EARLIER)
        found += [earlier, validator("drift", earlier.outputs["earlier"], DRIFT)]
    if config.monitoring.skew:
        # the cache is ours (runners.cache) and knows the content of the serving rows; TFX's fingerprint is not read
        rows = QueryExampleGen(config=text, data_fingerprint="", rows="serving").with_id(SERVING)
        options = statistics_options()
        measured = StatisticsGen(examples=rows.outputs["examples"], stats_options=options).with_id(SERVING_STATISTICS)
        found += [rows, measured, validator("skew", measured.outputs["statistics"], SKEW)]
    return found
