"""Differences between rows: what counts as one, and how it is told."""

from math import inf, nan

import pytest

from waze_data_tfx.testing.comparison import differences, same, told


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (1.0, 1.000001, True),
        (1.0, 1.0001, False),
        (0.0, 1e-7, True),
        (nan, nan, True),
        (nan, 0.0, False),
        (inf, inf, True),
        (inf, -inf, False),
        (1, 1, True),
        (1, 1.0, False),  # an id is not a number
        ("a", "a", True),
        ([1.0, [nan]], [1.0, [nan]], True),
        ([1.0], [1.0, 2.0], False),
    ],
)
def test_same(one, other, alike) -> None:
    assert same(one, other) is alike


def test_a_difference_in_a_vector_is_told_by_its_place() -> None:
    found = differences([{"v": [1.0, 2.0], "n": 1}], [{"v": [1.0, 5.0]}], names=("golden", "received"))
    assert told("changed", found, "look").splitlines() == [
        "changed:",
        "  feature 'n', row 0: golden 1, received '(no such feature)'",
        "  feature 'v', row 0[1]: golden 2.0, received 5.0",
        "next: look",
    ]


def test_only_the_first_differences_are_listed() -> None:
    found = differences([{"a": i} for i in range(12)], [{"a": -1}] * 12, names=("golden", "received"))
    lines = told("changed", found, "look").splitlines()
    assert len(lines) == 13
    assert lines[11] == "  ... 12 differences in a"
