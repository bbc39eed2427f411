"""docs/report.md has a section for each of the page's, in its order."""

import re

from conftest import REPOSITORY
from pages_for_test import page


def test_every_section_of_the_page_is_explained_in_its_order() -> None:
    shown = re.findall(r"<section id=.*?><h2>(.+?)</h2>", (REPOSITORY / "waze_data_tfx/report/page.html.j2").read_text())
    assert "Metrics" in shown
    assert re.findall(r"^## (.+)$", page("report.md"), re.MULTILINE) == shown
