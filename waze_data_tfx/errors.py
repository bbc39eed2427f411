"""What can go wrong, as a tree; every command maps it to an exit code.

Raised everywhere, caught only by the command line and by the process that runs a node. Never imports anything of the project.

    WazeTfxError                 an error with a message meant for a person
    +-- UserError          2     a mistake in a config, a file or a command: printed without a traceback
    |   +-- ConfigError    2     one or more problems of a config, each with file and line
    |   +-- UserCodeError  2     the user's preprocessing_fn or model builder raised or returned something else
    |   +-- DataError      2     the input rows cannot be used: missing column, wrong type, empty split
    |   +-- NoCredentials  2     a cloud was asked for and nobody is logged in
    +-- RunFailed          1     a node failed for a reason that is not the user's
    +-- Stopped            3     anomalies, drift or skew stopped the run, or the gate refused
    +-- Locked            75     another run holds the pipeline root
    +-- Interrupted      130     a signal ended the run; it can be resumed
"""

import difflib
import errno
from collections.abc import Iterable

EXIT_DONE = 0
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_FULL_WORDS = ("No space left on device", "disk is full", "Disk quota exceeded", "File too large")


class WazeTfxError(Exception):
    """Base of all errors with a message for a person."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Hold `message` (where: what; received; expected) and `hint`, the next step to take."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message


class UserError(WazeTfxError):
    """A mistake in a config, a file or a command."""

    exit_code = 2


class ConfigError(UserError):
    """All problems found in a config, one line each."""

    def __init__(self, problems: list[str]) -> None:
        """Hold `problems`, each `file:line: key: what; received; known; did you mean`."""
        self.problems = problems
        super().__init__("\n".join(problems))


class UserCodeError(UserError):
    """The user's preprocessing_fn or model builder raised, or returned something that cannot be used."""


class DataError(UserError):
    """The input rows cannot be used."""


class NoCredentials(UserError):
    """There are no credentials for a cloud service, or they are not valid any more."""


class RunFailed(WazeTfxError):
    """A node failed, or the run's own state is damaged."""


class Stopped(WazeTfxError):
    """Anomalies stopped the run, or the gate refused the model."""

    exit_code = 3


class Locked(WazeTfxError):
    """Another run holds the pipeline root."""

    exit_code = 75


class Interrupted(WazeTfxError):
    """A signal ended the run; `run --resume` goes on."""

    exit_code = 130


BY_NAME: dict[str, type[WazeTfxError]] = {
    c.__name__: c
    for c in (WazeTfxError, UserError, UserCodeError, DataError, NoCredentials, RunFailed, Stopped, Locked, Interrupted)
}


def disk_is_full(error: BaseException) -> bool:
    """Whether the error says that a disk, a quota or a limit is full, in Python's words, SQLite's or TensorFlow's."""
    full = isinstance(error, OSError) and error.errno in _DISK_FULL
    return full or any(words in str(error) for words in _DISK_FULL_WORDS)


def did_you_mean(received: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or an empty string."""
    names, name = [str(k) for k in known], str(received)
    near = difflib.get_close_matches(name, names, n=1)
    near = near or [n for n in names if name.startswith(f"{n}_") or n.startswith(f"{name}_")]
    return f"; did you mean '{near[0]}'?" if near else ""


def unknown_name(what: str, received: str, known: Iterable[str]) -> str:
    """Return the message for a name that no table holds: what came, what is known, the nearest."""
    names = sorted(str(k) for k in known)
    return f"unknown {what} '{received}'; known: {', '.join(names) or 'none'}{did_you_mean(received, names)}"
