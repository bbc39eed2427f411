"""The plain description of the supervised graph against the TFX pipeline that is built from the same config."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from conftest import REPOSITORY, taxi_csv

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.data import Data
from waze_data_tfx.pipelines.graph import Node, ordered
from waze_data_tfx.pipelines.supervised import nodes

TUNED = ["tuner.parameters={model.dropout: {min: 0, max: 0.5}}"]
TAXI = REPOSITORY / "configs" / "taxi.yaml"
COMPILED = """
import json, sys
from waze_data_tfx.runners.node import prepare_process
prepare_process()
from tfx.dsl.compiler.compiler import Compiler
from waze_data_tfx.config import Config
from waze_data_tfx.pipelines.supervised import build
from hashlib import sha256

def compiled(text, fingerprint):
    return Compiler().compile(build(Config.model_validate_json(text), data_fingerprint=fingerprint))

def digest(ir):
    return sha256(ir.SerializeToString(deterministic=True)).hexdigest()

found = {}
for name, text in json.loads(sys.stdin.read()).items():
    ir = compiled(text, "f")
    launchers = {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}
    found[name] = {
        "upstream": {i: sorted(n.upstream_nodes) for i, n in launchers.items()},
        "cached": [i for i, n in launchers.items() if n.execution_options.caching_options.enable_cache],
        "digests": [digest(ir), digest(compiled(text, "f"))],
        "other data": digest(compiled(text, "g")),
        "root": ir.runtime_spec.pipeline_root.runtime_parameter.default_value.string_value,
    }
found["modules"] = [m for m in sys.modules if m.split(".")[0] in ("kfp", "airflow") or "aiplatform" in m]
print(json.dumps(found))
"""


def curated() -> Config:
    return load(TAXI).config


def watched() -> Config:
    return load(TAXI, sets=[*TUNED, "monitoring.drift={}", f"monitoring.skew.input={taxi_csv()}"]).config


def inferred() -> Config:
    return load(TAXI, sets=["schema.file="]).config


def tuned() -> Config:
    return load(TAXI, sets=TUNED).config


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    configs = {"curated": curated(), "inferred": inferred(), "tuned": tuned(), "watched": watched()}
    text = json.dumps({name: config.model_dump_json(by_alias=True) for name, config in configs.items()})
    done = subprocess.run([sys.executable, "-c", COMPILED], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("name", "config"), [("curated", curated), ("inferred", inferred), ("tuned", tuned)])
def test_the_description_is_the_graph_that_tfx_runs(compiled: dict[str, Any], name: str, config: Any) -> None:
    described = ordered(nodes(config()))
    assert compiled[name]["upstream"] == {id_: sorted(node.upstream) for id_, node in described.items()}
    schema_gen = "SchemaGen" if name == "inferred" else "ImportSchemaGen"
    assert ("Tuner" in described) == (name == "tuned")
    assert set(described) - {"Tuner"} == {
        "ExampleGen", "StatisticsGen", schema_gen, "ExampleValidator", "Transform", "Trainer", "Resolver", "Evaluator",
        "InfraValidator", "Pusher", "Copier",
    }  # fmt: skip


def test_what_watches_the_data_can_stop_all_that_follows_without_training_anew(compiled: dict[str, Any]) -> None:
    described, plain = ordered(nodes(watched())), ordered(nodes(tuned()))
    assert compiled["watched"]["upstream"] == {id_: sorted(node.upstream) for id_, node in described.items()}
    gates = ("DriftValidator", "SkewValidator")
    waiting = {id_ for id_, node in described.items() if set(gates) <= set(node.upstream)}
    assert waiting == {"Tuner", "Trainer", "Evaluator", "Pusher"}
    assert {id_: node.read for id_, node in described.items() if id_ in plain} == {id_: n.upstream for id_, n in plain.items()}
    assert [f.name for f in described["ServingExampleGen"].data] == ["data.csv"]
    assert {id_ for id_, node in described.items() if node.resolves_earlier} == {"EarlierStatistics", "DriftValidator"}


@pytest.mark.parametrize("name", ["curated", "inferred"])
def test_tfx_lists_a_node_after_all_it_waits_for(compiled: dict[str, Any], name: str) -> None:
    ordered(tuple(Node(id_, tuple(upstream)) for id_, upstream in compiled[name]["upstream"].items()))


def test_two_builds_are_the_same_and_other_data_is_another_pipeline(compiled: dict[str, Any]) -> None:
    one, two = compiled["curated"]["digests"]
    assert one == two
    assert compiled["curated"]["other data"] != one
    assert compiled["inferred"]["digests"][0] != one


def test_tfxs_own_cache_is_off_and_artifacts_lie_below_the_root(compiled: dict[str, Any]) -> None:
    assert compiled["curated"]["cached"] == []
    assert compiled["curated"]["root"] == str(REPOSITORY / "output" / "taxi" / "artifacts")


def test_building_imports_no_cloud_and_no_orchestrator(compiled: dict[str, Any]) -> None:
    assert compiled["modules"] == []


def test_describing_imports_no_tfx() -> None:
    script = (
        "import sys; from waze_data_tfx.config import load; from waze_data_tfx.pipelines.supervised import nodes\n"
        f"assert len(nodes(load({str(TAXI)!r}).config)) == 11\n"
        "heavy = {'tfx', 'tensorflow', 'apache_beam', 'keras'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def by_id(*sets: str) -> dict[str, Node]:
    return ordered(nodes(load(TAXI, sets=sets).config))


@pytest.mark.parametrize(
    ("set_", "touched"),
    [
        ("training.epochs=3", {"Trainer"}),
        ("model.hidden_units=[4]", {"Trainer"}),
        ("data.max_dropped=0.9", {"ExampleGen"}),
        ("features.dense=[trip_miles]", {"Transform", "Trainer"}),
        ("features.bucket.fare=4", {"ExampleGen", "Transform", "Trainer"}),
        ("evaluation.metrics.0.upper_bound=9", {"Evaluator"}),
        ("evaluation.baseline=none", {"Resolver", "Evaluator"}),
        ("infra_validation.max_memory_mb=2000", {"InfraValidator"}),
        ("push.keep=3", {"Pusher"}),
        ("env.max_parallel=1", set()),
        ("anomalies.policy=warn", set()),
        ("label=fare", {"ExampleGen", "Transform", "Trainer", "Evaluator"}),
    ],
)
def test_a_setting_reaches_only_the_nodes_that_it_matters_to(set_: str, touched: set[str]) -> None:
    before, after = by_id(), by_id(set_)
    assert {id_ for id_, node in after.items() if node.settings != before[id_].settings} == touched


@pytest.mark.parametrize(
    ("set_", "touched"),
    [
        ("tuner.max_trials=3", {"Tuner"}),
        ("training.batch_size=64", {"Tuner", "Trainer"}),
        ("evaluation.metrics.0.upper_bound=9", {"Evaluator"}),
    ],
)
def test_a_search_is_made_again_only_for_what_matters_to_it(set_: str, touched: set[str]) -> None:
    before, after = ordered(nodes(tuned())), ordered(nodes(load(TAXI, sets=[*TUNED, set_]).config))
    assert {id_ for id_, node in after.items() if node.settings != before[id_].settings} == touched
    assert "Tuner" in after["Trainer"].upstream
    assert after["Tuner"].user_code == after["Trainer"].user_code


@pytest.mark.parametrize(
    ("set_", "touched"),
    [
        ("monitoring.drift.policy=warn", set()),
        ("monitoring.drift.threshold.numeric=0.2", {"DriftValidator"}),
        ("monitoring.drift.against=pushed", {"EarlierStatistics"}),
        ("monitoring.skew.ignore=[company]", {"SkewValidator"}),
    ],
)
def test_a_threshold_reaches_only_its_validator(set_: str, touched: set[str]) -> None:
    on = ("monitoring.drift={}", f"monitoring.skew.input={taxi_csv()}")
    before, after = by_id(*on), by_id(*on, set_)
    assert {id_ for id_, node in after.items() if node.settings != before[id_].settings} == touched


def test_no_run_pushes_by_a_verdict_of_other_thresholds() -> None:
    judges = {node.id for node in nodes(watched()) if node.judges}
    assert judges == {"DriftValidator", "SkewValidator", "Evaluator", "InfraValidator"}


def test_code_and_data_reach_the_nodes_that_read_them() -> None:
    config, described = curated(), by_id()
    code = {id_: node.user_code for id_, node in described.items() if node.user_code}
    assert code == {"Transform": (config.code.features,), "Trainer": (config.code.model,)}
    data = {id_: [f.name for f in node.data] for id_, node in described.items() if node.data}
    assert data == {"ImportSchemaGen": ["taxi_schema.pbtxt"]}
    assert {id_ for id_, node in described.items() if node.queries} == {"ExampleGen"}
    assert {id_ for id_, node in described.items() if node.resolves_baseline} == {"Resolver", "Evaluator"}
    from_files = config.model_copy(update={"data": Data(input=str(taxi_csv()))})
    rows = ordered(nodes(from_files))["ExampleGen"]
    assert ([f.name for f in rows.data], rows.queries) == (["data.csv"], False)


def test_a_query_reaches_the_key_by_its_text_and_its_values(tmp_path: Path) -> None:
    def settings(text: str, *sets: str) -> object:
        (tmp_path / "q.sql").write_text(text)
        return by_id(f"data.query={tmp_path / 'q.sql'}", *sets)["ExampleGen"].settings

    before = settings("SELECT 1")
    assert settings("SELECT 2") != before
    assert settings("SELECT 1", "data.parameters.x=1") != before
    assert settings("SELECT 1", "data.tables.other=nowhere.csv") == before  # what it holds is asked of the engine


EXECUTED = {
    "ExampleGen": ("components.query_example_gen.component",),
    "ServingExampleGen": ("components.query_example_gen.component",),
    "StatisticsGen": ("components.statistics_gen.component",),
    "ServingStatisticsGen": ("components.statistics_gen.component",),
    "DriftValidator": ("components.distribution_validator.executor",),
    "SkewValidator": ("components.distribution_validator.executor",),
    "Transform": ("components.transform.component", "features.entry"),
    "Tuner": ("components.tuner.executor", "training.tune"),
    "Trainer": ("training.run",),
    "Evaluator": ("components.evaluator.executor",),
    "InfraValidator": ("components.infra_validator.executor",),
    "Pusher": ("components.pusher.executor",),
    "Copier": ("components.copier.component",),
}
"""The modules in which a node's work begins."""
TFX_OWN = {"ImportSchemaGen", "ExampleValidator", "Resolver", "EarlierStatistics"}


def test_every_module_that_a_node_runs_is_in_its_key() -> None:
    """The sections of the config are not: what matters of them is in `settings`."""
    graph = grimp.build_graph("waze_data_tfx", cache_dir=None, exclude_type_checking_imports=True)
    described = ordered(nodes(watched()))
    assert set(described) - set(EXECUTED) == TFX_OWN
    for id_, entries in EXECUTED.items():
        files = [REPOSITORY / "waze_data_tfx" / part for part in described[id_].library]
        assert all(file.exists() for file in files), id_
        keyed = {file.with_suffix("") for file in files}
        begins = {f"waze_data_tfx.{entry}" for entry in entries}
        for module in begins.union(*map(graph.find_upstream_modules, begins)):
            path = REPOSITORY / module.replace(".", "/")
            if path.is_dir() or path.parent.name == "config" or path.name == "errors":
                continue
            assert keyed & {path, *path.parents}, f"{id_}: {module}"
