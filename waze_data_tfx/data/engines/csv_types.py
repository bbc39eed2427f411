"""The types of a CSV's columns remembered by its content, for finding them means reading it as a whole.

Called by the DuckDB engine, in every process that asks for a query's columns: `check`, `plan`, ExampleGen. Standard library only;
never reads rows.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from waze_data_tfx.data.fingerprint import MEMO, fingerprint, write_memo

FILE = "csv_types.json"


def remembered(
    root: Path | None, table: str, files: Sequence[Path], options: str, find: Callable[[], dict[str, str]]
) -> dict[str, str]:
    """Return the type of each column, by `find` if it is not known of this content.

    Args:
        root: folder in which it is remembered, by table; None: it is not.
        table: the table's name.
        files: all of the table.
        options: how the files are read, the declared types among it.
        find: reads the files.
    """
    if root is None:
        return find()
    known = _read(root / FILE)
    entry = known.get(table)
    with ThreadPoolExecutor(1) as beside:
        digest = beside.submit(fingerprint, files, root / MEMO)
        early = None if entry else find()  # on another core than the digest
        made_of = [digest.result(), options, version("duckdb")]
    if isinstance(entry, dict) and entry.get("made_of") == made_of:
        types: dict[str, str] = entry["types"]
        return types
    found = early or find()
    write_memo(root / FILE, {**known, table: {"made_of": made_of, "types": found}})
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # remade if it cannot be read
        return {}
    return entries if isinstance(entries, dict) else {}
