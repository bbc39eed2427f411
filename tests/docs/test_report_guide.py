"""docs/report.md has a section for each of the page's, in its order: those of a supervised model, then those of a bandit."""

import re

from conftest import REPOSITORY
from pages_for_test import page

TEMPLATES = REPOSITORY / "waze_data_tfx/report"


def test_every_section_of_the_page_is_explained_in_its_order() -> None:
    frame = (TEMPLATES / "page.html.j2").read_text()
    either = re.search(r"{% include .*? %}", frame)
    assert either
    parts = re.findall(r'"(\w+\.html\.j2)"', either[0])
    assert sorted(parts) == ["bandit.html.j2", "supervised.html.j2"]
    inner = "".join((TEMPLATES / name).read_text() for name in sorted(parts, reverse=True))
    shown = re.findall(r"<section id=.*?><h2>(.+?)</h2>", frame.replace(either[0], inner))
    assert shown.index("Metrics") < shown.index("Policy value") < shown.index("Serving")
    assert re.findall(r"^## (.+)$", page("report.md"), re.MULTILINE) == shown
