"""The day that a run is of: from a config with a rolling window to one whose days are all literal.

Called by the commands before anything is checked, planned or run, so that what is recorded and submitted means the same tomorrow.
The only place that looks at a clock for it. Never reads a file.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from ..errors import ConfigError, UserError
from .load import Loaded
from .schema import Config
from .split import Split
from .window import Window, as_day, before, is_duration


def day_of(text: str | date, flag: str) -> date:
    """Return a day that a person gave.

    Raises:
        UserError: it is none.
    """
    try:
        return date.fromisoformat(as_day(text))
    except ValueError:
        raise UserError(f"{flag} {text}: expected a date such as 2025-01-31") from None


def today(window: Window) -> date:
    """Return what the calendar shows in the window's time zone."""
    return datetime.now(ZoneInfo(window.timezone)).date()


def dated(loaded: Loaded, run_date: str | date | None = None) -> Loaded:
    """Return the config with every day literal: the run's, the window's end and where splits by time begin.

    Args:
        loaded: the config.
        run_date: the day that the run is of; default: `data.window.run_date`, or else today in the window's time zone.

    Raises:
        UserError: a run date that is none, or that nothing would read.
        ConfigError: a split by time begins outside the window, or where another begins.
    """
    if run_date is not None and loaded.config.data.window is None:
        raise UserError(
            f"--run-date {run_date}: only data.window reads it; received no data.window",
            hint="add one, such as data.window: {length: 4w}, and @window_start and @window_end to the query",
        )
    config = of_day(loaded.config, run_date)
    misplaced = _misplaced(config.data.split, config.data.window)
    problems = [f"{loaded.where('data', 'split', 'time', 'starts', name)}: {what}" for name, what in misplaced]
    if problems:
        raise ConfigError(problems)
    return replace(loaded, config=config)


def of_day(config: Config, run_date: str | date | None = None) -> Config:
    """Return the config with every day literal, unchecked: for a look at the rows that a run would read.

    Raises:
        UserError: a run date that is none.
    """
    window = config.data.window
    if window is not None:
        given = run_date or window.run_date
        window = window.of_day(day_of(given, "--run-date") if given else today(window))
    split = _literal_starts(config.data.split, window)
    return config.model_copy(update={"data": config.data.model_copy(update={"window": window, "split": split})})


def _literal_starts(split: Split, window: Window | None) -> Split:
    """Return the split with dates in the place of durations, in their order, and its time zone."""
    time = split.time
    if time is None:
        return split
    starts = {name: _literal(start, window) for name, start in time.starts.items()}
    ordered = dict(sorted(starts.items(), key=lambda item: item[1]))
    timezone = time.timezone or (window.timezone if window else "UTC")
    return split.model_copy(update={"time": time.model_copy(update={"starts": ordered, "timezone": timezone})})


def _literal(start: str, window: Window | None) -> str:
    if not is_duration(start):
        return start
    assert window is not None  # split_problems
    return before(window.days[1], start).isoformat()


def _misplaced(split: Split, window: Window | None) -> Iterator[tuple[str, str]]:
    """Yield (split, what is wrong) where a split would be empty whatever the rows are."""
    starts = list(split.time.starts.items()) if split.time else []
    for (earlier, start), (name, other) in pairwise(starts):
        if start == other:
            yield name, f"begins on {other}, as {earlier} does; expected another day"
    for name, start in starts if window else ():
        assert window is not None
        first, end = window.days
        if not first.isoformat() < start < end.isoformat():
            yield name, f"begins on {start}; expected a day inside the window {first} to {end}, so that no split is empty"
