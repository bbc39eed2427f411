"""Tests of your features: rows in, transformed rows out. Run with `pytest` in this folder."""

from pathlib import Path

import pytest

from waze_data_tfx.testing import transform_rows

HERE = Path(__file__).parent
CONFIG = next(p for p in (HERE / "config.yaml", HERE.parent.parent / "configs" / "arrival.yaml") if p.is_file())

TRIP = {"hour": 8, "rain": 0, "remaining_km": 3.0}
LONGEST = 12


@pytest.fixture(scope="module")
def transformed():
    """Transform five trips once: two of the same steps in another order, one with a lost measurement, one too long, one new."""
    return transform_rows(
        CONFIG,
        [
            {**TRIP, "segments": "s1|s2|s3", "speeds": "20|30|40"},
            {**TRIP, "segments": "s3|s2|s1", "speeds": "40|30|20"},
            {**TRIP, "segments": "s1|s2|s3", "speeds": "20|?|40"},
            {**TRIP, "segments": "|".join(["s2"] * 2 + ["s3"] * 12), "speeds": "|".join(["20"] * 2 + ["40"] * 12)},
            {**TRIP},
        ],
    )


def test_steps_keep_their_order_and_padding_is_at_the_end(transformed):
    there, back = transformed[0], transformed[1]
    assert there["segments_sequence"][:3] == back["segments_sequence"][2::-1]
    assert there["speeds_sequence"][:3] == back["speeds_sequence"][2::-1]
    assert there["speeds_sequence"][0] < there["speeds_sequence"][1] < there["speeds_sequence"][2]
    assert there["segments_sequence"][3:] == there["speeds_sequence"][3:] == [0] * (LONGEST - 3)


def test_a_lost_measurement_is_the_mean_and_moves_no_other(transformed):
    whole, lost = transformed[0]["speeds_sequence"], transformed[2]["speeds_sequence"]
    assert lost == [whole[0], 0, *whole[2:]]


def test_of_a_long_trip_the_last_steps_stay(transformed):
    assert len(set(transformed[3]["segments_sequence"])) == 1  # s3 twelve times; s2 is cut
    assert transformed[3]["segments_sequence"][0] == transformed[0]["segments_sequence"][2]


def test_a_trip_without_measurements_is_known_by_their_number(transformed):
    assert transformed[4]["segments_sequence"] == transformed[4]["speeds_sequence"] == [0] * LONGEST
    # 3, 3, 3, 14 and 0 segments: mean 4.6, variance (3 * 1.6^2 + 9.4^2 + 4.6^2) / 5 = 23.44
    assert transformed[4]["n_measured"] == pytest.approx(-4.6 / 23.44**0.5)
    assert transformed[3]["n_measured"] == pytest.approx(9.4 / 23.44**0.5)
