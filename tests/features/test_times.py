"""Moments as places on a circle; expected values from the calendar and by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx import features
from waze_data_tfx.errors import UserCodeError

NAN = math.nan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00", 86400),
        ("2000-03-01 00:00:00", 951868800),  # the day after 29 February of a leap century
        ("2026-11-22T14:34:18Z", 1795358058),
        ("2026-11-22T15:34:18+01:00", 1795358058),
        ("2026-11-22 09:34:18.5-0500", 1795358058.5),
        ("2026-11-22 15:34:18+01", 1795358058),  # as DuckDB writes it
        ("1969-12-31 23:59:59", -1),
        (" 2024-02-29 ", 1709164800),
        ("2023-02-29", NAN),
        ("2024-13-01", NAN),
        ("2024-04-31", NAN),
        ("2024-01-01T24:00", NAN),
        ("2024-01-01T12:60", NAN),
        ("yesterday", NAN),
        ("", NAN),
    ],
)
def test_iso_texts_as_seconds(text, seconds):
    np.testing.assert_array_equal(features.epoch_seconds(tf.constant([text])), [seconds])


def test_every_day_of_eight_hundred_years_has_its_number():
    days = np.arange("1600-01-01", "2400-01-01", dtype="datetime64[D]")
    numbers = features.epoch_seconds(tf.constant(days.astype(str))).numpy() / 86400
    np.testing.assert_array_equal(numbers, days.astype(np.int64))


def test_seconds_and_milliseconds():
    x = tf.constant([0, 1500, tf.int64.min, tf.int64.max], tf.int64)
    np.testing.assert_array_equal(features.epoch_seconds(x, "seconds"), [0, 1500, NAN, NAN])
    np.testing.assert_array_equal(features.epoch_seconds(x, "milliseconds"), [0, 1.5, NAN, NAN])


def circle(*turns):
    return [f(2 * math.pi * turn) for turn in turns for f in (math.sin, math.cos)]


def test_places_in_each_cycle():
    # Monday 16 February 2026, 18:00: the hour's start; 3/4 of the day; 0.75 / 7 of the week; 15.75 of 28 days; 31 + 15.75 of 365.
    rows = tf.constant(["2026-02-16T18:00", "2026-12-31T23:59:59", ""])
    made = features.time_cycles(rows, ["hour", "day", "week", "month", "year"]).numpy()
    np.testing.assert_allclose(made[0], circle(0, 0.75, 0.75 / 7, 15.75 / 28, 46.75 / 365), atol=1e-6)
    # The last second of a year that ends on a Thursday is next to the start of every cycle but the week: 4 / 7.
    np.testing.assert_allclose(made[1], circle(0, 0, 4 / 7, 0, 0), atol=2e-3)
    np.testing.assert_array_equal(made[2], [0] * 10)


def test_offset_moves_local_midnight():
    made = features.time_cycles(tf.constant(["2026-02-16T18:00"]), ["day"], utc_offset=-6.5)
    np.testing.assert_allclose(made, [circle(11.5 / 24)], atol=1e-6)


def test_a_number_on_a_cycle():
    made = features.cyclic(tf.constant([0.0, 6.0, 30.0, -6.0, NAN, math.inf]), 24)
    np.testing.assert_allclose(made, [[0, 1], [1, 0], [1, 0], [-1, 0], [0, 0], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(features.cyclic(tf.constant([3, tf.int64.min], tf.int64), 12), [[1, 0], [0, 0]], atol=1e-6)


def test_unknown_names():
    x = tf.constant(["2026-02-16"])
    with pytest.raises(UserCodeError, match=r"unknown cycle 'weak'; known: .*did you mean 'week'"):
        features.time_cycles(x, ["weak"])
    with pytest.raises(UserCodeError, match="received no cycle"):
        features.time_cycles(x, [])
    with pytest.raises(UserCodeError, match=r"unknown time format 'second'; known: .*did you mean 'seconds'"):
        features.epoch_seconds(x, "second")
