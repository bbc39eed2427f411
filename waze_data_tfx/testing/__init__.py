"""What your own tests import: rows in, transformed rows out, in seconds and without a pipeline.

May import anything of the project; nothing of the project imports it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["transform_rows"]


def transform_rows(config_path: str | Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fit the config's features on these rows and return the same rows transformed.

    Runs the very preprocessing_fn that the Transform node runs, fitted by tf.Transform on `rows` alone.

    Args:
        config_path: the pipeline's YAML file.
        rows: column -> value; a column that is left out or None is missing. The label may be left out.

    Returns:
        One dict per row: output name -> number, string, or list for vectors; the label and key left out.

    Raises:
        WazeTfxError: as the Transform node would.
    """
    from waze_data_tfx import errors

    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "rows.json"), Path(folder, "result.json")
        given.write_text(json.dumps([dict(row) for row in rows]), encoding="utf-8")
        command = [sys.executable, "-m", "waze_data_tfx.testing.worker", str(config_path), str(given), str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not made.is_file():
            raise errors.RunFailed(f"the rows could not be transformed:\n{done.stderr[-2000:]}")
        result = json.loads(made.read_text(encoding="utf-8"))
    if "error" in result:
        error = result["error"]
        raise errors.BY_NAME.get(error["type"], errors.RunFailed)(error["message"], hint=error["hint"])
    return result["rows"]
