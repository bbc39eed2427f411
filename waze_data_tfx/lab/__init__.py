"""The bandit lab: agents played against environments over several seeds, with curves and plots; no pipeline, no log.

`bandit_lab` is what the command line and users call. Imports nothing heavy at the top.
"""

import os
import sys
from typing import TYPE_CHECKING

from waze_data_tfx.config.lab import BanditLab, lab_from_python, load_lab

if TYPE_CHECKING:
    from waze_data_tfx.lab.curves import Result

__all__ = ["bandit_lab"]


def bandit_lab(config: BanditLab | str | os.PathLike[str], *, sets: tuple[str, ...] = (), quiet: bool = False) -> "Result":
    """Play every agent with every seed and return the curves; they are also written to the config's directory.

    Args:
        config: as it was made in Python (relative paths: to the working directory), or the path of a YAML file.
        sets: `dotted.key=value` strings over a YAML file.
        quiet: print no progress.

    Raises:
        ConfigError: with every problem of the config.
        UserError: an agent or environment that is not known, or data that cannot be used.
    """
    loaded = lab_from_python(config) if isinstance(config, BanditLab) else load_lab(config, sets=sets)
    if str(loaded.path.parent) not in sys.path:  # where agents and environments of the user's own lie
        sys.path.insert(0, str(loaded.path.parent))
    from waze_data_tfx.lab.quiet_start import start_tensorflow

    start_tensorflow()
    from waze_data_tfx.lab import experiment, files, page

    result = experiment.run(loaded, report=None if quiet else experiment.print_progress)
    files.write(result)
    page.write(result)
    return result
