"""off_policy.json as a bandit's Evaluator leaves it, with values by hand."""

from pathlib import Path

from waze_data_tfx.evaluation.off_policy.results import Difference, Estimate, OffPolicy, PolicyResult, SliceResult

ALIKE = (-0.05, 0.05)
"""An interval around 0: the two policies cannot be told apart."""
PAIRS = {
    "eval-serving": ("candidate_eval", "candidate"),
    "eval-logging": ("candidate_eval", "logging"),
    "eval-arm": ("candidate_eval", "best_arm"),
    "serving-arm": ("candidate", "best_arm"),
}
LOG_LOSES = 0.01
"""The log's rate of unsubscribes, where a slice has any."""


def slice_result(
    columns: dict[str, str] | None = None,
    intervals: dict[str, tuple[float, float] | None] | None = None,
    *,
    n_effective: dict[str, float | None] | None = None,
    mean_weight: float = 1.0,
    arm: str | None = "b",
    lost: dict[str, tuple[float, float] | None] | None = None,
    log_loses: float = LOG_LOSES,
) -> SliceResult:
    """Return a slice whose policies are alike but for the given intervals of differences, keyed as in PAIRS.

    Args:
        columns: of the slice; none for all rows.
        intervals: None for a difference that could not be estimated.
        n_effective: effective sample size by policy, 1000 where not given.
        mean_weight: of every policy.
        arm: the best single arm; None for none.
        lost: intervals of unsubscribes minus the log's, of `candidate_eval` and of `arm:NAME`; none: unsubscribes are not logged.
        log_loses: rate of unsubscribes of every policy, where `lost` is given.
    """
    key = columns or {}
    names = ["candidate", "candidate_eval", "logging", *(["best_arm", "arm"] if arm else [])]
    rate = None if lost is None else Estimate(log_loses, None, None)
    policies = tuple(
        PolicyResult(
            kind=name,
            action=(arm or "") if name in ("best_arm", "arm") else "",
            is_best=False,
            estimates={},
            unsubscribe_rate=rate,
            effective_sample_size=(n_effective or {}).get(name, 1000.0),
            mean_weight=mean_weight,
            max_weight=2.0,
            clipped_share=0.0,
            support=1.0,
            arm_shares={},
        )
        for name in names
    )
    differences = tuple(
        Difference(policy, other, _estimate((intervals or {}).get(pair, ALIKE)), _lost(lost, policy, other))
        for pair, (policy, other) in PAIRS.items()
        if arm or other != "best_arm"
    )
    if arm:
        differences += (Difference(f"arm:{arm}", "logging", _estimate(ALIKE), _lost(lost, f"arm:{arm}", "logging")),)
    name = ",".join(f"{column}={value}" for column, value in sorted(key.items()))
    return SliceResult(name, key, 2000, 500, None, None, None, policies, differences, ())


def off_policy(*slices: SliceResult) -> OffPolicy:
    """Return the values of actions a, b and c."""
    return OffPolicy(("a", "b", "c"), "dr", "bootstrap", 0.95, {}, {}, slices)


def write_off_policy(folder: Path, *slices: SliceResult) -> Path:
    """Write off_policy.json into the folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "off_policy.json").write_text(off_policy(*slices).to_json())
    return folder / "off_policy.json"


def _lost(lost: dict[str, tuple[float, float] | None] | None, policy: str, other: str) -> Estimate | None:
    if lost is None:
        return None
    return _estimate(lost.get(policy, (-0.001, 0.001)) if other == "logging" else (-0.001, 0.001))


def _estimate(interval: tuple[float, float] | None) -> Estimate:
    return Estimate(None, None, None) if interval is None else Estimate(sum(interval) / 2, interval, (-1.0, 1.0))
