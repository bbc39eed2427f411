"""What finished nodes say: rows and losses, and what decides about going on: anomalies, drift, a verdict, a push.

Read from the artifacts after every node, cached ones too, because TFX's own components end green whatever they found.
Called by the local runner. Never changes an artifact.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import versions
from ..config import Config
from ..evaluation.verdict import Verdict
from ..history.anomalies import anomalies_in
from ..history.metadata import Execution
from ..history.record import INFRA_VERDICT_FILE, VERDICT_FILE, Run
from ..monitoring.judge import Kind, watch_of

WATCHING: dict[str, Kind] = {"DriftValidator": "drift", "SkewValidator": "skew"}


@dataclass(frozen=True)
class Outcome:
    """What a node's artifacts mean for the run; `state` is None when it goes on."""

    note: str = ""
    state: Literal["stopped", "refused"] | None = None
    message: str = ""
    pushed_version: int | None = None


def read(node: str, execution: Execution, config: Config, run: Run) -> Outcome:
    """Return what this execution's artifacts mean."""
    if node in ("ExampleGen", "ServingExampleGen"):
        return Outcome(_rows(execution, config))
    if node == "Tuner":
        return Outcome(_search(execution))
    if node == "Trainer":
        return Outcome(_training(execution))
    if node == "ExampleValidator":
        return _anomalies(execution, config)
    if node in WATCHING:
        return _moved(execution, WATCHING[node], config)
    if node == "Evaluator":
        return _verdict(execution, run)
    if node == "InfraValidator":
        return _infra_verdict(execution, run)
    if node == "Pusher":
        return _pushed(execution, config)
    if node == "PolicyResolver":
        return Outcome("{policy} policy: {reason}".format(**_value(execution, "resolution")))
    if node == "Copier":
        return Outcome(_value(execution, "registration")["line"])
    return Outcome()


def _value(execution: Execution, output: str) -> dict[str, Any]:
    """Return the JSON object that one of our function components left as its String artifact."""
    [artifact] = execution.outputs[output]
    value: dict[str, Any] = json.loads(Path(artifact.uri).read_text(encoding="utf-8"))
    return value


def _rows(execution: Execution, config: Config) -> str:
    """Say how many rows there are and how many each rule dropped, and were rejected."""
    [artifact] = execution.outputs["examples"]
    rows = json.loads((Path(artifact.uri) / "rows.json").read_text(encoding="utf-8"))
    splits = ", ".join(f"{n:,} {name}" for name, n in rows["splits"].items())
    dropped = ", ".join(f"{n:,} {name}" for name, n in rows["dropped"].items() if n)
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in rows.get("rejected", {}).items())
    parts = [f"{rows['rows_read']:,} rows: {splits}"]
    parts += [f"dropped: {dropped}"] if dropped else []
    parts += [f"rejected: {rejected} (see {config.root}/rejected)"] if rejected else []
    warnings = [warning["message"] for warning in rows.get("log", {}).get("warnings", ())]
    if warnings:
        more = f" (+{len(warnings) - 1}, see the report)" if len(warnings) > 1 else ""
        parts.append(f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''} of the log: {warnings[0]}{more}")
    return "; ".join(parts)


def _search(execution: Execution) -> str:
    """Say how many trials there were and what the best one had."""
    [artifact] = execution.outputs["tuner_results"]
    search = json.loads((Path(artifact.uri) / "trials.json").read_text(encoding="utf-8"))
    done = [t for t in search["trials"] if t["score"] is not None]
    best = (min if search["direction"] == "min" else max)(done, key=lambda t: t["score"])
    values = ", ".join(f"{key} {v:.4g}" if isinstance(v, float) else f"{key} {v}" for key, v in best["values"].items())
    n, n_failed = len(search["trials"]), len(search["trials"]) - len(done)
    failed = f" ({n_failed} failed)" if n_failed else ""
    return f"{n} trial{'' if n == 1 else 's'}{failed}; best {search['objective']} {best['score']:.4g}: {values}"


def _training(execution: Execution) -> str:
    """Say how large the model is and where its losses ended."""
    [artifact] = execution.outputs["model_run"]
    record = json.loads((Path(artifact.uri) / "training.json").read_text(encoding="utf-8"))
    if "policy_id" in record:
        error = record["eval"]
        against = f"squared error {error['mse']:.4g} on held-out rewards, {error['mse_of_mean']:.4g} by their mean"
        return f"policy {record['policy_id']} of {record['n_train_rows']:,} decisions; {against}"
    n_epochs = len(record["epochs"])
    kept = record.get("kept_epoch", n_epochs)
    epoch = record["epochs"][kept - 1]
    losses = ", ".join(f"{name} {epoch[name]:.4g}" for name in ("loss", "val_loss") if name in epoch)
    which = f" (epoch {kept} of {n_epochs} kept)" if kept != n_epochs else ""
    return f"{record['n_parameters']:,} parameters; {losses}{which}"


def _anomalies(execution: Execution, config: Config) -> Outcome:
    [artifact] = execution.outputs["anomalies"]
    found = anomalies_in(Path(artifact.uri))
    if not found:
        return Outcome("no anomalies")
    lines = [f"{split}: {line}" for split, values in found.items() for line in values]
    n = len(lines)
    note = f"{n} anomal{'y' if n == 1 else 'ies'}"
    if config.anomalies.policy == "warn":
        return Outcome(f"{note}: {lines[0]}" + (f" (+{n - 1})" if n > 1 else ""))
    listed = "\n".join(f"  {line}" for line in lines)
    return Outcome(
        note,
        "stopped",
        f"the data does not fit the schema ({note}):\n{listed}\n"
        "  next: mend the data, change the schema, or set anomalies.policy: warn",
    )


def _moved(execution: Execution, kind: Kind, config: Config) -> Outcome:
    """Say which columns have moved too far, and end the run where the policy says so."""
    [artifact] = execution.outputs["anomalies"]
    verdict = Verdict.from_json((Path(artifact.uri) / "verdict.json").read_text(encoding="utf-8"))
    failed = [c for c in verdict.checks if c.passed is False]
    judged = [c for c in verdict.checks if c.passed is not None]
    if verdict.baseline is None:
        return Outcome(verdict.note)
    if not judged:
        return Outcome(f"nothing was judged; {verdict.checks[0].slice}: {verdict.checks[0].reason}")
    if not failed:
        unjudged = len(verdict.checks) - len(judged)
        return Outcome(f"no {kind} in {len(judged)} columns" + (f"; {unjudged} not judged" if unjudged else ""))
    note = f"{kind} in {len(failed)} of {len(judged)} columns"
    if watch_of(config, kind).policy == "warn":
        more = f" (+{len(failed) - 1})" if len(failed) > 1 else ""
        return Outcome(f"{note}: {failed[0].slice}: {failed[0].reason}{more}")
    listed = "\n".join(f"  {c.slice}: {c.reason}" for c in failed)
    where = "the earlier run's" if kind == "drift" else "the serving rows"
    message = f"the training rows have moved too far from {where} ({note}):\n{listed}\n  next: {verdict.hint}"
    return Outcome(note, "stopped", message)


def _verdict(execution: Execution, run: Run) -> Outcome:
    [artifact] = execution.outputs["evaluation"]
    path = Path(artifact.uri) / "verdict.json"
    verdict = Verdict.from_json(path.read_text(encoding="utf-8"))
    shutil.copyfile(path, run.folder / VERDICT_FILE)
    if verdict.status == "blessed":
        return Outcome("blessed")
    reasons = "\n".join(f"  {reason}" for reason in verdict.reasons())
    decided = "the gate refused the model" if verdict.status == "refused" else "the gate could not decide"
    hint = verdict.hint or f"waze-tfx show {run.id} for the whole verdict"
    return Outcome(verdict.status, "refused", f"{decided}; nothing was pushed:\n{reasons}\n  next: {hint}")


def _infra_verdict(execution: Execution, run: Run) -> Outcome:
    [artifact] = execution.outputs["blessing"]
    path = Path(artifact.uri) / "verdict.json"
    verdict = Verdict.from_json(path.read_text(encoding="utf-8"))
    shutil.copyfile(path, run.folder / INFRA_VERDICT_FILE)
    if verdict.status == "blessed":
        values = {c.name: c.value or 0.0 for c in verdict.checks}
        shown = f"loads in {values['load_seconds']:.1f} s, {values['peak_memory_mb']:.0f} MB, "
        return Outcome(shown + f"one row in {values['latency_p95_ms']:.3g} ms")
    reasons = "\n".join(f"  {reason}" for reason in verdict.reasons())
    return Outcome(
        verdict.status,
        "refused",
        f"the model does not serve as it must; nothing was pushed:\n{reasons}\n  next: {verdict.hint}",
    )


def _pushed(execution: Execution, config: Config) -> Outcome:
    artifacts = execution.outputs.get("pushed_model", ())
    version = artifacts[0].properties.get("pushed_version") if artifacts else None
    directory = config.push.directory
    if not version or directory is None:
        return Outcome("not pushed")
    current = versions.current(directory)
    if current != int(version):
        return Outcome(f"version {version} in {directory}; current is {current}, by a rollback")
    return Outcome(f"version {version} in {directory}", pushed_version=int(version))
