"""A Beam runner for a handful of rows: every collection is a list, every step runs at once, in this thread.

Called by `worker`. Runs the very transforms that tf.Transform builds, by Beam's own DoFnRunner; what it leaves out is what
Beam does for data that does not fit into one process: the portable form of the pipeline, coders, fusion and bundles, which
take most of the time where there are few rows. Bounded input in the global window only; anything else is refused. Imports
Beam at the top.
"""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.common import DoFnRunner, Receiver
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms import core, userstate, window
from apache_beam.utils.windowed_value import WindowedValue

from waze_data_tfx.errors import RunFailed

ARGUMENTS = ("--no_pipeline_type_check",)


def pipeline() -> beam.Pipeline:
    """Return an empty pipeline that is run in memory, whatever the command line of this process says."""
    core.get_function_args_defaults, userstate.get_dofn_specs = _arguments, _specs
    return beam.Pipeline(runner=InMemoryRunner(), options=_Options(list(ARGUMENTS)))


class InMemoryRunner(PipelineRunner):
    """Runs a bounded pipeline step by step, in the order in which it was built."""

    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        """Run every step; an error of a step is raised as it is."""
        pipeline.visit(_Steps())
        return PipelineResult(PipelineState.DONE)


class _Options(PipelineOptions):
    """Beam makes a view, with an argument parser of its own, twice for every step; here each kind is made once."""

    def view_as(self, cls: Any) -> Any:
        views: dict[Any, Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


class _Steps(PipelineVisitor):
    """Computes each leaf of the pipeline when its turn comes; holds every collection until the end."""

    def __init__(self) -> None:
        self._values: dict[Any, list[Any]] = {}

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        step, node = transform_node.transform, transform_node
        inputs = [self._values[p] for p in node.inputs if isinstance(p, beam.pvalue.PCollection)]
        if isinstance(step, core.Impulse):
            self._set(node, None, [b""])
        elif isinstance(step, core.Flatten):
            self._set(node, None, [value for part in inputs for value in part])
        elif isinstance(step, core.GroupByKey):
            self._set(node, None, _grouped(inputs[0]))
        elif isinstance(step, core.ParDo):
            self._par_do(node, step, inputs[0])
        elif step is not None:
            raise RunFailed(
                f"{node.full_label}: a feature test runs Beam in memory; received a {type(step).__name__}; "
                "expected Create, Flatten, ParDo, GroupByKey and what is made of them",
                hint="test this analyzer by a run: waze-tfx run CONFIG --to Transform",
            )

    def _set(self, node: AppliedPTransform, tag: str | None, values: list[Any]) -> None:
        self._values[node.outputs[tag]] = values

    def _par_do(self, node: AppliedPTransform, step: Any, values: list[Any]) -> None:
        receivers = {tag: _Collected() for tag in (None, *node.outputs)}
        views = [_View(side, self._values[side.pvalue]) for side in node.side_inputs]
        runner = DoFnRunner(
            step.dofn, step.args, step.kwargs, views, node.inputs[0].windowing, receivers, step_name=node.full_label
        )
        runner.setup()
        runner.start()
        for value in values:
            runner.process(WindowedValue(value, 0, (window.GlobalWindow(),)))
        runner.finish()
        runner.teardown()
        for tag in node.outputs:
            self._set(node, tag, receivers[tag].values)


class _Collected(Receiver):
    """Where a step's outputs go."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def receive(self, windowed_value: Any) -> None:
        self.values.append(windowed_value.value)


class _View:
    """A side input: the same value in every window."""

    def __init__(self, side: Any, values: list[Any]) -> None:
        self._view = side._from_runtime_iterable(values, side._view_options())

    def __getitem__(self, _: Any) -> Any:
        return self._view

    def is_globally_windowed(self) -> bool:
        return True


_inspect = core.get_function_args_defaults
_inspected: dict[Any, tuple[list[str], list[Any]]] = {}


def _arguments(function: Any) -> tuple[list[str], list[Any]]:
    """Return names and defaults of a function's arguments; Beam inspects each method of a step some thirty times."""
    key = getattr(function, "__func__", function), hasattr(function, "__self__")
    if key not in _inspected:
        _inspected[key] = _inspect(function)
    names, defaults = _inspected[key]
    return list(names), list(defaults)


_find_specs = userstate.get_dofn_specs
_found: dict[int, tuple[core.DoFn, Any]] = {}


def _specs(step: core.DoFn) -> Any:
    """Return what states and timers a step has; Beam looks through all its methods four times."""
    if id(step) not in _found:
        _found[id(step)] = step, _find_specs(step)
    return _found[id(step)][1]


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, list[Any]]]:
    groups: dict[Any, tuple[Any, list[Any]]] = {}
    for key, value in pairs:
        groups.setdefault(key if _hashable(key) else repr(key), (key, []))[1].append(value)
    return list(groups.values())


def _hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
