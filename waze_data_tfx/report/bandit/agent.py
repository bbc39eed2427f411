"""The section about what learnt: the agent, its settings, what it began from, and how well it expects rewards.

Called by `sections` and `comparison`. Reads the Trainer's training.json. Returns plain values for the template, or raises
`Absent`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from waze_data_tfx.pipelines.bandit import begins_from_accepted

from .. import charts, model
from ..source import Source


@dataclass(frozen=True)
class Agent:
    """What training.json says of a bandit.

    Attributes:
        record: the file.
        settings: those that the config names; the others are the agent's defaults.
        began: what it began from, in words.
        facts: numbers that the fit left.
        by_action: numbers that the fit left for every action, by name.
        curves: lists of numbers that the fit left, such as the loss of every pass, each as a chart.
        better_than_mean: whether its scores are nearer to the held-out rewards than their mean is.
    """

    record: Mapping[str, Any]
    settings: dict[str, Any]
    began: str
    facts: dict[str, float]
    by_action: dict[str, dict[str, float]]
    curves: list[tuple[str, Markup]]
    better_than_mean: bool


def agent(source: Source) -> Agent:
    """Return the training of a bandit."""
    record = model.read_training(source)
    facts, by_action, lists = _parted(record["fit"])
    return Agent(
        record=record,
        settings=_flat(record["settings"]),
        began=_began(source, record["warm_start"]),
        facts=facts,
        by_action=by_action,
        curves=[(name, charts.lines(name, {"train": list(enumerate(v, 1))}, "pass")) for name, v in lists.items()],
        better_than_mean=record["eval"]["mse"] < record["eval"]["mse_of_mean"],
    )


def _began(source: Source, begun: str | None) -> str:
    if begun:
        run = next((e.run for e in source.history.executions if e.state == "complete" and _made(e.outputs, begun)), "")
        return f"the policy that was accepted last{f', of run {run}' if run else ''}: {begun}"
    assert source.config.bandit is not None
    if begins_from_accepted(source.config):
        return "nothing: no policy had been accepted before"
    if not source.config.bandit.warm_start:
        return "nothing: bandit.warm_start is false"
    return "nothing: this agent is fitted from the window's rows alone, exactly"


def _made(outputs: Mapping[str, Any], path: str) -> bool:
    return any(path == a.uri or path.startswith(f"{a.uri}/") for artifacts in outputs.values() for a in artifacts)


def _parted(fit: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, dict[str, float]], dict[str, list[float]]]:
    """Return numbers, numbers by action, and lists of numbers; what is none of these is left to training.json."""
    numbers = {k: v for k, v in fit.items() if _is_number(v)}
    tables = {k: dict(v) for k, v in fit.items() if isinstance(v, dict) and v and all(map(_is_number, v.values()))}
    lists = {k: v for k, v in fit.items() if isinstance(v, list) and len(v) > 1 and all(map(_is_number, v)) and "loss" in k}
    return numbers, tables, lists


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        key = f"{prefix}{name}"
        found |= _flat(value, f"{key}.") if isinstance(value, dict) and value else {key: value}
    return found
