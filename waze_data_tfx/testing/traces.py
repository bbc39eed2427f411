"""Two traces of preprocessing_fn where tf.Transform makes five: what it would trace again is read from the graph it has.

Called by `fitting`. TFT 1.21 traces to find the analyzers, once more for metadata that nobody here reads, for each temporary
SavedModel that it writes and loads to compute what the analyzers see, for the SavedModel that is kept, and once more for the
annotations of its outputs. Here the first trace also computes what the analyzers of the first phase see, those of later
phases are called as they are traced, and annotations are read from the graph of the trace that they would repeat. The
SavedModel that is kept is traced, checked against the first trace and written by TFT's own code. Imports TensorFlow at the top.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import lift_to_graph, wrap_function
from tensorflow.python.framework import ops
from tensorflow.python.trackable import resource as tracking
from tensorflow_transform import analyzer_nodes, annotators, graph_context, impl_helper, schema_inference, tf2_utils
from tensorflow_transform.beam import common
from tensorflow_transform.beam import impl as beam_impl
from tensorflow_transform.saved import saved_transform_io_v2

from .partial_functions import as_pruned, partial_function

Function = Callable[[dict[str, Any]], dict[str, Any]]
_living: dict[int, "_Traces"] = {}


@contextlib.contextmanager
def few(preprocessing_fn: Function) -> Iterator[Function]:
    """Give preprocessing_fn for one analysis; as long as this lasts, TFT traces it once per SavedModel and once before."""
    traces = _Traces(preprocessing_fn)
    replaced = [
        (impl_helper, "_trace_preprocessing_fn_v2", traces.first),
        (beam_impl, "_create_v2_saved_model", traces.saved_model),
        (beam_impl._RunMetaGraphDoFn, "_GraphStateV2", traces.graph_state),
        (saved_transform_io_v2, "write_v2_saved_model", traces.write),
        (saved_transform_io_v2, "optimize_concrete_function", traces.optimized),
        (schema_inference, "get_traced_metadata_fn", traces.metadata_fn),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    _living[id(traces)] = traces
    for owner, name, ours in replaced:
        setattr(owner, name, ours)
    try:
        yield traces.call
    finally:
        del _living[id(traces)]
        for owner, name, theirs in originals:
            setattr(owner, name, theirs)


class _Traces:
    """The traces of one analysis and what they created, which lives as long as they are called."""

    def __init__(self, preprocessing_fn: Function) -> None:
        self._preprocessing_fn = preprocessing_fn
        self._create, self._load = beam_impl._create_v2_saved_model, beam_impl._RunMetaGraphDoFn._GraphStateV2
        self._write, self._metadata_fn = saved_transform_io_v2.write_v2_saved_model, schema_inference.get_traced_metadata_fn
        self._optimize = saved_transform_io_v2.optimize_concrete_function
        self._outputs: dict[tf.Graph, dict[str, Any]] = {}
        self._callables: dict[str, tuple[Callable[[Any], dict[str, Any]], set[str]]] = {}
        self._created: list[Any] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Stay the same object where Beam makes a copy of each step."""
        return _same, (id(self),)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Call preprocessing_fn and remember its outputs by the graph that it is traced into."""
        outputs = self._preprocessing_fn(inputs)
        self._outputs[ops.get_default_graph()] = outputs
        return outputs

    def first(self, preprocessing_fn: Function, specs: Mapping[str, tf.TypeSpec], base_temp_dir: str) -> tuple[Any, Any, Any]:
        """Stand in for impl_helper._trace_preprocessing_fn_v2, and keep the trace."""
        self._first = self._traced(preprocessing_fn, specs, base_temp_dir, None, None)
        self._n_analyzers = len(self._first.graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS))
        inputs = tf2_utils.get_structured_inputs_from_func_graph(self._first.graph)
        return self._first.graph, inputs, self._first.structured_outputs

    def saved_model(
        self,
        replacements: Mapping[str, tf.Tensor] | None,
        base_temp_dir: str,
        preprocessing_fn: Function,
        input_signature: Mapping[str, tf.TypeSpec],
        fingerprint: Any,
        output_names: dict[str, str],
        save_options: Any,
    ) -> str:
        """Stand in for beam.impl._create_v2_saved_model: the last SavedModel is written, those before are only named."""
        if len(replacements or {}) == self._n_analyzers:
            return self._create(
                replacements, base_temp_dir, preprocessing_fn, input_signature, fingerprint, output_names, save_options
            )
        name = common.get_unique_temp_path(base_temp_dir)
        if not replacements:
            self._callables[name] = _fetching(self._first, output_names), set(output_names)
            return name
        concrete = self._traced(preprocessing_fn, input_signature, base_temp_dir, replacements, output_names)
        inputs = tf2_utils.get_structured_inputs_from_func_graph(concrete.graph)
        impl_helper._validate_analyzers_fingerprint(fingerprint, concrete.graph, inputs)
        self._callables[name] = concrete, set(output_names)
        return name

    def graph_state(self, saved_model_dir: str, input_names: set[str], exclude_outputs: list[str]) -> Any:
        """Stand in for _RunMetaGraphDoFn._GraphStateV2: what was only named is called, what was written is loaded."""
        if saved_model_dir not in self._callables:
            return self._load(saved_model_dir, input_names, exclude_outputs)
        function, names = self._callables[saved_model_dir]
        return beam_impl._RunMetaGraphDoFn._GraphStateCommon(saved_model_dir, input_names, names, function)

    def write(self, module: tf.Module, *arguments: Any) -> Any:
        """Stand in for saved_transform_io_v2.write_v2_saved_model: the variables and tables of the trace live on."""
        self._created.append(module)
        return self._write(module, *arguments)

    def optimized(self, function: Any, strip_control_dependencies: bool) -> Any:
        """Stand in for saved_transform_io_v2.optimize_concrete_function: the same operations, not made again."""
        if strip_control_dependencies:  # of a function that is not written
            return self._optimize(function, strip_control_dependencies)
        return as_pruned(function)

    def metadata_fn(
        self,
        preprocessing_fn: Function,
        structured_inputs: Mapping[str, Any],
        tf_graph_context: graph_context.TFGraphContext,
        evaluate_schema_overrides: bool,
    ) -> Callable[[], dict[str, Any]]:
        """Stand in for schema_inference.get_traced_metadata_fn: the same annotations, from the graph of the inputs."""
        graph = tf.nest.flatten(structured_inputs, expand_composites=True)[0].graph
        with graph.as_default():
            annotations = _annotations(graph, self._outputs[graph], evaluate_schema_overrides)
        try:
            return _evaluated(graph, annotations)
        except lift_to_graph.UnliftableError:  # one depends on an input, for which TFT makes a value up
            return self._metadata_fn(preprocessing_fn, structured_inputs, tf_graph_context, evaluate_schema_overrides)

    def _traced(self, preprocessing_fn: Function, specs: Any, temp_dir: str, replacements: Any, output_names: Any) -> Any:
        """Trace as impl_helper._trace_and_write_transform_fn does."""
        module, objects, resources = tf.Module(), annotators.ObjectTracker(), tracking.ResourceTracker()
        self._created += [module, objects, resources, replacements]

        def kept(make: Callable[..., Any], **arguments: Any) -> Any:
            self._created.append(make(**arguments))
            return self._created[-1]

        context = graph_context.TFGraphContext(module, temp_dir, replacements)
        function = impl_helper.get_traced_transform_fn(preprocessing_fn, specs, context, output_names)
        scopes = tracking.resource_tracker_scope(resources), annotators.object_tracker_scope(objects)
        with scopes[0], scopes[1], tf.variable_creator_scope(kept):
            return function.get_concrete_function()


def _same(key: int) -> _Traces:
    return _living[key]


def _fetching(concrete: Any, output_names: Mapping[str, str]) -> Callable[[Any], dict[str, Any]]:
    """Return a function of the trace's inputs that gives these of its tensors, and runs what the trace always runs."""
    graph = concrete.graph
    with graph.as_default(), graph.control_dependencies(graph.control_outputs):
        fetches = {key: tf.identity(graph.get_tensor_by_name(name)) for key, name in output_names.items()}
    part = partial_function(graph, list(fetches.values()))

    def fetched(inputs: Any) -> dict[str, Any]:
        tensors = part._call_flat(tf.nest.flatten(inputs, expand_composites=True), part.captured_inputs)
        return dict(zip(fetches, tensors, strict=True))

    return fetched


def _annotations(graph: tf.Graph, outputs: Mapping[str, Any], evaluate: bool) -> dict[str, Any]:
    """Return what schema_inference.get_traced_metadata_fn's function returns, as tensors of the graph and names."""
    s = schema_inference
    keys = s._get_tensor_value_to_key_map(outputs)
    if not evaluate:
        names = [keys[t.name] for t in graph.get_collection(s._TF_METADATA_TENSOR_COLLECTION) if t.name in keys]
        return {s._TF_METADATA_TENSOR_COLLECTION: names}
    limits = [s._TF_METADATA_TENSOR_MIN_COLLECTION, s._TF_METADATA_TENSOR_MAX_COLLECTION]
    protos = [s._TF_METADATA_EXTRA_ANNOTATION_TYPE_URL, s._TF_METADATA_EXTRA_ANNOTATION_PROTO]
    everywhere = s._TF_METADATA_EXTRA_ANNOTATION_GLOBAL
    return {
        **s._get_schema_overrides(graph, keys, s._TF_METADATA_TENSOR_COLLECTION, limits),
        **s._get_schema_overrides(graph, keys, s._TF_METADATA_EXTRA_ANNOTATION, protos, everywhere),
        s._METADATA_SPARSE_OUTPUT_OVERRIDES_FIELD: [s._get_sparse_output_annotations_v2(graph, keys)],
    }


def _evaluated(graph: tf.Graph, annotations: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Return a function of nothing that computes every tensor among the annotations.

    Raises:
        UnliftableError: one depends on an input of the graph.
    """
    leaves = [tf.convert_to_tensor(value) for value in tf.nest.flatten(annotations)]
    of_graph = [leaf for leaf in leaves if not isinstance(leaf, ops.EagerTensor)]
    computed = iter(_wrapped(graph).prune([], of_graph)() if of_graph else [])
    values = [leaf if isinstance(leaf, ops.EagerTensor) else next(computed) for leaf in leaves]
    return lambda: tf.nest.pack_sequence_as(annotations, values)


def _wrapped(graph: tf.Graph) -> wrap_function.WrappedFunction:
    return wrap_function.WrappedFunction(graph, wrap_function.VariableHolder(share_variables=True))
