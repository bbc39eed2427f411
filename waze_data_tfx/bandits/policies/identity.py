"""Who a saved policy is: its actions by number, its agent and what it was served with, in `assets.extra/policy.json`.

Written by `bandits.export`, read by whoever has a SavedModel's folder and must name its actions. Imports nothing heavy.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from waze_data_tfx.errors import UserError, unknown_name

FILE = Path("assets.extra") / "policy.json"


@dataclass(frozen=True)
class Identity:
    """What does not change once a policy is saved.

    Attributes:
        actions: the actions' names, in the order of their numbers.
        policy_id: what the decision log calls this policy; with `seed` it fixes every draw.
        agent: its name and settings.
        floor: share of every served distribution that is spread over the eligible actions, in [0, 1].
        seed: of the draws.
        fallback: action taken where none is eligible; None for no action at all (-1).
        criteria_columns: raw columns whose values name a slice of the decision criteria.
    """

    actions: tuple[str, ...]
    policy_id: str
    agent: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0
    seed: int = 0
    fallback: str | None = None
    criteria_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be served.

        Raises:
            UserError: no or repeated actions, a floor outside [0, 1], a fallback that is no action.
        """
        twice = sorted({a for a in self.actions if self.actions.count(a) > 1})
        if not self.actions or twice:
            received = f"{', '.join(twice)} more than once" if twice else "none"
            raise UserError(f"policy: actions; received {received}; expected one or more names, each once")
        if not 0 <= self.floor <= 1:
            raise UserError(f"policy: floor; received {self.floor}; expected a share in [0, 1]")
        if self.fallback is not None:
            self.number(self.fallback)

    def number(self, action: str) -> int:
        """Return an action's number.

        Raises:
            UserError: it is no action of this policy.
        """
        if action not in self.actions:
            raise UserError(f"policy '{self.policy_id}': {unknown_name('action', action, self.actions)}")
        return self.actions.index(action)


def write_identity(folder: Path, identity: Identity) -> None:
    """Write policy.json into a SavedModel's folder."""
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(identity), indent=2) + "\n", encoding="utf-8")


def read_identity(folder: Path) -> Identity:
    """Read policy.json from a SavedModel's folder.

    Raises:
        UserError: there is none, or it does not say what a policy's must.
    """
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"{file}: no such file; expected a saved policy", hint="name the folder that holds saved_model.pb")
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        lists = {name: tuple(stored[name]) for name in ("actions", "criteria_columns")}
        return Identity(**{name.name: stored[name.name] for name in fields(Identity)} | lists)
    except (ValueError, KeyError, TypeError) as error:
        known = ", ".join(f.name for f in fields(Identity))
        raise UserError(f"{file}: not a policy's identity: {type(error).__name__}: {error}; expected {known}") from error
