"""docs/data.md: its configs pass `check`, its SQL is what the library makes, its dates and texts are right."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pages_for_test import FENCE, files, page, write_files

from waze_data_tfx.commands import check, checked
from waze_data_tfx.config import load
from waze_data_tfx.cycles import backfill_of
from waze_data_tfx.data.hash_text import sql_bucket

PAGE = "data.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(PAGE, tmp_path)
    [query] = [code for _, code in FENCE.findall(page(PAGE)) if code.startswith("-- trips.sql\n")]
    Path("trips.sql").write_text(query)
    Path("trips.csv").write_text("seconds,miles,user_id,day,part\n60,1,7,2025-03-30,train\n90,1.5,8,2025-03-29,dev\n")


def test_every_config_is_a_good_one() -> None:
    assert list(files(PAGE)) == ["by_hash.yaml", "by_time.yaml", "by_column.yaml", "eta.yaml"]
    for name in files(PAGE):
        text = Path(name).read_text()
        if "window" not in text:  # the page's query reads one; a config that only shows a split has none
            Path(name).write_text(text.replace("  split:", "  window: {length: 4w}\n  split:"))
        check(name, run_date="2025-03-31")


def test_the_sql_of_the_bucket_is_the_library_s() -> None:
    assert sql_bucket(["user_id", "day"], 10, {"user_id": pa.int64(), "day": pa.date32()}) in page(PAGE)


def test_the_dates_are_those_of_the_run() -> None:
    window = checked(load("eta.yaml"), run_date="2025-03-31").config.data.window
    assert window is not None
    for value in window.values().values():
        assert f"`{value}`" in page(PAGE)
    cycles = backfill_of(load("eta.yaml"), "2025-01-06", "2025-03-31").cycles
    assert [c.run_date for c in cycles] == [
        date(2025, 1, 6),
        date(2025, 1, 27),
        date(2025, 2, 17),
        date(2025, 3, 10),
        date(2025, 3, 31),
    ]
