"""Every agent of a lab with every seed, one after the other in this process: each a new agent with variables of its own.

Called by `bandit_lab`. Writes TensorBoard's files as it goes, a run per agent and seed; everything else is written by `files` and
`page`. Imports TensorFlow at the top.
"""

import gc
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from waze_data_tfx.bandits.agents import make_agent
from waze_data_tfx.bandits.environments import make_environment
from waze_data_tfx.bandits.environments.base import Environment
from waze_data_tfx.config.agent import Agent
from waze_data_tfx.config.lab import BanditLab, LoadedLab
from waze_data_tfx.errors import UserError
from waze_data_tfx.lab.curves import Curves, Result
from waze_data_tfx.lab.loop import Window, play

EVENTS = "tensorboard"
"""Folder below the lab's directory: `tensorboard --logdir DIRECTORY/tensorboard`."""
Played = tuple[list[Window], float, float]
Report = Callable[[str, int, Played], None]


def run(loaded: LoadedLab, *, report: Report | None = None) -> Result:
    """Play and return the curves.

    Args:
        loaded: the lab's config, with absolute paths.
        report: called with label, seed and what was played after each.

    Raises:
        UserError: an agent or environment that is not known or does not fit, or data that cannot be used.
    """
    config = loaded.config
    assert config.directory is not None
    with _located(loaded, "environment"):
        environment = make_environment(config.environment.type, config.environment.settings())
    problem = environment.problem
    curves = {}
    for label, agent in config.agents.items():
        folder = config.directory / EVENTS / re.sub(r"[^0-9A-Za-z_.-]", "_", label)
        played = []
        for seed in config.seeds:
            with _located(loaded, "agents", label):
                played.append(_played(config, agent, environment, seed=seed, folder=folder / f"seed_{seed}"))
            gc.collect()  # an agent and its graph point at each other
            if report:
                report(label, seed, played[-1])
        curves[label] = _curves(label, played)
    return Result(config, curves, problem.n_actions, problem.context_dim, environment.notes, config.directory)


def print_progress(label: str, seed: int, played: Played) -> None:
    """Print one line per agent and seed, where progress goes: stderr."""
    windows, build_seconds, seconds = played
    total = f"{build_seconds + seconds:.1f} s"
    print(f"{label}, seed {seed}: {windows[-1].step} steps in {total}; {windows[-1].suboptimal:.0%} suboptimal", file=sys.stderr)


@contextmanager
def _located(loaded: LoadedLab, *key: str) -> Iterator[None]:
    """Say in which part of the config a user's mistake is; what names its key itself is found by that key."""
    try:
        yield
    except UserError as error:
        named, _, rest = error.message.partition(": ")
        inner = (*key, named) if rest and (*key, named) in loaded.positions else key
        message = rest if inner != key else error.message
        raise type(error)(f"{loaded.where(*inner)}: {message}", hint=error.hint) from error


def _played(config: BanditLab, agent: Agent, environment: Environment, *, seed: int, folder: Path) -> Played:
    """Return the windows of one agent and seed, the seconds up to the end of the first and those of the others."""
    began = time.perf_counter()
    made = make_agent(agent.name, environment.problem, agent.settings(), seed=seed)
    steps = {"steps": config.steps, "batch_size": config.batch_size, "points": config.points}
    windows, first = [], 0.0
    with _writer(folder).as_default():
        for window in play(made, environment, seed=seed, **steps):
            windows.append(window)
            first = first or time.perf_counter() - began
            _summarize(window)
    return windows, first, time.perf_counter() - began - first


def _writer(folder: Path) -> Any:
    """Return a writer into a folder that holds no events of an earlier run."""
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    return tf.summary.create_file_writer(str(folder))


def _summarize(window: Window) -> None:
    for name, value in window._asdict().items():
        if name != "step":
            tf.summary.scalar(name, value, step=window.step)


def _curves(label: str, played: list[Played]) -> Curves:
    def stacked(measure: str) -> np.ndarray:
        return np.array([[getattr(window, measure) for window in windows] for windows, _, _ in played])

    return Curves(
        label=label,
        steps=np.array([window.step for window in played[0][0]]),
        regret=stacked("regret"),
        suboptimal=stacked("suboptimal"),
        reward=stacked("reward"),
        loss=stacked("loss"),
        seconds=np.array([seconds for _, _, seconds in played]),
        build_seconds=np.array([seconds for _, seconds, _ in played]),
    )
