"""What the PolicyResolver decides, without TFX: the exploring serving policy or the greedy eval policy, and why.

Pure: verdict, off-policy values and settings go in, a resolution comes out. Called by component.py; the Pusher writes its
share into the pushed graph, the report shows its reason.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from waze_data_tfx.errors import UserError
from waze_data_tfx.evaluation.off_policy.criteria import EVAL, LOGGING, SERVING, Enough, interval_of, slices_of, too_thin
from waze_data_tfx.evaluation.off_policy.results import OffPolicy

NO_MINIMUM = Enough(0.0)
EXPLORING_SHARE = 0.1
"""What the serving policy keeps of the traffic when `auto` chooses the eval policy: without it the next log would have no
overlap, every later candidate would be inconclusive, and nothing would ever be pushed again."""


@dataclass(frozen=True)
class Settings:
    """What the config says.

    Attributes:
        policy: serving or eval: that one, whatever was measured; auto: by what was measured.
        eval_share: share of the traffic, 0 to 1, that the eval policy gets beside the serving policy.
        columns: of the decision criteria; their slices must have enough rows, too, before exploration ends.
        enough: below it a slice still has to be explored.
        unsubscribe_margin: how far above the log's the upper bound of the eval policy's rate of unsubscribes may be for `auto`.
    """

    policy: Literal["auto", "serving", "eval"]
    eval_share: float = 0.0
    columns: tuple[str, ...] = ()
    enough: Enough = NO_MINIMUM
    unsubscribe_margin: float = math.inf


@dataclass(frozen=True)
class Resolution:
    """Which policy serves.

    Attributes:
        policy: serving or eval.
        eval_share: share of the traffic that the eval policy gets: 1 if it was configured, 1 - EXPLORING_SHARE or more if
            `auto` chose it, the configured share beside the serving policy.
        reason: why, for a person.
        evidence: the numbers it was decided by.
    """

    policy: Literal["serving", "eval"]
    eval_share: float
    reason: str
    evidence: dict[str, Any]

    def to_json(self) -> str:
        """Return the JSON text; numbers that JSON does not know become null."""
        plain = json.loads(json.dumps(asdict(self)), parse_constant=lambda _: None)
        return json.dumps(plain, indent=1, ensure_ascii=False)


def resolve(settings: Settings, *, status: str, values: OffPolicy | None) -> Resolution:
    """Choose.

    A candidate that is not blessed changes nothing: the production's graph, with its serving policy, stays. Otherwise the
    config's choice holds; `auto` takes the eval policy if its lower bound beats the serving policy's, no slice still needs
    exploration, and it keeps the gate's guard-rail: the gate judged the serving policy alone.

    Args:
        settings: of the config.
        status: of the gate's verdict: blessed, refused or inconclusive.
        values: the off-policy values; may be None where `policy` is not auto.

    Raises:
        UserError: `auto` without off-policy values.
    """
    difference = _difference(values)
    evidence = {"status": status, "settings": asdict(settings), "eval - serving": difference}

    def serving(reason: str, share: float = settings.eval_share) -> Resolution:
        return Resolution("serving", share, reason, evidence)

    if status != "blessed":
        return serving(f"the verdict is {status}: nothing is pushed, and the serving policy in production stays as it is", 0.0)
    if settings.policy == "serving":
        return serving("configured (bandit.serving.policy: serving)")
    if settings.policy == "eval":
        return Resolution("eval", 1.0, "configured (bandit.serving.policy: eval)", evidence)
    if values is None:
        raise UserError(
            "bandit.serving.policy: auto needs the off-policy values; received an evaluation without off_policy.json",
            hint="set bandit.serving.policy: serving",
        )
    if why := _still_to_explore(settings, values):
        return serving(why)
    if why := _loses_users(settings, values):
        return serving(why)
    if difference is None:
        return serving("the eval policy could not be compared with the serving policy")
    shown = f"the eval policy minus the serving policy is {difference[0]:+.4g} [{difference[1]:+.4g}, {difference[2]:+.4g}]"
    if difference[1] > 0:
        share = max(settings.eval_share, 1 - EXPLORING_SHARE)
        return Resolution("eval", share, f"it is worth more: {shown}", evidence)
    return serving(f"the eval policy is not clearly worth more: {shown}")


def _difference(values: OffPolicy | None) -> tuple[float, float, float] | None:
    """Return what the candidate's eval policy is worth more than its serving policy on all rows, and the interval's ends."""
    overall = values.of("") if values else None
    return interval_of(overall, EVAL, SERVING, values.interval) if values and overall else None


def _still_to_explore(settings: Settings, values: OffPolicy) -> str:
    """Return why exploration is still needed; empty if it is not."""
    overall = values.of("")
    parts = (*((overall,) if overall else ()), *slices_of(values, settings.columns))
    return next(
        (f"exploration is still needed: {p.slice or 'all rows'}: {why}" for p in parts if (why := too_thin(p, settings.enough))),
        "",
    )


def _loses_users(settings: Settings, values: OffPolicy) -> str:
    """Return why the eval policy may lose too many users; empty if it does not, or if the log does not say who was lost."""
    overall = values.of("")
    found = overall.difference(EVAL, LOGGING) if overall else None
    lost = found.unsubscribe_rate if found else None
    if lost is None:
        return ""
    interval, margin = lost.interval(values.interval), settings.unsubscribe_margin
    upper = interval[1] if interval else None
    if (upper if upper is not None else lost.value or 0.0) <= margin:  # without an interval: nobody, or everybody, was lost
        return ""
    shown = "are not known" if upper is None else f"may be {upper:+.4g}"
    return f"the eval policy's unsubscribes minus the logging policy's {shown}; allowed {margin:+.4g}"
