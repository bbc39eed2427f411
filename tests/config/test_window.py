"""Windows: the calendar at month, year, leap-day and daylight-saving borders; which settings do not fit each other."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waze_data_tfx.config import load
from waze_data_tfx.config.run_date import dated, today
from waze_data_tfx.config.window import Window, before, counted
from waze_data_tfx.cycles import run_dates
from waze_data_tfx.errors import ConfigError, UserError

DAY = st.dates(date(1990, 1, 1), date(2060, 12, 31))
N = st.integers(1, 40)
DAYS, MONTHS = st.sampled_from("dw"), st.sampled_from(["mo", "y"])
CONFIG = """\
name: eta
label: seconds
data:
  query: trips.sql
  tables: {trips: trips.csv}
  window: {length: 4w, overlap: 1w}
  split:
    time: {column: day, starts: {test: 1w, eval: 2w}}
features: {dense: [miles]}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""


@pytest.mark.parametrize(
    ("day", "length", "start"),
    [
        ("2025-03-01", "1d", "2025-02-28"),
        ("2024-03-01", "1d", "2024-02-29"),
        ("2024-03-01", "4w", "2024-02-02"),  # 28 days back over a leap day
        ("2025-01-01", "1mo", "2024-12-01"),
        ("2025-03-31", "1mo", "2025-02-28"),  # clipped at the month's end
        ("2024-03-31", "1mo", "2024-02-29"),
        ("2024-02-29", "1y", "2023-02-28"),
        ("2025-02-28", "1y", "2024-02-28"),
        ("2025-05-31", "3mo", "2025-02-28"),
    ],
)
def test_a_window_begins_its_length_before_its_end(day: str, length: str, start: str) -> None:
    window = Window(length=length).of_day(date.fromisoformat(day))
    assert window.days == (date.fromisoformat(start), date.fromisoformat(day))
    assert window.values()["window_start"] == start
    assert window.values()["run_date"] == window.values()["window_end"] == day


@pytest.mark.parametrize(
    ("day", "timezone", "start", "end", "hours"),
    [
        ("2025-03-31", "Europe/Zurich", "2025-03-29T23:00:00", "2025-03-30T22:00:00", 23),  # summer time begins on the 30th
        ("2025-10-27", "Europe/Zurich", "2025-10-25T22:00:00", "2025-10-26T23:00:00", 25),  # and ends on October 26
        ("2025-03-30", "Europe/Zurich", "2025-03-28T23:00:00", "2025-03-29T23:00:00", 24),
        ("2025-03-31", "UTC", "2025-03-30T00:00:00", "2025-03-31T00:00:00", 24),
        ("2018-11-05", "America/Sao_Paulo", "2018-11-04T03:00:00", "2018-11-05T02:00:00", 23),  # clocks skipped midnight itself
        ("2025-11-03", "America/Havana", "2025-11-02T04:00:00", "2025-11-03T05:00:00", 25),  # midnight came twice: the first
    ],
)
def test_a_day_of_a_window_is_as_long_as_its_time_zone_makes_it(
    day: str, timezone: str, start: str, end: str, hours: int
) -> None:
    values = Window(length="1d", timezone=timezone).of_day(date.fromisoformat(day)).values()
    assert (values["window_start_time"], values["window_end_time"]) == (f"{start}+00:00", f"{end}+00:00")
    first, last = (datetime.fromisoformat(values[f"window_{name}_time"]) for name in ("start", "end"))
    assert last - first == timedelta(hours=hours)


@given(start=DAY, n=N, unit=DAYS, n_cycles=st.integers(1, 12))
def test_windows_of_days_without_overlap_tile_the_time_line(start: date, n: int, unit: str, n_cycles: int) -> None:
    window = Window(length=f"{n}{unit}", timezone="Europe/Zurich")
    days = run_dates(window, start, start + timedelta(days=n_cycles * counted(f"{n}{unit}")[1]))
    made = [window.of_day(day) for day in days]
    assert len(made) == n_cycles + 1
    for one, other in pairwise(made):
        assert one.values()["window_end"] == other.values()["window_start"]
        assert one.values()["window_end_time"] == other.values()["window_start_time"]


@given(start=DAY, n=st.integers(1, 30), unit=MONTHS)
def test_windows_of_months_tile_the_time_line_up_to_the_28th(start: date, n: int, unit: str) -> None:
    window = Window(length=f"{n}{unit}")
    end = before(start, window.length, -4)
    if start.day > 28:
        with pytest.raises(UserError, match="not every month has a day"):
            run_dates(window, start, end)
        return
    made = [window.of_day(day) for day in run_dates(window, start, end)]
    assert [one.days[1] for one in made[:-1]] == [other.days[0] for other in made[1:]]


@given(start=DAY, n=st.integers(2, 40), data=st.data(), unit=st.one_of(DAYS, MONTHS))
def test_windows_overlap_by_exactly_the_overlap(start: date, n: int, data: st.DataObject, unit: str) -> None:
    start = start.replace(day=min(start.day, 28))
    overlap = f"{data.draw(st.integers(1, n - 1))}{unit}"
    window = Window(length=f"{n}{unit}", overlap=overlap)
    one, other, *_ = (window.of_day(day) for day in run_dates(window, start, before(start, window.length, -2)))
    assert before(one.days[1], overlap) == other.days[0]
    assert counted(window.shared or "") == counted(overlap)


@pytest.mark.parametrize(
    ("window", "stride", "said"),
    [
        ({"length": "4w", "overlap": "1w"}, "3w", "a step of 3w, 1w in common with the next"),
        ({"length": "4w"}, "4w", "a step of 4w, nothing in common with the next"),
        ({"length": "4w", "overlap": "1w", "step": "2w"}, "2w", "a step of 2w, 2w in common with the next (overlap says 1w)"),
        ({"length": "1w", "step": "2w"}, "2w", "a step of 2w, 1w between two windows belong to none"),
        ({"length": "1y", "overlap": "3mo"}, "9mo", "a step of 9mo, 3mo in common with the next"),
        ({"length": "3mo", "step": "2w"}, "2w", "a step of 2w, the overlap depends on the month"),
        ({"length": "10d", "overlap": "1w"}, "3d", "a step of 3d, 1w in common with the next"),
    ],
)
def test_the_step_is_the_difference_unless_it_is_given(window: dict, stride: str, said: str) -> None:
    made = Window(**window).of_day(date(2025, 3, 1))
    assert made.stride == stride
    assert made.described().endswith(said)


def test_run_dates_go_up_to_the_last_one_that_is_reached() -> None:
    window = Window(length="1mo")
    assert run_dates(window, date(2024, 11, 28), date(2025, 3, 27)) == [
        date(2024, 11, 28), date(2024, 12, 28), date(2025, 1, 28), date(2025, 2, 28),
    ]  # fmt: skip
    assert run_dates(window, date(2025, 1, 1), date(2025, 1, 1)) == [date(2025, 1, 1)]
    with pytest.raises(UserError, match="--from 2025-01-02 --to 2025-01-01: ends before it begins"):
        run_dates(window, date(2025, 1, 2), date(2025, 1, 1))
    with pytest.raises(UserError, match="more than 1000 cycles of 1d"):
        run_dates(Window(length="1d"), date(2020, 1, 1), date(2025, 1, 1))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("trips.sql").write_text("SELECT 1")
    return tmp_path


def write(old: str = "", new: str = "") -> Path:
    assert old in CONFIG
    path = Path("eta.yaml")
    path.write_text(CONFIG.replace(old, new) if old else CONFIG)
    return path


def test_a_run_date_makes_every_day_literal() -> None:
    config = dated(load(write()), "2025-03-31").config
    window, time = config.data.window, config.data.split.time
    assert window is not None
    assert time is not None
    assert (window.run_date, window.end, window.length) == ("2025-03-31", "2025-03-31", "4w")
    assert time.starts == {"eval": "2025-03-17", "test": "2025-03-24"}
    assert (config.data.split.names, time.timezone) == (("train", "eval", "test"), "UTC")
    assert type(config).model_validate_json(config.model_dump_json(by_alias=True)) == config  # as config.json holds it


def test_the_run_date_comes_from_the_command_the_config_or_the_calendar() -> None:
    end = write("overlap: 1w", "overlap: 1w, end: '2025-02-01', run_date: '2025-02-03'")
    window = dated(load(end)).config.data.window
    assert window is not None
    assert (window.end, window.run_date) == ("2025-02-01", "2025-02-03")
    assert dated(load(end), "2025-05-05").config.data.window.values() == {**window.values(), "run_date": "2025-05-05"}
    kiritimati = dated(load(write("overlap: 1w", "timezone: Pacific/Kiritimati"))).config.data.window
    assert kiritimati.run_date in {  # UTC+14; the clock may move on between two looks at it
        str((datetime.now(UTC) + timedelta(hours=14, seconds=s)).date()) for s in (0, -60)
    }
    assert today(kiritimati) >= datetime.now(UTC).date()
    with pytest.raises(UserError, match="--run-date 2025-02-30: expected a date such as 2025-01-31"):
        dated(load(write()), "2025-02-30")
    with pytest.raises(UserError, match=r"--run-date 2025-02-01: only data.window reads it; received no data.window"):
        dated(load(no_window()), "2025-02-01")


def no_window() -> Path:
    path = write("  window: {length: 4w, overlap: 1w}\n", "")
    path.write_text(path.read_text().replace("time: {column: day, starts: {test: 1w, eval: 2w}}", "by: [id]"))
    return path


BY_TIME = "    time: {column: day, starts: {test: 1w, eval: 2w}}"
LENGTH = "expected a number of days, weeks, months or years, such as 10d, 4w, 3mo or 1y"
DISJOINT = "puts rows with the same user into several splits; expected data.split.by: [user], or some of these"


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("{length: 4w, ", "{length: 4 weeks, ", "6: data.window.length", f"{LENGTH}; received '4 weeks'"),
        ("{length: 4w, ", "{length: 0w, ", "6: data.window.length", f"{LENGTH}; received '0w'"),
        ("overlap: 1w", "overlap: 4w", "6: data.window.overlap", "received '4w'; expected less than the length '4w'"),
        (
            "length: 4w",
            "length: 1mo",
            "6: data.window.overlap",
            "received '1w' of '1mo': months differ in days; expected both in days and weeks, or both in months and years, or a "
            "step",
        ),
        (
            "overlap: 1w",
            "end: tomorrow",
            "6: data.window.end",
            "expected a date in quotes, such as '2025-01-31', or run_date; received 'tomorrow'",
        ),
        (
            "overlap: 1w",
            "timezone: Europe/Zürich",
            "6: data.window.timezone",
            "unknown time zone; expected a name such as Europe/Zurich; did you mean 'Europe/Zurich'?; received 'Europe/Zürich'",
        ),
        ("overlap: 1w", "min_rows: 0", "6: data.window.min_rows", "input should be greater than 0; received 0"),
        (
            "query: trips.sql\n  tables: {trips: trips.csv}",
            "input: trips.csv",
            "5: data.window",
            "only a query reads it; received no data.query",
        ),
        (
            "  window",
            "  parameters: {window_start: a}\n  window",
            "6: data.parameters.window_start",
            "is given by data.window; take it out, or name the parameter otherwise",
        ),
        (
            "test: 1w, ",
            "train: 3w, ",
            "8: data.split.time.starts.train",
            "train is what lies before the first start; take it out",
        ),
        ("eval: 2w", "tset: 2w", "8: data.split.time.starts", "split 'eval' is missing; expected where it begins"),
        ("eval: 2w", "eval: 1w", "8: data.split.time.starts.eval", "received '1w', where test begins already"),
        (
            "eval: 2w",
            "eval: soon",
            "8: data.split.time.starts.eval",
            "expected a date in quotes, such as '2025-01-31', or a time before the window's end, such as 1w; received 'soon'",
        ),
        (
            "time: {",
            "by: [id]\n    time: {",
            "7: data.split",
            "received by and time; expected by and buckets, or time, or column",
        ),
        (
            BY_TIME,
            "    values: [train, eval]",
            "8: data.split.values",
            "only a split by column uses it; received no data.split.column",
        ),
        (
            BY_TIME,
            "    column: part\n    values: [train, test]",
            "9: data.split.values",
            "split 'eval' is missing; both train and eval are needed; received keys and values",
        ),
        (
            BY_TIME,
            "    column: part\n    values: {train: [a, b], eval: b}",
            "9: data.split.values.eval",
            "'b' is of split train already",
        ),
        (
            BY_TIME,
            "    by: [user, day]\n    disjoint: [user]",
            "9: data.split.disjoint",
            f"a hash of user, day {DISJOINT}",
        ),
        (
            BY_TIME,
            "    buckets: {train: 1, eval: 1}\n    disjoint: [user]",
            "9: data.split.disjoint",
            f"a hash of all columns {DISJOINT}",
        ),
        (
            BY_TIME,
            "    buckets: {train: 1, eval: 1, a/b: 1}",
            "8: data.split.buckets.a/b",
            "string should match pattern '^[A-Za-z][A-Za-z0-9_-]*$'; received 'a/b'",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_line(old: str, new: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(old, new))
    assert caught.value.problems == [f"eta.yaml:{key}: {said}"]


def test_durations_need_a_window_to_count_back_from() -> None:
    with pytest.raises(ConfigError) as caught:
        load(write("  window: {length: 4w, overlap: 1w}\n", ""))
    assert caught.value.problems == [
        f"eta.yaml:7: data.split.time.starts.{name}: received '{start}', which counts back from the end of data.window; received "
        "none; expected a date in quotes"
        for name, start in (("test", "1w"), ("eval", "2w"))
    ]


INSIDE = "expected a day inside the window 2025-03-03 to 2025-03-31, so that no split is empty"


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        ("{eval: 4w}", f"eval: begins on 2025-03-03; {INSIDE}"),
        ("{eval: '2025-03-31'}", f"eval: begins on 2025-03-31; {INSIDE}"),
        ("{eval: 1w, test: '2025-03-24'}", "test: begins on 2025-03-24, as eval does; expected another day"),
    ],
)
def test_a_split_by_time_begins_inside_its_window_and_on_a_day_of_its_own(starts: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        dated(load(write("{test: 1w, eval: 2w}", starts)), "2025-03-31")
    assert caught.value.problems == [f"eta.yaml:8: data.split.time.starts.{said}"]


@pytest.mark.parametrize("values", ["[train, eval, test]", "{train: [0, true], eval: dev}", "{train: [a], eval: [b, c]}"])
def test_editors_accept_the_short_forms_of_values_and_starts(values: str) -> None:
    import jsonschema
    from ruamel.yaml import YAML

    from waze_data_tfx.config import Config

    for how in (f"column: part, values: {values}", "time: {column: day, starts: {eval: '2025-01-31', test: 1w}}"):
        text = CONFIG.replace("{trips: trips.csv}", "{trips: {file: trips.csv}}").replace(
            "split:\n    time: {column: day, starts: {test: 1w, eval: 2w}}", f"split: {{{how}}}"
        )
        written = YAML(typ="safe").load(text)
        assert list(jsonschema.Draft202012Validator(Config.model_json_schema(by_alias=True)).iter_errors(written)) == []
        assert Config.model_validate(written).data.split.kind in ("column", "time")
