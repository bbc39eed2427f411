"""A bandit's run as its nodes leave it, made of small files with values by hand: no pipeline runs."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from store_for_test import config_in

from waze_data_tfx.evaluation.off_policy.results import Calibration, Difference, Estimate, OffPolicy, PolicyResult, SliceResult
from waze_data_tfx.evaluation.verdict import Check, Verdict
from waze_data_tfx.history.metadata import Artifact, Execution, History
from waze_data_tfx.history.record import NodeRecord, NodeState, Run, RunState
from waze_data_tfx.report.source import Source

ACTIONS = ("deals", "news", "<b>ait")
NODES = (
    "ExampleGen",
    "Hyperparameter",
    "Trainer",
    "Resolver",
    "Evaluator",
    "InfraValidator",
    "PolicyResolver",
    "Pusher",
    "Copier",
)
RUN = "20250224-000000-aaaa"
ESTIMATORS = ("ips", "snips", "dm", "dr", "sndr", "switch_dr", "dros")
VALUES = {"candidate": 0.3125, "candidate_eval": 0.375, "logging": 0.125, "deals": 0.25, "news": 0.1875, "<b>ait": -0.0625}
VALUES |= {"best_arm": 0.25, "baseline": 0.28125}
SHARES = {
    "candidate": (0.6, 0.3, 0.1), "candidate_eval": (0.7, 0.3, 0.0), "baseline": (0.5, 0.3, 0.2), "logging": (0.2, 0.3, 0.5)
}  # fmt: skip


def estimate(value: float | None, reach: float = 0.03125) -> Estimate:
    """Return a value with a bootstrap interval of `reach` to either side and a Bernstein interval twice as wide."""
    if value is None:
        return Estimate(None, None, None)
    return Estimate(value, (value - reach, value + reach), (value - 2 * reach, value + 2 * reach))


def policy(kind: Any, value: float | None, action: str = "", shares: tuple[float, ...] = (), **changes: Any) -> PolicyResult:
    """Return a policy whose estimators differ by 1/1024 each, dr being exactly `value`."""
    shown = shares or tuple(float(a == action) for a in ACTIONS)
    made = PolicyResult(
        kind=kind,
        action=action,
        is_best=kind == "arm" and action == "deals",
        estimates={e: estimate(None if value is None else value + (i - 3) / 1024) for i, e in enumerate(ESTIMATORS)},
        unsubscribe_rate=estimate(0.015625, 0.0078125),
        effective_sample_size=512.5,
        mean_weight=0.96875,
        max_weight=17.5,
        clipped_share=0.0125,
        support=1.0,
        arm_shares=dict(zip(ACTIONS, shown, strict=True)),
    )
    return replace(made, **changes)


def part(
    country: str = "", *, n_rows: int = 2000, baseline: bool = False, shares: Mapping[str, tuple[float, ...]] = SHARES
) -> SliceResult:
    """Return a slice with every policy; without a country, of all rows."""
    saved = ["candidate", "candidate_eval", *(["baseline"] if baseline else [])]
    policies = [policy(p, VALUES[p], shares=shares[p]) for p in saved]
    policies.append(policy("logging", VALUES["logging"], shares=shares["logging"], effective_sample_size=float(n_rows)))
    policies += [policy("arm", VALUES[a], a) for a in ACTIONS]
    policies.append(policy("best_arm", VALUES["best_arm"], "deals"))
    others = [*saved, "logging", "best_arm", *(f"arm:{a}" for a in ACTIONS)]
    pairs = [(p, o) for p in ("candidate", "candidate_eval") for o in others if o != p]
    differences = [
        Difference(p, o, estimate(VALUES[p] - VALUES[o.removeprefix("arm:")]), estimate(-0.015625, 0.0078125)) for p, o in pairs
    ]
    calibration = (
        Calibration("deals", 400, 2000, 1950.0, 0.975, (0.9375, 1.0125), True),
        Calibration("news", 600, 2000, 2600.0, 1.3, (1.25, 1.35), False),
        Calibration("<b>ait", 3, 2000, 90.0, 0.045, (0.01, 0.08), None),
    )
    return SliceResult(
        slice=f"country={country}" if country else "",
        key={"country": country} if country else {},
        n_rows=n_rows,
        n_groups=640,
        auc=0.609375,
        auc_interval=(0.59375, 0.625),
        baseline_auc=0.6015625 if baseline else None,
        policies=tuple(policies),
        differences=tuple(differences),
        calibration=calibration,
        tuned={"max_weight": 100.0, "switch_tau": 12.5, "dros_lambda": 64.0},
    )


def off_policy(*slices: SliceResult, **changes: Any) -> OffPolicy:
    """Return the whole file."""
    reward_model = {"source": "cross_fitted", "n_folds": 5, "l2": 1.0, "n_rows": 2000, "mse": 0.1875, "mse_of_mean": 0.21875}
    made = OffPolicy(ACTIONS, "dr", "bootstrap", 0.95, {"max_weight": 100.0}, reward_model, slices or (part(),))
    return replace(made, **changes)


ROWS = {
    "rows_read": 4100,
    "rejected": {},
    "dropped": {"still inside the attribution window": 100},
    "splits": {"train": 2000, "eval": 2000},
    "log": {
        "rows": 4000,
        "rewards": {"0": 3000, "1": 900, "-1": 100},
        "taken": {"deals": 800, "news": 1200, "<b>ait": 2000},
        "eligible": dict.fromkeys(ACTIONS, 4000),
        "mean_weight": {"deals": 0.9921875, "news": 1.28125, "<b>ait": None},
        "days": {
            "2025-01-28": {"rows": 1000, "reward": 250.0, "rewards": {"1": 300, "0": 650, "-1": 50}, "taken": {"deals": 1000}},
            "2025-02-02": {"rows": 1000, "reward": 250.0, "rewards": {"1": 250, "0": 750}, "taken": {"news": 750, "<b>ait": 250}},
            "2025-02-03": {"rows": 2000, "reward": 300.0, "rewards": {"1": 350, "0": 1600, "-1": 50}, "taken": {"news": 2000}},
        },
        "warnings": [{"name": "action_never_taken", "message": "x <i>: never taken", "hint": "let it be explored"}],
    },
}
TRAINING = {
    "policy_id": "letters-0123",
    "agent": "linucb",
    "settings": {"alpha": 0.75, "priors": {"news": {"mean": 0.25, "strength": 8.0}}},
    "warm_start": None,
    "fit": {"rows": 2000, "rows_per_model": {"deals": 400, "news": 600}, "days": 13, "loss": [0.5, 0.25]},
    "n_train_rows": 2000,
    "n_eval_rows": 2000,
    "context": ["x", "y"],
    "eval": {"mse": 0.171875, "mse_of_mean": 0.203125, "mean_reward": 0.140625},
    "seconds": {"read": 1.0, "fit": 2.5, "export": 3.0},
}
CRITERIA = {
    "policy": "serving",
    "eval_share": 0.25,
    "reason": "configured",
    "evidence": {},
    "columns": ["country"],
    "criteria": [
        {"slice": "", "values": [], "kind": "exploit", "action": None, "reason": "it earns more", "evidence": {"n_rows": 2000}},
        {
            "slice": "country=CH", "values": ["CH"], "kind": "fixed", "action": "deals", "reason": "that arm earns more",
            "evidence": {"n_rows": 900, "candidate - best_arm": [-0.125, -0.1875, -0.0625], "candidate_eval - logging": None},
        },
        {"slice": "country=DE", "values": ["DE"], "kind": "explore", "action": None, "reason": "thin", "evidence": {"n_rows": 9}},
    ],
}  # fmt: skip
RESOLUTION = {
    "policy": "serving", "eval_share": 0.25, "reason": "the eval policy is not clearly worth more",
    "evidence": {"eval - serving": [0.0625, -0.015625, 0.140625]},
}  # fmt: skip
REGISTRATION = {"generation": 4, "is_new": True, "line": "generation 4 is current in /registry"}


class _NoHistory:
    """Of a pipeline that has not run before."""

    def __init__(self, executions: list[Execution]) -> None:
        self.executions = executions

    def of_node(self, node: str) -> list[Execution]:
        return [e for e in self.executions if e.node == node]


def made_run(
    folder: Path,
    found: OffPolicy | None = None,
    *,
    until: str = "Copier",
    state: RunState = "done",
    status: Any = "blessed",
    rows: Mapping[str, Any] = ROWS,
    training: Mapping[str, Any] = TRAINING,
    **config: Any,
) -> Source:
    """Return a run whose nodes up to `until` have ended, the others being skipped.

    Args:
        folder: empty; the config's root lies in it.
        found: off_policy.json; default: all rows and nothing else.
        until: the last node that ran.
        state: how the run ended.
        status: of the verdict.
        rows: rows.json.
        training: training.json.
        **config: sections that replace the config's.
    """
    bandit = {"actions": ACTIONS, "columns": {"unsubscribed": "unsubscribed"}, "serving": {"criteria_columns": ["country"]}}
    parts = {"pipeline": "bandit", "task": "bandit", "label": "reward", "key": "user_id", "bandit": bandit}
    parts |= {"evaluation": {"metrics": [{"name": "dr", "lower_bound": 0.1}], "slices": ["country"]}}
    parts |= {"data": {"input": str(folder / "trips.csv"), "split": {"by": ["user_id"]}}}
    asked = config_in(folder, **{**parts, **config})
    assert asked.root is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trips.csv").write_text("miles\n1\n")
    ran = NODES[: NODES.index(until) + 1]
    states: dict[str, NodeState] = {n: "complete" if n in ran else "skipped" for n in NODES}
    nodes = {n: NodeRecord(n, s, reason="" if n in ran else f"after {until}", seconds=1.0) for n, s in states.items()}
    run = Run(
        RUN,
        str(asked.root),
        "letters",
        "letters.yaml",
        state=state,
        started="2025-02-24T00:00:00+00:00",
        seconds=9.0,
        nodes=nodes,
    )
    run.window = {"run_date": "2025-02-24", "start": "2025-01-27", "end": "2025-02-24"}
    run.pushed_version = 7 if "Pusher" in ran else None
    run.folder.mkdir(parents=True)
    files = _files(found or off_policy(), rows, training)
    executions = {n: _execution(i, n, files.get(n, {}), asked.root / "artifacts") for i, n in enumerate(ran)}
    if "Evaluator" in ran:
        check = Check("dr", "", 0.3125, 0.1, None, None, None, status == "blessed", f"dr is {status}")
        (run.folder / "verdict.json").write_text(Verdict(status, (check,), {}, {}, note="no baseline").to_json())
    return Source(run, asked, cast(History, _NoHistory(list(executions.values()))), executions)


def _files(found: OffPolicy, rows: Any, training: Any) -> dict[str, dict[str, dict[str, str]]]:
    """Return node -> output -> file in its folder -> text; the file "" is the artifact itself."""
    criteria = {"assets.extra/criteria.json": json.dumps(CRITERIA)}
    return {
        "ExampleGen": {"examples": {"rows.json": json.dumps(rows)}},
        "Trainer": {"model_run": {"training.json": json.dumps(training)}},
        "Evaluator": {"evaluation": {"off_policy.json": found.to_json(), "metrics.json": "[]"}},
        "PolicyResolver": {"resolution": {"": json.dumps(RESOLUTION)}},
        "Pusher": {"pushed_model": criteria},
        "Copier": {"registration": {"": json.dumps(REGISTRATION)}},
    }


def _execution(number: int, node: str, outputs: dict[str, dict[str, str]], root: Path) -> Execution:
    made = {}
    for key, files in outputs.items():
        for name, text in files.items():
            file = root / node / key / name if name else root / node / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        properties = {"criteria": "all rows: exploit"} if node == "Pusher" else {}
        made[key] = (Artifact(number, "Any", str(root / node / key), properties),)
    return Execution(number, node, RUN, "complete", "", "", {}, made)
