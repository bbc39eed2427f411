"""Which settings of a bandit, each valid, do not fit each other or the rest of the config.

Called by `consistency`. Never reads a file; whether the log holds what is named here is for `data` and `bandits.log_checks`.
"""

from collections.abc import Iterator

from ..errors import unknown_name
from .agent import agent_problems
from .schema import Config

Problem = tuple[str, str]


def bandit_problems(config: Config) -> Iterator[Problem]:
    """Yield (dotted key, what is wrong) of the bandit section in its config."""
    if config.pipeline != "bandit":
        if config.bandit is not None:
            yield "bandit", f"only pipeline bandit reads it; received pipeline {config.pipeline}; set pipeline: bandit"
        if config.task == "bandit":
            yield "task", "task bandit is that of pipeline bandit; set pipeline: bandit"
        if config.code.agent is not None:
            yield "code.agent", f"only pipeline bandit reads it; received pipeline {config.pipeline}; leave it out"
        return
    if config.task != "bandit":
        yield "task", f"pipeline bandit has task bandit; received {config.task}; leave it out"
    if config.bandit is None:
        yield "bandit", "is required for pipeline bandit: actions, the log's columns and the agent"
        return
    yield from _left_out(config)
    yield from _action_problems(config)
    yield from _column_problems(config)
    yield from agent_problems(config.bandit.agent, "bandit.agent", config.bandit.actions)
    if config.code.agent is not None and config.code.agent.stem not in config.bandit.agent.own_modules:
        yield "code.agent", f"no agent is of this file; expected bandit.agent.name: {config.code.agent.stem}:CLASS"
    if config.bandit.agent.per_arm and config.bandit.arm_features is None:
        yield "bandit.arm_features", "is required for an agent per arm: a file with a column `action` and numbers"


def _left_out(config: Config) -> Iterator[Problem]:
    """What belongs to supervised models."""
    if config.key is None:
        yield "key", "is required for pipeline bandit: the user, by whom decisions are drawn and split"
    for section, kept, instead in (("training", ("seed",), "bandit.agent"), ("model", ("params",), "bandit.agent")):
        values = getattr(config, section)
        for field, info in type(values).model_fields.items():
            if field not in kept and getattr(values, field) != info.default:
                yield f"{section}.{field}", f"pipeline bandit does not read it; what learns is set under {instead}"
    split = config.data.split
    if config.key and split.kind == "hash" and split.by != (config.key,):
        received = f"received [{', '.join(split.by)}]" if split.by else "received all columns"
        yield (
            "data.split.by",
            f"a user would be learnt from and judged at once; {received}; expected [{config.key}], or data.split.time",
        )
    for key, value, instead in (
        ("code.model", config.code.model, "code.agent and bandit.agent.name: FILE:CLASS"),
        ("tuner", config.tuner, "settings of bandit.agent"),
        ("weight", config.weight, "bandit.agent.off_policy"),
    ):
        if value is not None:
            yield key, f"pipeline bandit does not read it; use {instead}, or leave it out"


def _action_problems(config: Config) -> Iterator[Problem]:
    assert config.bandit is not None
    actions, fallback = config.bandit.actions, config.bandit.serving.fallback_action
    for i, name in enumerate(actions):
        if name in actions[:i]:
            yield f"bandit.actions.{i}", f"'{name}' stands twice; expected each action once"
    if fallback is not None and fallback not in actions:
        yield "bandit.serving.fallback_action", unknown_name("action", fallback, actions)


def _column_problems(config: Config) -> Iterator[Problem]:
    assert config.bandit is not None
    log, features = config.bandit.columns, config.features.column_types()
    taken: dict[str, str] = {config.label: "label", **({config.key: "key"} if config.key else {})}
    for field in type(log).model_fields:
        name, key = getattr(log, field), f"bandit.columns.{field}"
        if name is None:
            continue
        if name in features:
            yield key, f"'{name}' is a feature, too; what is known only after the decision cannot be learnt from; take one out"
        if name in taken:
            yield key, f"'{name}' is {taken[name]} already; expected another column"
        taken.setdefault(name, key)
    criteria = config.bandit.serving.criteria_columns
    if criteria and tuple(sorted(criteria)) not in {tuple(sorted(s.columns)) for s in config.evaluation.slices}:
        known = (
            "; known: " + ", ".join(str(list(s.columns)) for s in config.evaluation.slices) if config.evaluation.slices else ""
        )
        yield (
            "bandit.serving.criteria_columns",
            f"expected the columns of one of evaluation.slices; received {list(criteria)}{known}",
        )
