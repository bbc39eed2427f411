"""A graph of the user's own: what makes its keys, and what is said of one that is none (tests/docs runs a whole one)."""

from hashlib import sha256
from pathlib import Path

import pytest

from waze_data_tfx import pipelines
from waze_data_tfx.commands import check
from waze_data_tfx.config import Config, load
from waze_data_tfx.errors import ConfigError, UserCodeError
from waze_data_tfx.pipelines.own import _difference
from waze_data_tfx.runners.cache import key_parts

HEAD = "from pathlib import Path\nfrom waze_data_tfx.pipelines.graph import Node\n\n"
BUILD = "\n\ndef build(config, data_fingerprint):\n    from part import make\n    return make()\n"
NODES = "def nodes(config):\n    return [Node('a'), Node('b', ('a',), user_code=(Path(__file__).with_name('part.py'),))]"


def own(folder: Path, nodes: str = NODES, build: str = BUILD) -> Config:
    (folder / "part.py").write_text("import deeper\n")
    (folder / "deeper.py").write_text("")
    (folder / "shared.py").write_text("")
    (folder / "my_pipeline.py").write_text(f"import shared\n{HEAD}{nodes}{build}")
    (folder / "rows.csv").write_text("x,y\n1,2\n")
    (folder / "eta.yaml").write_text(
        "name: eta\nlabel: y\ndata: {input: rows.csv}\nfeatures: {dense: [x]}\ncode: {pipeline: my_pipeline.py}\n"
        "evaluation: {metrics: [{name: mae, upper_bound: 5}]}\n"
    )
    return load(folder / "eta.yaml").config


def test_the_files_that_make_the_graph_are_in_every_key_and_a_nodes_own_code_in_its_key_alone(tmp_path: Path) -> None:
    config = own(tmp_path)
    described = pipelines.nodes(config)
    assert {id_: node.upstream for id_, node in described.items()} == {"a": (), "b": ("a",)}
    code = {
        id_: {name for name in key_parts(config, node, {}, None) if name.startswith(("graph ", "code "))}
        for id_, node in described.items()
    }
    wired = {"graph my_pipeline.py", "graph shared.py"}
    assert code == {"a": wired, "b": {*wired, "code part.py", "code deeper.py"}}
    (tmp_path / "shared.py").write_text("SIZE = 1\n")
    assert pipelines.nodes(config)["a"].wiring["shared.py"] == sha256(b"SIZE = 1\n").hexdigest()


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("def nodes(config):\n    return 3", r"my_pipeline.py:5: nodes: expected a tuple of Node; received a int"),
        ("def nodes(config):\n    return ['a']", r"my_pipeline.py:5: nodes: expected Nodes; received a str among them"),
        (
            "def nodes(config):\n    return [Node('b', ('a',)), Node('a')]",
            r"my_pipeline.py:5: nodes: graph: b stands before \['a'\]",
        ),
        ("def nodes(config):\n    return config.lable", r"my_pipeline.py:6: in nodes: AttributeError: .*'lable'"),
    ],
)
def test_what_is_no_graph_is_named_with_file_and_line(tmp_path: Path, nodes: str, said: str) -> None:
    with pytest.raises(UserCodeError, match=said):
        pipelines.nodes(own(tmp_path, nodes))


def test_check_finds_what_is_missing_without_running_anything(tmp_path: Path) -> None:
    own(tmp_path, nodes="raise SystemExit('was run')\ndef node(config):\n    pass", build="\n\ndef build(config):\n    pass\n")
    with pytest.raises(ConfigError) as refused:
        check(tmp_path / "eta.yaml")
    assert [p.partition("my_pipeline.py:")[2] for p in refused.value.problems] == [
        "1: unknown function 'nodes'; known: build, node; did you mean 'node'?\n  next: define nodes in my_pipeline.py",
        "9: build: received 1 parameters (config); expected 2 positional",
    ]


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    own(tmp_path)
    with pytest.raises(ConfigError, match=r"code\.pipeline: no such file; .*my_pipelines\.py; did you mean 'my_pipeline\.py'\?"):
        load(tmp_path / "eta.yaml", sets=["code.pipeline=my_pipelines.py"])


@pytest.mark.parametrize(
    ("described", "built", "said"),
    [
        ({"a": set(), "b": {"a"}}, {"b": {"a"}, "a": set()}, ""),
        ({"a": set(), "b": {"a"}}, {"a": set()}, "nodes describes b, which is not among its components; it has a"),
        ({"a": set()}, {"a": set(), "b": {"a"}}, "it makes b, which nodes does not describe"),
        ({"a": set(), "b": set()}, {"a": set(), "b": {"a"}}, "b waits for a; nodes says nothing"),
    ],
)
def test_two_graphs_that_differ(described: dict[str, set[str]], built: dict[str, set[str]], said: str) -> None:
    assert _difference(described, built) == said
