"""Which file a function of the user's stands in: what `code:` takes in Python in place of a path.

Called by `data.Code`. The processes that run a pipeline's nodes import the file; so a function without one is refused.
"""

import inspect
from pathlib import Path
from typing import Any


def file_of(function: Any, wanted: str, section: str) -> Path:
    """Return the file of a function that is named as the pipeline will look for it.

    Args:
        function: what was given.
        wanted: preprocessing_fn or build_model.
        section: key below `code`, for the message.

    Raises:
        ValueError: no plain function, another name, or defined where no other process can import it.
    """
    if not inspect.isfunction(function):
        raise ValueError(f"expected a function that `def {wanted}` made, or the path of its file")
    file = Path(inspect.unwrap(function).__code__.co_filename)
    cell = f"in a notebook begin its cell with `%%writefile {section}.py`, and say Code({section}='{section}.py')"
    if function.__name__ == "<lambda>" or function.__qualname__ != function.__name__:
        raise ValueError(f"expected a function at the top level of a file, which other processes can import; {cell}")
    if not file.is_file():
        raise ValueError(f"expected a function in a file, which other processes can import; {cell}")
    if function.__module__ == "__main__":
        raise ValueError(
            f"the function stands in the script that is running, which other processes would run again; move it to a file of "
            f"its own, such as {section}.py"
        )
    if function.__name__ != wanted:
        raise ValueError(f"expected a function named {wanted}; rename it, or call it in one of that name")
    return file.resolve()
