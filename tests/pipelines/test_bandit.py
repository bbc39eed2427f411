"""The plain description of the bandit's graph against the TFX pipeline that is built from the same config."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from conftest import REPOSITORY

from waze_data_tfx.config import Config, load
from waze_data_tfx.pipelines.bandit import nodes
from waze_data_tfx.pipelines.graph import Node, ordered

NEWSLETTER = REPOSITORY / "configs" / "newsletter.yaml"
NEURAL = ["bandit.agent={name: neural_boltzmann, alpha: null, add_bias: null}"]
COMPILED = """
import json, sys
from waze_data_tfx.runners.node import prepare_process
prepare_process()
from tfx.dsl.compiler.compiler import Compiler
from waze_data_tfx.config import Config
from waze_data_tfx.pipelines.bandit import build

found = {}
for name, text in json.loads(sys.stdin.read()).items():
    ir = Compiler().compile(build(Config.model_validate_json(text), data_fingerprint="f"))
    found[name] = {n.pipeline_node.node_info.id: sorted(n.pipeline_node.upstream_nodes) for n in ir.nodes}
found["modules"] = [m for m in sys.modules if m.split(".")[0] in ("kfp", "airflow", "tf_agents") or "aiplatform" in m]
print(json.dumps(found))
"""


def config(*sets: str) -> Config:
    return load(NEWSLETTER, sets=sets).config


def by_id(*sets: str) -> dict[str, Node]:
    return ordered(nodes(config(*sets)))


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    texts = {"linear": config(), "neural": config(*NEURAL), "cold": config(*NEURAL, "bandit.warm_start=false")}
    text = json.dumps({name: c.model_dump_json(by_alias=True) for name, c in texts.items()})
    done = subprocess.run([sys.executable, "-c", COMPILED], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("name", "sets"), [("linear", ()), ("neural", NEURAL), ("cold", [*NEURAL, "bandit.warm_start=false"])])
def test_the_description_is_the_graph_that_tfx_runs(compiled: dict[str, Any], name: str, sets: list[str]) -> None:
    described = by_id(*sets)
    assert compiled[name] == {id_: sorted(node.upstream) for id_, node in described.items()}
    assert ("AcceptedPolicy" in described) == (name == "neural")
    assert set(described) - {"AcceptedPolicy"} == {
        "ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform", "Hyperparameter", "Trainer", "Resolver",
        "Evaluator", "InfraValidator", "PolicyResolver", "Pusher", "Copier",
    }  # fmt: skip


def test_building_imports_no_cloud_no_orchestrator_and_no_agent(compiled: dict[str, Any]) -> None:
    assert compiled["modules"] == []


@pytest.mark.parametrize(
    ("set_", "touched"),
    [
        ("bandit.agent.alpha=2", {"Hyperparameter"}),
        ("training.seed=7", {"Hyperparameter"}),
        ("bandit.serving.floor=0.1", {"Trainer", "PolicyResolver", "Pusher"}),
        ("bandit.off_policy.margin=0.2", {"Evaluator", "PolicyResolver", "Pusher"}),
        ("bandit.rewards=[0, 1]", {"ExampleGen", "Trainer"}),
        ("evaluation.metrics.0.lower_bound=0.1", {"Evaluator"}),
        ("registry.keep=3", {"Copier"}),
        ("bandit.warm_start=false", set()),
    ],
)
def test_a_setting_reaches_only_the_nodes_that_it_matters_to(set_: str, touched: set[str]) -> None:
    before, after = by_id(), by_id(set_)
    assert {id_ for id_, node in after.items() if node.settings != before[id_].settings} == touched


def test_the_file_of_an_own_agent_is_in_the_key_of_its_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agent_of_mine.py").write_text("class Mine: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = "{name: agent_of_mine:Mine, alpha: null, add_bias: null}"
    mixed = f"{{name: mixture, agents: [{{name: random}}, {own}], alpha: null, add_bias: null}}"
    for agent in (own, mixed):
        assert by_id(f"bandit.agent={agent}")["Trainer"].user_code == (tmp_path / "agent_of_mine.py",)
    assert by_id("bandit.agent={name: nowhere.at_all:Mine, alpha: null, add_bias: null}")["Trainer"].user_code == ()
    assert by_id()["Trainer"].user_code == ()


EXECUTED = {
    "ExampleGen": ("components.query_example_gen.component",),
    "Transform": ("components.transform.component", "features.entry"),
    "Hyperparameter": ("components.hyperparameter.component",),
    "Trainer": ("training.bandits", "bandits.agents.neural_linucb", "bandits.agents.dropout", "bandits.agents.mixture"),
    "Evaluator": ("components.evaluator.executor",),
    "PolicyResolver": ("components.policy_resolver.component",),
    "Pusher": ("components.pusher.executor",),
}
"""The modules in which a node's work begins, of those that are not as in the supervised graph."""


@pytest.mark.parametrize("id_", EXECUTED)
def test_every_module_that_a_node_runs_is_in_its_key(id_: str) -> None:
    graph = grimp.build_graph("waze_data_tfx", cache_dir=None, exclude_type_checking_imports=True)
    files = [REPOSITORY / "waze_data_tfx" / part for part in by_id(*NEURAL)[id_].library]
    assert all(file.exists() for file in files)
    keyed = {file.with_suffix("") for file in files}
    begins = {f"waze_data_tfx.{entry}" for entry in EXECUTED[id_]}
    for module in begins.union(*map(graph.find_upstream_modules, begins)):
        path = REPOSITORY / module.replace(".", "/")
        if path.is_dir() or path.parent.name == "config" or path.name == "errors":
            continue
        assert keyed & {path, *path.parents}, module
