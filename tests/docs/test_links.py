"""Every relative link of every page leads somewhere: the file is there, and the heading in it."""

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z]+:")
LEFT_OUT = {".venv", "output", "build", "dist", ".git", ".ipynb_checkpoints"}
PAGES = sorted(
    p.relative_to(REPOSITORY)
    for ending in ("*.md", "*.ipynb")
    for p in REPOSITORY.rglob(ending)
    if not LEFT_OUT & set(p.relative_to(REPOSITORY).parts[:-1])
)


def broken(page: Path) -> list[str]:
    """Return the page's links that lead nowhere."""
    found = []
    for link in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if ELSEWHERE.match(link):
            continue
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (heading and heading not in anchors(target)):
            found.append(link)
    return found


def anchors(page: Path) -> set[str]:
    """Return a page's headings as GitHub writes them into links."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_relative_link_resolves(page: Path) -> None:
    assert broken(REPOSITORY / page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One's `own` page\n[a](page.md) [b](#ones-own-page) [c](https://x.org) [d](gone.md) [e](page.md#two)\n`[f](g)`\n"
    )
    assert broken(page) == ["gone.md", "page.md#two"]


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/gate.md", "components/pusher/README.md", "notebooks/explore_data.ipynb"} <= {str(p) for p in PAGES}


def test_every_guide_is_in_the_index() -> None:
    index = (REPOSITORY / "docs" / "README.md").read_text("utf-8")
    linked = {link.partition("#")[0] for link in LINK.findall(index)}
    guides = {p.name for p in (REPOSITORY / "docs").glob("*.md")} - {"README.md"}
    notebooks = {f"../notebooks/{p.name}" for p in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert guides | notebooks <= linked
