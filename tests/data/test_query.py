"""What a query is given by a window, and what does not fit between the two."""

from pathlib import Path

import pytest

from waze_data_tfx.config import Loaded, load
from waze_data_tfx.config.run_date import dated
from waze_data_tfx.data.query import check_window, parameters_used, read_query, window_problems
from waze_data_tfx.errors import DataError
from waze_data_tfx.pipelines.preparation import rows_read

CONFIG = """\
name: eta
label: seconds
data:
  query: trips.sql
  tables: {trips: trips.csv}
  parameters: {city: Zurich}
  window: {length: 4w, timezone: Europe/Zurich}
features: {dense: [miles]}
evaluation: {metrics: [{name: mae, upper_bound: 5}]}
"""
QUERY = """\
SELECT '@window_end', miles -- @window_end
FROM `shop.trips` # @run_date
WHERE city = @city AND at >= @window_start_time
  AND at < @window_end_time AND @@time_zone = 'UTC' /* @window_start */
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def write(query: str = QUERY, old: str = "", new: str = "") -> Loaded:
        Path("trips.sql").write_text(query)
        assert old in CONFIG
        Path("eta.yaml").write_text(CONFIG.replace(old, new) if old else CONFIG)
        return load("eta.yaml")

    return write


def test_parameters_are_those_outside_of_texts_and_comments() -> None:
    assert parameters_used(QUERY) == {"city": 3, "window_start_time": 3, "window_end_time": 4}
    assert parameters_used("SELECT 1", "SELECT '$b'\nWHERE x > $window_end -- $c") == {"window_end": 2}
    assert parameters_used("SELECT 'no end") == {}


def test_the_query_is_given_what_it_uses_of_the_window(loaded) -> None:
    given = read_query(dated(loaded(), "2025-03-31").config).parameters
    assert {name: (p.type, p.value) for name, p in given.items()} == {
        "city": ("STRING", "Zurich"),
        "window_start_time": ("TIMESTAMP", "2025-03-02T23:00:00+00:00"),
        "window_end_time": ("TIMESTAMP", "2025-03-30T22:00:00+00:00"),
    }
    assert window_problems(dated(loaded(), "2025-03-31")) == []


def test_a_window_and_a_query_that_do_not_meet_are_refused_with_the_line(loaded, tmp_path: Path) -> None:
    assert window_problems(loaded(old="  window: {length: 4w, timezone: Europe/Zurich}\n")) == [
        "trips.sql:3: @window_start_time: is given by data.window; received none; add one, such as {length: 4w}",
        "trips.sql:4: @window_end_time: is given by data.window; received none; add one, such as {length: 4w}",
    ]
    assert window_problems(loaded("SELECT day\nFROM t WHERE day >= @window_start")) == [
        "trips.sql:2: @window_start: nothing says where the window ends, so that a run of a past day reads what came after; "
        "expected @window_end, too"
    ]
    assert window_problems(loaded("SELECT day FROM t WHERE day < @window_end")) == []  # all of the past
    assert window_problems(loaded("SELECT @run_date, '@window_end'")) == [
        "eta.yaml:7: data.window: no parameter of trips.sql reads it; expected one of @window_start, @window_end, "
        "@window_start_time, @window_end_time there"
    ]


def test_the_key_holds_the_days_and_not_how_the_window_is_spelled(loaded) -> None:
    def key(day: str, new: str = "length: 4w") -> dict:
        return rows_read(dated(loaded(old="length: 4w", new=new), day).config)

    assert key("2025-03-31") == key("2025-03-31", "length: 28d, overlap: 1w, end: '2025-03-31'")
    assert key("2025-03-31") != key("2025-04-01")
    assert key("2025-03-31") != key("2025-03-31", "length: 5w")
    assert key("2025-03-31") != key("2025-03-31", "length: 4w, min_rows: 10")
    assert "window" not in key("2025-03-31")
    old = "window: {length: 4w, timezone: Europe/Zurich}"
    by_time = "window: {length: 4w}\n  split: {time: {column: at, starts: {eval: START}}}"
    loads = {start: loaded(old=old, new=by_time.replace("START", start)) for start in ("1w", "7d", "8d")}
    split = {start: rows_read(dated(one, "2025-03-31").config) for start, one in loads.items()}
    assert split["1w"] == split["7d"] != split["8d"]
    assert split["1w"]["split"]["time"]["starts"] == {"eval": "2025-03-24"}


def test_too_few_rows_in_a_window_are_said_with_the_days_and_what_the_query_was_given(loaded) -> None:
    config = dated(loaded(old="length: 4w", new="length: 4w, min_rows: 100"), "2025-03-31").config
    check_window(config, 100)
    with pytest.raises(DataError) as caught:
        check_window(config, 99)
    assert caught.value.message == (
        f"{config.data.query}: 99 rows in the window 2025-03-03 to 2025-03-31 (the last day is not part of it; 4w in "
        "Europe/Zurich); expected at least 100 (data.window.min_rows); the query was given @city=Zurich, "
        "@window_start_time=2025-03-02T23:00:00+00:00, @window_end_time=2025-03-30T22:00:00+00:00"
    )
    with pytest.raises(DataError, match=r"trips.sql: no rows in the window 2025-03-03 to 2025-03-31 .* expected at least 1 "):
        check_window(dated(loaded(), "2025-03-31").config, 0)
