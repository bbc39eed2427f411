"""What the Pusher attaches to a bandit's graph: decision criteria made from the evaluation, and the PolicyResolver's choice.

`plan` decides, from files and settings alone; `attach` writes it into a copy of the model: assets/criteria.txt, which the graph
reads when it is loaded, and assets.extra/criteria.json, which says why, for the report. Called by executor.py and logic.py.
Imports nothing heavy.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waze_data_tfx.bandits.policies import criteria as served
from waze_data_tfx.bandits.policies.identity import read_identity
from waze_data_tfx.config.bandit import Bandit
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.evaluation.off_policy import criteria as rule
from waze_data_tfx.evaluation.off_policy.results import OFF_POLICY_FILE, OffPolicy

RECORD = Path("assets.extra") / "criteria.json"
UNRESOLVED: dict[str, Any] = {"policy": "serving", "eval_share": 0.0, "reason": "no PolicyResolver in the graph", "evidence": {}}


@dataclass(frozen=True)
class Attached:
    """What goes into the pushed graph, and its record."""

    criteria: served.Criteria
    record: dict[str, Any]

    def summary(self) -> str:
        """Return the criteria in one line."""
        done = ((c["slice"] or "all rows", c["kind"], c["action"]) for c in self.record["criteria"])
        return "; ".join(f"{where}: {kind}{f' arm {action}' if action else ''}" for where, kind, action in done)


def plan(blessing: Path, resolution: dict[str, Any] | None, bandit: Bandit) -> Attached:
    """Make the criteria from the evaluation's off-policy values, by the rule of `evaluation.off_policy.criteria`.

    A slice whose value the file cannot hold (a tab, a line break) gets no criterion of its own: a reader's odd value ends no run.

    Args:
        blessing: folder with off_policy.json.
        resolution: PolicyResolver's: `policy`, `eval_share`, `reason`; None without that component.
        bandit: of the config: criteria columns, and how much the log must say.

    Raises:
        RunFailed: there is no off_policy.json.
    """
    file = blessing / OFF_POLICY_FILE
    if not file.is_file():
        raise RunFailed(f"{file}: expected the off-policy values; received no such file", hint="waze-tfx run --from Evaluator")
    asked, columns = bandit.off_policy, bandit.serving.criteria_columns
    enough = rule.Enough(asked.min_effective_sample_size, asked.min_support)
    measured = OffPolicy.from_json(file.read_text(encoding="utf-8"))
    decided = rule.decide(measured, columns=columns, enough=enough, unsubscribe_margin=asked.unsubscribe_margin)
    chosen = resolution or UNRESOLVED
    default, *slices = decided = tuple(c for c in decided if served.can_be_written(c.values))
    criteria = served.Criteria(
        columns=columns,
        by_slice={c.values: served.Decision(c.kind, c.action) for c in slices},
        default=served.Decision(default.kind, default.action),
        eval_share=round(chosen["eval_share"], 3),
    )
    return Attached(criteria, {**chosen, "columns": list(columns), "criteria": rule.to_json(decided)})


def attach(folder: Path, attached: Attached) -> None:
    """Write the criteria into a saved policy and their record beside its verdict; nothing else changes."""
    served.write_criteria(folder, attached.criteria)
    (folder / RECORD).parent.mkdir(exist_ok=True)
    (folder / RECORD).write_text(json.dumps(attached.record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def text(model: Path, attached: Attached) -> str:
    """Return what the criteria file of this model will hold."""
    return served.as_text(attached.criteria, read_identity(model))
