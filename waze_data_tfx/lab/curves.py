"""What a comparison found: one curve per agent, seed and measure, and their means and standard deviations over the seeds.

Made by `experiment`, written by `files`, drawn by `page`. NumPy only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from waze_data_tfx.config.lab import BanditLab

MEASURES = {
    "regret": "regret per decision",
    "cumulative_regret": "cumulative regret",
    "suboptimal": "share of suboptimal choices",
    "reward": "reward per decision",
}
LAST = 0.1
"""Share of the steps at the end of a curve that its final value is the mean of."""


@dataclass(frozen=True)
class Curves:
    """One agent's.

    Attributes:
        label: as the config calls it.
        steps: played at the end of each window, [n_points] int.
        regret, suboptimal, reward, loss: means over the decisions of each window, [n_seeds, n_points].
        seconds: that each seed took, without building the graph, [n_seeds].
        build_seconds: that building agent and graph and the first window took, [n_seeds].
    """

    label: str
    steps: np.ndarray
    regret: np.ndarray
    suboptimal: np.ndarray
    reward: np.ndarray
    loss: np.ndarray
    seconds: np.ndarray
    build_seconds: np.ndarray

    @property
    def widths(self) -> np.ndarray:
        """Return the steps of each window, [n_points]."""
        return np.diff(self.steps, prepend=0)

    @property
    def cumulative_regret(self) -> np.ndarray:
        """Return the sum over all steps so far of a step's mean regret per decision, [n_seeds, n_points]."""
        return np.cumsum(self.regret * self.widths, axis=1)

    def mean(self, measure: str) -> np.ndarray:
        """Return the mean over the seeds, [n_points]."""
        return np.asarray(getattr(self, measure).mean(axis=0))

    def deviation(self, measure: str) -> np.ndarray:
        """Return the standard deviation over the seeds (of the sample), [n_points]; NaN with one seed."""
        return _deviation(getattr(self, measure))

    def final(self, measure: str) -> tuple[float, float]:
        """Return mean and deviation over the seeds of the mean over the last tenth of the steps; of a sum, of its last value."""
        values = getattr(self, measure)
        if measure == "cumulative_regret":
            last = values[:, -1]
        else:
            kept = self.steps > (1 - LAST) * self.steps[-1]
            last = np.average(values[:, kept], axis=1, weights=self.widths[kept])
        return float(last.mean()), float(_deviation(last))

    @property
    def steps_per_second(self) -> float:
        """Return the speed of the compiled loop after its first window; with that one where there is no other."""
        if len(self.steps) == 1:
            return float(self.steps[-1] * len(self.seconds) / self.build_seconds.sum())
        return float((self.steps[-1] - self.steps[0]) * len(self.seconds) / self.seconds.sum())


@dataclass(frozen=True)
class Result:
    """One comparison.

    Attributes:
        config: with absolute paths.
        curves: label -> curves, in the order of the config.
        n_actions, context_dim: of the environment.
        notes: what it says of itself.
        directory: where page, curves and TensorBoard's files are.
    """

    config: BanditLab
    curves: Mapping[str, Curves]
    n_actions: int
    context_dim: int
    notes: tuple[str, ...]
    directory: Path

    @property
    def page(self) -> Path:
        """Return where the page with the plots is."""
        return self.directory / "lab.html"

    def summary(self) -> list[dict[str, Any]]:
        """Return one row per agent: final values with their deviation over the seeds, and the speed; for a table."""
        rows = []
        for label, curves in self.curves.items():
            row: dict[str, Any] = {"agent": label}
            for measure in ("suboptimal", "regret", "cumulative_regret", "reward"):
                mean, deviation = curves.final(measure)
                row |= {measure: mean, f"{measure}_sd": deviation if np.isfinite(deviation) else None}
            rows.append(
                {
                    **row,
                    "steps_per_second": curves.steps_per_second,
                    "seconds": float((curves.seconds + curves.build_seconds).sum()),
                }
            )
        return rows

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per agent, seed and window."""
        for label, curves in self.curves.items():
            for i, seed in enumerate(self.config.seeds):
                for j, step in enumerate(curves.steps.tolist()):
                    values = {measure: float(getattr(curves, measure)[i, j]) for measure in MEASURES}
                    yield {"agent": label, "seed": seed, "step": step, **values}


def _deviation(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan))
