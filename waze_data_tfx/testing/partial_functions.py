"""The part of a traced graph that some of its tensors need, as a function, without a copy of the graph.

Called by `traces` in the place of TensorFlow's WrappedFunction.prune, which makes every operation again in Python. The function
holds the same operations: those that the tensors depend on, by value or by control. Imports TensorFlow at the top.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager.polymorphic_function import atomic_function, concrete_function
from tensorflow.python.framework import ops

NAME = "partial"


def partial_function(graph: Any, outputs: Sequence[tf.Tensor], function_type: Any = None) -> Any:
    """Return a concrete function of the graph's inputs and captures that computes the tensors and runs nothing else.

    Args:
        graph: a FuncGraph; it lives as long as the function.
        outputs: tensors of it.
        function_type: what is known of arguments and results; None: they are flat.

    Raises:
        ValueError: a tensor depends on a placeholder that is no input of the graph.
    """
    part = _Part(graph, outputs)
    atomic = atomic_function.from_func_graph(f"{NAME}_{ops.uid()}", part, {}, function_type)
    atomic._cached_graph = graph
    return concrete_function.ConcreteFunction(atomic)


def as_pruned(function: Any) -> Any:
    """Return what `prune` makes of a concrete function's inputs and outputs, to be saved: it is called with flat inputs."""
    part = partial_function(function.graph, function.outputs, function.function_type)
    n_given = len(function.inputs) - len(function.captured_inputs)
    part._num_positional_args = n_given
    part._arg_keywords = [tensor.op.name for tensor in function.inputs[:n_given]]
    return part


class _Part:
    """What from_func_graph reads of a graph, with fewer operations and other outputs."""

    control_outputs = ()
    _output_names = None

    def __init__(self, graph: Any, outputs: Sequence[tf.Tensor]) -> None:
        self._graph, self.outputs = graph, list(outputs)
        self._operations = _needed(graph, self.outputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def get_operations(self) -> list[tf.Operation]:
        return self._operations


def _needed(graph: Any, outputs: Sequence[tf.Tensor]) -> list[tf.Operation]:
    """Return the operations that the outputs depend on, in the graph's order."""
    given = {tensor.op for tensor in graph.inputs}
    needed: set[tf.Operation] = set()
    left = [tensor.op for tensor in outputs]
    while left:
        operation = left.pop()
        if operation in needed:
            continue
        needed.add(operation)
        if operation in given:
            continue
        if operation.type == "Placeholder":
            raise ValueError(f"{operation.name} is no input")
        left += [tensor.op for tensor in operation.inputs]
        left += operation.control_inputs
    return [operation for operation in graph.get_operations() if operation in needed]
