"""The `data.window` section: which days a run learns from, and the calendar that it is counted with.

One part of the config; `run_date` fills in the literal days before a run, `data.query` hands them to the query. A day of the
calendar is a day whatever its hours; months and years are counted by dateutil's relativedelta, which stays on the day of the
month and clips it at the month's end (a month before March 31 is February 28 or 29). Imports dateutil and zoneinfo inside
functions. Never looks at a clock.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt

from ..errors import did_you_mean
from .section import Section

RUN_DATE = "run_date"
PARAMETERS: Mapping[str, Literal["DATE", "TIMESTAMP"]] = {
    "window_start": "DATE",
    "window_end": "DATE",
    "window_start_time": "TIMESTAMP",
    "window_end_time": "TIMESTAMP",
    "run_date": "DATE",
}
"""What a query gets from a window, with BigQuery's types. The start is part of the window, the end is not."""
DURATION = re.compile(r"^(\d{1,4})(d|w|mo|y)$")
UNITS = {"d": ("days", 1), "w": ("days", 7), "mo": ("months", 1), "y": ("months", 12)}
"""What a unit is counted in, and how many of these it has."""
LAST_SURE_DAY = 28
"""The last day that every month has: from a later one, cycles of months do not meet."""


def is_duration(text: str) -> bool:
    """Whether the text is a length of time, such as 4w."""
    return bool(DURATION.match(text))


def counted(duration: str) -> tuple[str, int]:
    """Return what a duration is counted in, days or months, and how many: 4w is 28 days, 1y is 12 months."""
    found = DURATION.match(duration)
    assert found is not None
    unit, n = UNITS[found[2]]
    return unit, int(found[1]) * n


def before(day: date, duration: str, times: int = 1) -> date:
    """Return the day that lies `times` durations before `day`, or after it where `times` is negative."""
    from dateutil.relativedelta import relativedelta

    unit, n = counted(duration)
    moved: date = day - relativedelta(**{unit: n * times})
    return moved


def midnight(day: date, timezone: str) -> datetime:
    """Return the first moment of a day in a time zone, in UTC; where clocks skip midnight, the moment when they do."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def _positive(text: Any) -> Any:
    if not isinstance(text, str) or not is_duration(text) or not counted(text)[1]:
        raise ValueError("expected a number of days, weeks, months or years, such as 10d, 4w, 3mo or 1y")
    return text


def _or_zero(text: Any) -> Any:
    return text if isinstance(text, str) and is_duration(text) else _positive(text)


def as_day(value: Any) -> Any:
    """Return a date as text: in YAML it stands in quotes, in Python and in --set it may be a date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError("expected a date in quotes, such as '2025-01-31'") from None


def _end(value: Any) -> Any:
    if value == RUN_DATE:
        return value
    try:
        return as_day(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {RUN_DATE}") from None


def _timezone(value: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(value, available_timezones())
        raise ValueError(f"unknown time zone; expected a name such as Europe/Zurich{near}") from None
    return value


Duration = Annotated[str, BeforeValidator(_positive)]
Overlap = Annotated[str, BeforeValidator(_or_zero)]
Day = Annotated[str, BeforeValidator(as_day)]
DayOrRunDate = Annotated[str, BeforeValidator(_end)]
TimeZone = Annotated[str, AfterValidator(_timezone)]


class Window(Section):
    """The days that a run learns from: `length` back from `end`, which is not part of them."""

    length: Annotated[Duration, Field(description="Days (10d), weeks (4w), months (3mo) or years (1y).")]
    overlap: Annotated[Overlap, Field(description="What two windows that follow each other have in common.")] = "0d"
    step: Annotated[
        Duration | None, Field(description="From one cycle of a backfill to the next; default: length less overlap.")
    ] = None
    end: Annotated[DayOrRunDate, Field(description="First day after the window: run_date, or a date in quotes.")] = RUN_DATE
    timezone: Annotated[TimeZone, Field(description="Where a day begins; whose today a run is of without --run-date.")] = "UTC"
    min_rows: Annotated[PositiveInt, Field(description="Fewer rows in the window than this stop the run.")] = 1
    run_date: Annotated[
        Day | None, Field(description="The day that a run is of; default: --run-date, or else today in `timezone`.")
    ] = None

    def of_day(self, run_date: date) -> "Window":
        """Return the window of the run of a day: literal."""
        day = run_date.isoformat()
        return self.model_copy(update={"run_date": day, "end": day if self.end == RUN_DATE else self.end})

    @property
    def is_literal(self) -> bool:
        """Whether `of_day` has filled in the days."""
        return self.end != RUN_DATE and self.run_date is not None

    @property
    def days(self) -> tuple[date, date]:
        """Return the first day and the first day after the last."""
        assert self.is_literal, "a window is made literal before anything is planned"
        end = date.fromisoformat(self.end)
        return before(end, self.length), end

    @property
    def stride(self) -> str:
        """Return `step`, or else length less overlap."""
        if self.step:
            return self.step
        (unit, n), (_, less) = counted(self.length), counted(self.overlap)
        return _written(unit, n - less)

    @property
    def shared(self) -> str | None:
        """Return what windows that follow each other share, 0d if nothing; None where it differs from one to the next."""
        (unit, n), (other, step) = counted(self.length), counted(self.stride)
        return _written(unit, max(n - step, 0)) if unit == other else None

    @property
    def skipped(self) -> str | None:
        """Return what no window covers between two that follow each other; None where they meet or overlap."""
        (unit, n), (other, step) = counted(self.length), counted(self.stride)
        return _written(unit, step - n) if unit == other and step > n else None

    def values(self) -> dict[str, str]:
        """Return the text of every parameter in `PARAMETERS`."""
        assert self.run_date is not None
        start, end = self.days
        moments = {f"window_{name}_time": midnight(day, self.timezone) for name, day in (("start", start), ("end", end))}
        texts = {name: moment.isoformat() for name, moment in moments.items()}
        return {"window_start": start.isoformat(), "window_end": end.isoformat(), **texts, "run_date": self.run_date}

    def described(self) -> str:
        """Return the window in a person's words, and what the next one shares with it."""
        start, end = self.days
        if self.skipped:
            shared = f"{self.skipped} between two windows belong to none"
        elif self.shared is None:
            shared = "the overlap depends on the month"
        else:
            shared = f"{self.shared if counted(self.shared)[1] else 'nothing'} in common with the next"
        differs = self.shared is None or counted(self.shared) != counted(self.overlap)
        given = f" (overlap says {self.overlap})" if counted(self.overlap)[1] and differs else ""
        return (
            f"{start} to {end} without the last day, {self.length} in {self.timezone}; a step of {self.stride}, {shared}{given}"
        )


def _written(unit: str, n: int) -> str:
    """Return a duration in its largest whole unit."""
    larger, per, smaller = ("w", 7, "d") if unit == "days" else ("y", 12, "mo")
    return f"{n // per}{larger}" if n and not n % per else f"{n}{smaller}"
