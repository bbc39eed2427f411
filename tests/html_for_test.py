"""What a page must be: well-formed, fetching nothing, its links leading somewhere; and what Chromium makes of it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "br", "path", "rect", "circle", "polygon"}


class Checker(HTMLParser):
    """Keeps ids, what would be fetched, and the tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.fetched += [str(values[k]) for k in ("src", "srcset", "data", "poster") if k in values]
        self.fetched += [tag] if tag in ("link", "script", "iframe", "img", "object", "embed") else []
        self.links += [str(values["href"])] if "href" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    assert checker.fetched == []
    assert re.findall(r"(?:https?:|url\(|@import)[^\s<]*", html) == []
    assert {link for link in checker.links if link.removeprefix("#") not in checker.ids} == set()
    return checker


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True
        elif tag == "br" and self._in_cell:
            self.tables[-1][-1][-1] += " "

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


def tables(html: str) -> list[list[list[str]]]:
    """Return every table's rows of cells as text, without space around them."""
    parser = _Tables()
    parser.feed(html)
    return [[[re.sub(r"\s+", " ", cell).strip() for cell in row] for row in table] for table in parser.tables]


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")


def browse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def overflow(folder: Path, html: str, width: int) -> int:
    """Return by how many pixels the page is wider than a window."""
    script = "<script>document.title = document.documentElement.scrollWidth + ' ' + innerWidth</script></body>"
    probe = re.sub(r"<meta http-equiv[^>]*>", "", html).replace("</body>", script)  # the page itself allows no script
    (folder / "probe.html").write_text(probe)
    done = browse(folder, f"--window-size={width},900", "--dump-dom", f"file://{folder / 'probe.html'}")
    title = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert title
    return int(title[1]) - int(title[2])
