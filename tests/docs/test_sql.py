"""docs/sql.md says what the code supports."""

import re
from pathlib import Path

from waze_data_tfx.data.sql import supported

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()
GROUPS = {
    "Scalar": [*supported.SCALAR, *supported.SHAPED],
    "Aggregate": supported.AGGREGATE,
    "Window": supported.WINDOW,
}


def test_the_functions_of_the_page_are_those_of_the_list():
    listed = PAGE.split("<!-- functions:")[1].split("-->")[1].split("<!-- end")[0]
    for title, names in GROUPS.items():
        line = next(part for part in listed.split("\n\n") if part.strip().startswith(title))
        assert re.findall(r"`(\w+)`", line) == sorted(names)


def test_the_types_of_the_page_are_those_of_the_list():
    shown = re.search(r"Types of `CAST`: (.*)\.", PAGE)[1].lower().split(", ")
    assert set(shown) == set(supported.TYPES.values())
