"""What the pages under docs/ hold: code blocks that name their file, and commands."""

import re
from pathlib import Path

from conftest import REPOSITORY

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\w+\.\w+)\n")


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def files(name: str) -> dict[str, str]:
    """Return the page's code blocks that begin with `# FILE`, by file."""
    found = {}
    for _, code in FENCE.findall(page(name)):
        if named := NAME.match(code):
            found[named[1]] = code
    return found


def write_files(name: str, folder: Path) -> Path:
    for file, code in files(name).items():
        (folder / file).write_text(code, encoding="utf-8")
    return folder
