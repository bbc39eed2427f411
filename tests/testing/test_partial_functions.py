"""The part of a graph: the values, what runs with them, and the operations that TensorFlow's own prune would copy."""

from collections import Counter
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.eager import wrap_function

from waze_data_tfx.testing.partial_functions import as_pruned, partial_function


@pytest.fixture
def traced() -> Any:
    """Return a traced function of x that counts its calls, the counter, and its other variable, so that it lives."""
    calls, two = tf.Variable(0), tf.Variable(2.0)

    @tf.function
    def function(x: Any) -> Any:
        calls.assign_add(1)
        tf.math.exp(x, name="for_nothing")
        return {"more": tf.add(x, 1.0, name="plus_one"), "twice": tf.multiply(x, two, name="twice")}

    return function.get_concrete_function(tf.TensorSpec([None], tf.float32)), calls, two


def given(part: Any, *tensors: tf.Tensor) -> list[list[float]]:
    return [tensor.numpy().tolist() for tensor in part._call_flat(list(tensors), part.captured_inputs)]


def test_what_a_tensor_does_not_need_does_not_run(traced: Any) -> None:
    concrete, calls, _ = traced
    part = partial_function(concrete.graph, [concrete.graph.get_tensor_by_name("plus_one:0")])
    assert given(part, tf.constant([1.0, 2.5])) == [[2.0, 3.5]]
    assert calls.numpy() == 0


def test_what_the_results_wait_for_runs(traced: Any) -> None:
    concrete, calls, _ = traced
    part = partial_function(concrete.graph, concrete.outputs)
    assert given(part, tf.constant([1.0, 2.5])) == [[2.0, 3.5], [2.0, 5.0]]
    assert calls.numpy() == 1


def test_it_holds_what_prune_copies(traced: Any) -> None:
    concrete, *_ = traced
    theirs = wrap_function.WrappedFunction(concrete.graph, wrap_function.VariableHolder(share_variables=True)).prune(
        concrete.inputs, concrete.structured_outputs, input_signature=concrete.structured_input_signature
    )
    ours = as_pruned(concrete)
    kinds = [Counter(node.op for node in f.function_def.node_def) for f in (ours, theirs)]
    assert kinds[0] == kinds[1]
    assert kinds[0]["AddV2"] == 1
    assert kinds[0]["Exp"] == 0
    assert (ours._num_positional_args, ours._arg_keywords) == (theirs._num_positional_args, theirs._arg_keywords)


def test_a_placeholder_that_nobody_gives_is_refused() -> None:
    with tf.Graph().as_default():
        graph = tf.__internal__.FuncGraph("f")
    with graph.as_default():
        absent = tf.compat.v1.placeholder(tf.float32, [], name="absent")
        result = absent + 1.0
    with pytest.raises(ValueError, match=r"^absent is no input$"):
        partial_function(graph, [result])
