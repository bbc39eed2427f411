"""Every relative link of every page leads somewhere."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

PAGES = [
    page
    for page in REPOSITORY.rglob("*.md")
    if not {"output", "site-packages", "node_modules"} & set(page.parts) and ".venv" not in page.parts and not page.is_symlink()
]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#([^)\s]*))?\)|\]\(#([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings: lower case, without punctuation, dashes for blanks."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/gate.md", "docs/first_pipeline.md"} <= {
        str(page.relative_to(REPOSITORY)) for page in PAGES
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target, part, here in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if ":" in target:
            continue
        file = page.parent / target if target else page
        anchor = part or here
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert broken == []
