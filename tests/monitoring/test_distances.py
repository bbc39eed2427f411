"""Both distances, worked by hand."""

import itertools
import math

import pytest

from waze_data_tfx.monitoring.distances import MISSING, common_masses, distance, jensen_shannon, l_infinity, shares_of
from waze_data_tfx.monitoring.statistics import Bin, Feature


def text(values: dict[str, float], missing: int = 0) -> Feature:
    return Feature("x", "string", int(sum(values.values())) + missing, missing, {}, (), (), values, len(values))


def numbers(edges: list[float], missing: int = 0, kind: str = "float") -> Feature:
    """Return a column of 10 rows in each bin of equal count between these edges."""
    bins: tuple[Bin, ...] = tuple((a, b, 10.0) for a, b in itertools.pairwise(edges))
    return Feature("x", kind, 10 * len(bins) + missing, missing, {}, bins, bins, {}, None)


TEN = [float(i) for i in range(11)]


def far(before: Feature, now: Feature, measure: str | None = None) -> float:
    found = distance(before, now, measure)  # type: ignore[arg-type]
    assert found is not None
    return found.value


def test_l_infinity_is_the_largest_difference_of_a_share() -> None:
    found = distance(text({"a": 3, "b": 1}), text({"a": 1, "c": 1}))
    assert found is not None
    assert (found.value, found.moved, found.shares) == (0.5, "c", (0.0, 0.5))  # a: 0.75 -> 0.5, b: 0.25 -> 0, c: 0 -> 0.5
    assert l_infinity({"a": 1.0}, {"a": 1.0}) == (0.0, "")


def test_jensen_shannon_of_halves_and_thirds() -> None:
    assert jensen_shannon([1, 0], [0, 1]) == 1.0
    assert jensen_shannon([0.5, 0.5], [0.5, 0.5]) == 0.0
    # H(3/4, 1/4) - (H(1, 0) + H(1/2, 1/2)) / 2 = 0.811278 - (0 + 1) / 2
    assert jensen_shannon([1, 0], [0.5, 0.5]) == pytest.approx(0.311278, abs=1e-6)


def test_numbers_are_counted_between_the_deciles_of_both() -> None:
    before, now = numbers([0, 2, 4]), numbers([2, 4, 6])  # deciles at 2 and at 4: up to 2, up to 4, above, missing
    assert common_masses(before, now) == ([0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0])
    # H(1/4, 1/2, 1/4) - (H(1/2, 1/2) + H(1/2, 1/2)) / 2 = 1.5 - 1
    assert far(before, now) == pytest.approx(0.5)
    assert far(before, before) == 0


def test_within_a_bin_values_lie_evenly() -> None:
    before, now = numbers([0, 4, 8]), numbers([0, 1, 8])  # deciles at 1 and at 4
    assert common_masses(before, now)[0] == [1 / 8, 3 / 8, 1 / 2, 0]
    assert common_masses(before, now)[1] == pytest.approx([1 / 2, 1 / 2 * 3 / 7, 1 / 2 * 4 / 7, 0])


def test_one_outlier_moves_nothing_and_hides_nothing() -> None:
    outlier, shifted = [*TEN[:-1], 5000.0], [*(x + 3 for x in TEN[:-1]), 5000.0]
    assert far(numbers(TEN), numbers(outlier)) < 1e-9
    assert far(numbers(outlier), numbers(shifted)) == pytest.approx(far(numbers(TEN), numbers([x + 3 for x in TEN])), abs=0.1)
    assert far(numbers(outlier), numbers(shifted)) > 0.1


def test_a_constant_that_became_another_is_as_far_as_can_be() -> None:
    assert far(numbers([1.0] * 11), numbers([2.0] * 11)) == 1
    assert far(numbers([1.0] * 11), numbers([1.0] * 11)) == 0


def test_a_missing_value_is_a_value_of_its_own() -> None:
    found = distance(text({"a": 5, "b": 5}), text({"a": 3, "b": 3}, missing=4))
    assert found is not None
    assert (found.value, found.moved) == (pytest.approx(0.4), "(missing)")
    emptied = far(numbers(TEN), numbers(TEN, missing=100))  # half of the rows
    # over {present, missing}: (1, 0) against (1/2, 1/2)
    assert emptied == pytest.approx(0.311278, abs=1e-6)
    gone = Feature("x", "string", 10, 10, {}, (), (), {}, None)
    assert far(numbers(TEN), gone) == 1
    assert far(text({"a": 1}), gone) == 1


def test_whole_numbers_of_a_category_are_shared_out_by_quantiles() -> None:
    found = shares_of(numbers([0, 0, 0, 1, 1, 2], missing=50, kind="int"))
    # bins 0..0, 0..0, 0..1, 1..1, 1..2 of 10 rows: 25 rows of 0, 20 of 1, 5 of 2, 50 missing
    assert found == {"0": 0.25, "1": 0.2, "2": 0.05, MISSING: 0.5}
    assert far(numbers([0] * 5, kind="int"), numbers([0, 0, 0, 9, 9], kind="int"), "l_infinity") == pytest.approx(0.475)


def test_a_bin_of_very_many_whole_numbers_stands_as_one() -> None:
    assert shares_of(numbers([0, 1e9], kind="int")) == {"0 to 1000000000": 1.0}


@pytest.mark.parametrize(
    ("before", "now", "measure"),
    [
        (text({"a": 1}), numbers(TEN), None),
        (text({"a": 1}), text({"a": 1}), "jensen_shannon"),
        (text({}, missing=5), text({}, missing=5), None),
        (text({}), text({"a": 1}), None),
    ],
)
def test_what_cannot_be_compared_is_said(before: Feature, now: Feature, measure: str | None) -> None:
    assert distance(before, now, measure) is None  # type: ignore[arg-type]


def test_never_below_zero_by_rounding() -> None:
    p = [0.1] * 10
    assert jensen_shannon(p, [math.nextafter(x, 1) for x in p]) >= 0
