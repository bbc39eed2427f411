"""Moments and clock numbers as places on a circle, so that 23:59 is beside 00:00; used in a preprocessing_fn.

The calendar is the proleptic Gregorian one, computed in TensorFlow (Howard Hinnant, "chrono-compatible low-level date
algorithms"). Local time is a fixed offset from UTC: TensorFlow knows no time zones and no daylight saving; where they
matter, store local time. Nothing is learnt. Imports TensorFlow at the top.
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from waze_data_tfx.errors import UserCodeError, unknown_name

from . import transforms

DAY_S = 86400
_ISO = (
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?"
    r"(?: ?(?:UTC|Z|([-+])(\d{2})(?::?(\d{2}))?))?"
)
"""Year, month, day, hour, minute, second, sign and hours and minutes of the offset: a rewrite has nine groups at most."""
_SECONDS_AT_MOST = 253402300800.0  # year 10000, and as far back
_UNITS = {"seconds": 1.0, "milliseconds": 1000.0}
CYCLES = ("hour", "day", "week", "month", "year")


def cyclic(x: Any, period: float) -> tf.Tensor:
    """Return `sin(2 pi x / period), cos(2 pi x / period)`, [n, 2] float32; a missing value is 0, 0, which no other is."""
    return _on_circle(transforms.floats(x) / period)


def time_cycles(
    x: Any, cycles: Sequence[str] = ("day", "week", "year"), *, format: str = "iso", utc_offset: float = 0.0
) -> tf.Tensor:
    """Return sine and cosine of a moment's place in each cycle, side by side, [n, 2 * n_cycles] float32.

    The place is the part of the cycle that has passed: of the hour, of the day since midnight, of the week since Monday, of
    the month and of the year since their first day. A missing moment, or one that cannot be read, is 0 throughout.

    Args:
        x: column of moments, see `epoch_seconds`.
        cycles: of hour, day, week, month, year.
        format: iso, seconds or milliseconds.
        utc_offset: hours added to UTC.

    Raises:
        UserCodeError: an unknown cycle or format, or no cycle.
    """
    unknown = [cycle for cycle in cycles if cycle not in CYCLES]
    if unknown or not cycles:
        raise UserCodeError(unknown_name("cycle", unknown[0], CYCLES) if unknown else "time_cycles: received no cycle")
    places = _places(epoch_seconds(x, format) + utc_offset * 3600)
    return tf.concat([_on_circle(places[cycle]) for cycle in cycles], axis=1)


def epoch_seconds(x: Any, format: str = "iso") -> tf.Tensor:
    """Return seconds since 1970-01-01 UTC as a column, [n] float64; NaN where there is none or it cannot be read.

    Args:
        x: for iso a text: `2026-03-01`, `2026-03-01T17:45`, `2026-03-01 17:45:00.5+01:00` or `+01`; without an offset it is UTC.
            Else an integer (a float32 holds today's seconds to about two minutes only).
        format: iso, seconds or milliseconds.

    Raises:
        UserCodeError: an unknown format.
    """
    if format == "iso":
        return _parsed(transforms.texts(x))
    if format not in _UNITS:
        raise UserCodeError(unknown_name("time format", format, ("iso", *_UNITS)))
    seconds = transforms.floats(x) / _UNITS[format]
    return tf.where(tf.abs(seconds) <= _SECONDS_AT_MOST, seconds, tf.constant(math.nan, tf.float64))


def _on_circle(turns: tf.Tensor) -> tf.Tensor:
    here = tf.math.is_finite(turns)
    angle = 2 * math.pi * tf.where(here, tf.math.floormod(turns, 1.0), 0.0)
    circle = tf.stack([tf.sin(angle), tf.cos(angle)], axis=1)
    return tf.cast(tf.where(here[:, tf.newaxis], circle, 0.0), tf.float32)


def _places(seconds: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return how much of each cycle has passed, [n] float64 in 0..1, NaN where seconds are."""
    here = tf.math.is_finite(seconds)
    known = tf.where(here, seconds, 0.0)
    days = known / DAY_S
    whole = tf.cast(tf.floor(days), tf.int64)
    passed = days - tf.floor(days)
    year, month, day = _civil(whole)
    new_year = _day_number(year, tf.ones_like(month), tf.ones_like(day))
    next_year = _day_number(year + 1, tf.ones_like(month), tf.ones_like(day))
    next_month = _day_number(year + tf.cast(month == 12, tf.int64), month % 12 + 1, tf.ones_like(day))
    in_month = tf.cast(next_month - (whole - day + 1), tf.float64)
    places = {
        "hour": known / 3600,
        "day": passed,
        "week": (days + 3) / 7,  # 1970-01-01 was a Thursday
        "month": (tf.cast(day - 1, tf.float64) + passed) / in_month,
        "year": (tf.cast(whole - new_year, tf.float64) + passed) / tf.cast(next_year - new_year, tf.float64),
    }
    return {cycle: tf.where(here, place, tf.constant(math.nan, tf.float64)) for cycle, place in places.items()}


def _parsed(texts: tf.Tensor) -> tf.Tensor:
    texts = tf.strings.strip(texts)
    fits = tf.strings.regex_full_match(texts, _ISO)
    safe = tf.where(fits, texts, "1970-01-01")

    def part(number: int, default: str) -> tf.Tensor:
        found = tf.strings.regex_replace(safe, f"^{_ISO}$", rf"\{number}")
        return tf.strings.to_number(tf.where(found == "", default, found), tf.float64)

    year, month, day = (tf.cast(part(i, "1"), tf.int64) for i in (1, 2, 3))
    hour, minute, second = (part(i, "0") for i in (4, 5, 6))
    sign = tf.where(tf.strings.regex_replace(safe, f"^{_ISO}$", r"\7") == "-", tf.constant(-1.0, tf.float64), 1.0)
    number = _day_number(year, tf.clip_by_value(month, 1, 12), day)
    exists = tf.reduce_all(tf.stack(_civil(number)) == tf.stack([year, month, day]), axis=0)  # no 31 April
    fits = fits & exists & (hour < 24) & (minute < 60) & (second < 61)
    seconds = tf.cast(number, tf.float64) * DAY_S + hour * 3600 + minute * 60 + second
    offset = sign * (part(8, "0") * 3600 + part(9, "0") * 60)
    return tf.where(fits, seconds - offset, tf.constant(math.nan, tf.float64))


def _day_number(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Return days since 1970-01-01, [n] int64; the year is counted from March, so that a leap day is its last."""
    year = year - tf.cast(month <= 2, tf.int64)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def _civil(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return year, month 1..12 and day 1..31 of a day number, [n] int64 each: the inverse of `_day_number`."""
    shifted = days + 719468
    era = shifted // 146097
    day_of_era = shifted - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    return year_of_era + era * 400 + tf.cast(month <= 2, tf.int64), month, day
