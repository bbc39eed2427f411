"""The pipeline in memory: steps, side inputs and grouping by hand; arguments as Beam itself reads them."""

import apache_beam as beam
from apache_beam.transforms.userstate import CombiningValueStateSpec

from waze_data_tfx.testing import beam_in_memory


def test_a_pipeline_by_hand() -> None:
    """Evens 2 4, odds 1 3; times 10, and the largest of all, 4, added: 20 + 4 + 40 + 4, and 10 + 4 + 30 + 4."""
    seen: list = []
    with beam_in_memory.pipeline() as pipeline:
        numbers = pipeline | beam.Create([1, 2, 3, 4])
        largest = beam.pvalue.AsSingleton(numbers | beam.CombineGlobally(max))
        keyed = numbers | beam.Map(lambda n, extra, times=10: (n % 2, n * times + extra), largest)
        _ = keyed | beam.CombinePerKey(sum) | "See" >> beam.Map(seen.append)
    assert sorted(seen) == [(0, 68), (1, 48)]


class _Step(beam.DoFn):
    def process(self, element: int, at: object = beam.DoFn.TimestampParam) -> None: ...


def test_arguments_are_remembered_per_function() -> None:
    def added(n: int, extra: int = 2) -> int:
        return n + extra

    for _ in range(2):  # read, then remembered
        assert beam_in_memory._arguments(_Step().process) == (["element", "at"], [beam.DoFn.TimestampParam])
        assert beam_in_memory._arguments(_Step.process) == (["self", "element", "at"], [beam.DoFn.TimestampParam])
        assert beam_in_memory._arguments(added) == (["n", "extra"], [2])


class _Stateful(beam.DoFn):
    COUNT = CombiningValueStateSpec("count", sum)

    def process(self, element: tuple, count: object = beam.DoFn.StateParam(COUNT)) -> None: ...


def test_states_are_remembered_per_step() -> None:
    plain, stateful = _Step(), _Stateful()
    for _ in range(2):  # looked for, then remembered
        assert beam_in_memory._specs(plain) == (set(), set())
        assert beam_in_memory._specs(stateful) == ({_Stateful.COUNT}, set())
