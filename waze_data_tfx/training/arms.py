"""What is known of each action: the file of `bandit.arm_features`, as a matrix in the order of the actions.

Called by `bandits`. Imports DuckDB inside the function.
"""

from pathlib import Path

import numpy as np

from waze_data_tfx.errors import DataError

ACTION = "action"


def read_arm_features(file: Path, actions: tuple[str, ...]) -> np.ndarray:
    """Return the numbers of each action's row, [n_actions, n_columns] float32, columns in the file's order.

    Raises:
        DataError: the file cannot be read, lacks an action or holds it twice, or a value is no finite number.
    """
    import duckdb

    try:
        table = duckdb.sql(f"SELECT * FROM '{str(file).replace(chr(39), chr(39) * 2)}'").fetchnumpy()
    except duckdb.Error as error:
        raise DataError(f"bandit.arm_features: {file}: {str(error).splitlines()[0]}") from error
    if ACTION not in table:
        raise DataError(f"bandit.arm_features: {file}: column '{ACTION}' is missing; known: {', '.join(table)}")
    named = [str(name) for name in table[ACTION]]
    for action in actions:
        if named.count(action) != 1:
            raise DataError(
                f"bandit.arm_features: {file}: action '{action}': expected one row; received {named.count(action)}",
                hint="give every action of bandit.actions one row",
            )
    columns = {name: values for name, values in table.items() if name != ACTION}
    wrong = [name for name, values in columns.items() if np.ma.is_masked(values) or values.dtype.kind not in "biuf"]
    if wrong or not columns:
        what = f"column '{wrong[0]}': expected a number in every row" if wrong else "expected a column of numbers"
        raise DataError(f"bandit.arm_features: {file}: {what}")
    matrix = np.stack([np.asarray(values, np.float32) for values in columns.values()], axis=1)
    if not np.isfinite(matrix).all():
        raise DataError(f"bandit.arm_features: {file}: expected finite numbers")
    return matrix[[named.index(action) for action in actions]]
