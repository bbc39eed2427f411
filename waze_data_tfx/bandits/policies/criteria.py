"""Decision criteria: per slice of rows explore, exploit or one fixed action, and how much of the traffic the eval policy has.

They live in one text file of the SavedModel, `assets/criteria.txt`, which its graph reads when it is loaded: the pusher writes
that file in the copy that it pushes, and serving obeys. Lines `KEY<TAB>CODE`; KEY is the raw values of the criteria columns
joined by `|`, CODE an action's number or one of the negative ones below. Never changes anything else. Imports nothing heavy.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from waze_data_tfx.errors import UserError, did_you_mean

from .identity import Identity, read_identity

FILE = Path("assets") / "criteria.txt"
EXPLORE_CODE, EXPLOIT_CODE, NO_CODE = -1, -2, -3
DEFAULT_KEY, SHARE_KEY = "\x01default", "\x01eval_share"
SEPARATOR = "|"
_PERMILLE = 1000


@dataclass(frozen=True)
class Decision:
    """What is done with the rows of a slice.

    Attributes:
        kind: "explore" as the policy does, "exploit" (the best eligible action), or "fixed".
        action: the fixed action's name (where it is not eligible: the best one that is); None otherwise.
    """

    kind: Literal["explore", "exploit", "fixed"]
    action: str | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that is none, and an action where none belongs.

        Raises:
            UserError: see above.
        """
        kinds = ("explore", "exploit", "fixed")
        if self.kind not in kinds:
            near = did_you_mean(self.kind, kinds)
            raise UserError(f"criteria: decision; received '{self.kind}'; known: {', '.join(kinds)}{near}")
        if (self.action is not None) != (self.kind == "fixed"):
            raise UserError(
                f"criteria: {self.kind}: action; received {self.action!r}; expected a name with 'fixed' and only there"
            )


EXPLORE, EXPLOIT = Decision("explore"), Decision("exploit")


def fixed(action: str) -> Decision:
    """Return the decision that always takes one action."""
    return Decision("fixed", action)


@dataclass(frozen=True)
class Criteria:
    """What serving obeys.

    Attributes:
        columns: raw columns whose values name a slice; those that the policy was exported with.
        by_slice: one text per column, as the column holds it ("" where it is missing) -> what is done there.
        default: what is done with every other row.
        eval_share: share of the traffic that the greedy eval policy has, in [0, 1], in whole thousandths.
    """

    columns: tuple[str, ...] = ()
    by_slice: Mapping[tuple[str, ...], Decision] = field(default_factory=dict)
    default: Decision = EXPLORE
    eval_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what the file cannot hold.

        Raises:
            UserError: a share outside [0, 1] or finer than a thousandth, a slice with too many or too few values, or a value
                with a tab, a line break or (with several columns) a `|`.
        """
        share = self.eval_share * _PERMILLE
        if not 0 <= share <= _PERMILLE or abs(share - round(share)) > 1e-6:
            raise UserError(f"criteria: eval_share; received {self.eval_share}; expected 0 to 1 in steps of 0.001")
        for values in self.by_slice:
            if not self.columns or len(values) != len(self.columns):
                expected = (
                    f"one value for each of {', '.join(self.columns)}" if self.columns else "no slice: there are no columns"
                )
                raise UserError(f"criteria: slice {values!r}; received {len(values)} values; expected {expected}")
            if not can_be_written(values):
                raise UserError(
                    f"criteria: slice {values!r}; received a value with one of {_odd(values)!r}; expected none of them"
                )


def can_be_written(values: tuple[str, ...]) -> bool:
    """Whether the file can hold a slice with these values; what is done with every other row holds for one that it cannot."""
    return not any(c in value for value in values for c in _odd(values))


def _odd(values: tuple[str, ...]) -> str:
    return "\t\n\r\x01" + (SEPARATOR if len(values) > 1 else "")


def write_criteria(folder: Path, criteria: Criteria) -> None:
    """Replace the criteria of a saved policy, atomically; nothing else in its folder changes.

    Raises:
        UserError: the folder holds no policy, or one with other criteria columns or without an action that is named.
    """
    identity = read_identity(folder)
    if criteria.columns != identity.criteria_columns:
        expected = ", ".join(identity.criteria_columns) or "none"
        raise UserError(f"{folder}: criteria columns; received {', '.join(criteria.columns) or 'none'}; expected {expected}")
    text = as_text(criteria, identity)
    file = folder / FILE
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def read_criteria(folder: Path) -> Criteria:
    """Read the criteria of a saved policy.

    Raises:
        UserError: the folder holds no policy, or its criteria are not readable; the message says the line.
    """
    identity, file = read_identity(folder), folder / FILE
    if not file.is_file():
        raise UserError(f"{file}: no such file; expected the criteria of a saved policy")
    codes: dict[str, int] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        key, _, code = line.rpartition("\t")
        known = code.removeprefix("-").isdigit() and (key == SHARE_KEY or EXPLOIT_CODE <= int(code) < len(identity.actions))
        if not known or key in codes:
            raise UserError(
                f"{file}:{number}: received {line!r}; expected KEY<TAB>CODE, each key once, -2 to {len(identity.actions) - 1}"
            )
        codes[key] = int(code)
    if missing := {DEFAULT_KEY, SHARE_KEY} - codes.keys():
        raise UserError(f"{file}: received no line for {', '.join(map(repr, sorted(missing)))}; expected one")
    default, share = codes.pop(DEFAULT_KEY), codes.pop(SHARE_KEY)
    many = len(identity.criteria_columns) > 1
    by_slice = {tuple(k.split(SEPARATOR)) if many else (k,): _decision(code, identity) for k, code in codes.items()}
    return Criteria(identity.criteria_columns, by_slice, _decision(default, identity), share / _PERMILLE)


def as_text(criteria: Criteria, identity: Identity) -> str:
    """Return what the file holds.

    Raises:
        UserError: an action is none of the policy's.
    """
    lines = {DEFAULT_KEY: _code(criteria.default, identity), SHARE_KEY: round(criteria.eval_share * _PERMILLE)}
    lines |= {SEPARATOR.join(values): _code(decision, identity) for values, decision in sorted(criteria.by_slice.items())}
    return "".join(f"{key}\t{code}\n" for key, code in lines.items())


def _code(decision: Decision, identity: Identity) -> int:
    if decision.action is not None:
        return identity.number(decision.action)
    return EXPLORE_CODE if decision.kind == "explore" else EXPLOIT_CODE


def _decision(code: int, identity: Identity) -> Decision:
    return {EXPLORE_CODE: EXPLORE, EXPLOIT_CODE: EXPLOIT}.get(code) or fixed(identity.actions[code])
