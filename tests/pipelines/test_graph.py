"""The graph as plain data: order, what lies before and after a node."""

import pytest

from waze_data_tfx import pipelines
from waze_data_tfx.errors import UserError
from waze_data_tfx.pipelines.graph import Node, downstream_of, ordered, upstream_of

DIAMOND = (Node("a"), Node("b", ("a",)), Node("c", ("a",)), Node("d", ("b", "c")), Node("e", ("c",)))


def test_nodes_are_kept_in_order_by_id() -> None:
    assert list(ordered(DIAMOND)) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((Node("b", ("a",)), Node("a")), r"graph: b stands before \['a'\]"),
        ((Node("a"), Node("a")), "graph: a stands .* twice"),
        ((Node("a", ("a",)),), r"graph: a stands before \['a'\]"),
    ],
)
def test_a_graph_out_of_order_is_a_bug(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ordered(nodes)


@pytest.mark.parametrize(("node", "after"), [("a", "abcde"), ("b", "bd"), ("c", "cde"), ("e", "e")])
def test_downstream(node: str, after: str) -> None:
    assert downstream_of(ordered(DIAMOND), node) == set(after)


@pytest.mark.parametrize(("node", "before"), [("a", "a"), ("b", "ab"), ("d", "abcd"), ("e", "ace")])
def test_upstream(node: str, before: str) -> None:
    assert upstream_of(ordered(DIAMOND), node) == set(before)


def test_an_unknown_pipeline_names_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"^unknown pipeline 'supervized'; known: bandit, supervised; did you mean 'supervised'\?$"
    ):
        pipelines.load("supervized")
    assert pipelines.load("supervised").__name__ == "waze_data_tfx.pipelines.supervised"
