"""Which columns are summed: for every policy and outcome what estimators share, for every hyperparameter what it alone needs.

A `Plan` is made once per evaluation, from the config; it turns rounds into columns for `sums`, names the quantities that can be
read from them, and states each column's range for Bernstein's bound. Called by the Evaluator's metrics and notebooks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from waze_data_tfx.bandits.estimators import terms
from waze_data_tfx.bandits.estimators.quantities import Quantity, Ratio
from waze_data_tfx.bandits.estimators.rounds import Rounds
from waze_data_tfx.bandits.estimators.sums import ROWS, Sums
from waze_data_tfx.errors import DataError, UserError, unknown_name

Bounds = Mapping[str, tuple[float, float]]
WITHOUT_MODEL = ("ips", "snips")


@dataclass(frozen=True)
class Grid:
    """Hyperparameters that columns are kept for; the first of each is the one that is taken where none is named.

    Attributes:
        clip: largest weights of ips, snips, dr and sndr; inf: not clipped.
        switch_tau: largest weights that Switch-DR corrects by.
        dros_lambda: of DRos.
    """

    clip: tuple[float, ...] = (math.inf,)
    switch_tau: tuple[float, ...] = (10.0,)
    dros_lambda: tuple[float, ...] = (100.0,)

    def __post_init__(self) -> None:
        for name, values in (("clip", self.clip), ("switch_tau", self.switch_tau), ("dros_lambda", self.dros_lambda)):
            if not values or not all(v >= 0 for v in values) or (name == "clip" and 0 in values):
                lowest = "above 0" if name == "clip" else "at least 0"
                raise UserError(f"{name}: received {list(values)}; expected at least one number, each {lowest}")
            if len({f"{v:g}" for v in values}) < len(values):
                raise UserError(f"{name}: received {list(values)}; expected numbers that differ in their first six digits")

    def of(self, estimator: str) -> tuple[float, ...]:
        """Return an estimator's hyperparameters; none for dm."""
        return {"dm": (), "switch_dr": self.switch_tau, "dros": self.dros_lambda}.get(estimator, self.clip)


@dataclass(frozen=True)
class Plan:
    """What is summed.

    Attributes:
        outcomes: name -> (lowest, highest) possible value, such as {"reward": (-1, 1), "unsubscribed": (0, 1)}.
        policies: name -> the grid of its hyperparameters.
        modelled: outcomes with a reward model; the others have ips and snips only.
    """

    outcomes: Mapping[str, tuple[float, float]]
    policies: Mapping[str, Grid]
    modelled: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names in their order, without `ROWS`."""
        names = list(self.outcomes)
        for policy, grid in self.policies.items():
            names += [f"{policy}.weight"] + [f"{policy}.{part}@{c:g}" for c in grid.clip for part in ("weight", "clipped")]
            for outcome in self.outcomes:
                names += [f"{policy}.{outcome}.{part}" for part in self._parts(outcome, grid)]
        return tuple(names)

    def blocks(self, estimator: str) -> tuple[tuple[str, ...], ...]:
        """Return the columns whose products are summed: for variances of values by any estimator, of differences by this one."""
        own = [self._own(policy, outcome) for policy in self.policies for outcome in self.outcomes]
        shared = (o for o in self.outcomes if o in self.modelled or estimator in WITHOUT_MODEL)
        return (*own, *((outcome, *self._read(estimator, outcome)) for outcome in shared))

    def columns(self, policy: str, outcome: str, rounds: Rounds) -> dict[str, np.ndarray]:
        """Return the columns of one policy and outcome, each [n] float; join those of all with `|`.

        q-hat is clipped to the outcome's range: no model may expect more than the best reward, and so a row's range is known.

        Raises:
            DataError: an outcome is out of its range.
            UserError: the plan knows no such policy or outcome, or the rounds lack its model.
        """
        grid, bounds = self._grid(policy), self._bounds(outcome)
        rounds = _within(rounds, outcome, bounds)
        w, r = rounds.weight, np.asarray(rounds.reward, np.float64)
        columns = {outcome: r, f"{policy}.weight": w}
        for c in grid.clip:
            columns |= {f"{policy}.weight@{c:g}": terms.clipped(w, c), f"{policy}.clipped@{c:g}": (w > c).astype(np.float64)}
            columns[f"{policy}.{outcome}.weighted@{c:g}"] = terms.clipped(w, c) * r
        if outcome not in self.modelled:
            return columns
        residual = terms.residual(rounds)
        corrected = {f"residual@{c:g}": terms.clipped(w, c) for c in grid.clip}
        corrected |= {f"switched@{t:g}": terms.switched(w, t) for t in grid.switch_tau}
        corrected |= {f"shrunk@{s:g}": terms.shrunk(w, s) for s in grid.dros_lambda}
        columns[f"{policy}.{outcome}.direct"] = terms.expected_reward(rounds)
        return columns | {f"{policy}.{outcome}.{part}": weight * residual for part, weight in corrected.items()}

    def value(self, policy: str, estimator: str, *, outcome: str = "reward", parameter: float | None = None) -> Quantity:
        """Return a policy's value by an estimator; `parameter` is its clip, tau or lambda, by default the grid's first."""
        grid, at = self._grid(policy), f"{policy}.{outcome}"
        self._check(estimator, outcome)
        known = grid.of(estimator)
        if parameter is not None and parameter not in known:
            raise UserError(f"{policy}: {estimator}: parameter {parameter} is not summed; known: {', '.join(map(str, known))}")
        p = "" if not known else f"{known[0] if parameter is None else parameter:g}"
        direct, weight = Ratio(1.0, f"{at}.direct"), f"{policy}.weight@{p}"
        ratios = {
            "ips": (Ratio(1.0, f"{at}.weighted@{p}"),),
            "snips": (Ratio(1.0, f"{at}.weighted@{p}", weight),),
            "dm": (direct,),
            "dr": (direct, Ratio(1.0, f"{at}.residual@{p}")),
            "sndr": (direct, Ratio(1.0, f"{at}.residual@{p}", weight)),
            "switch_dr": (direct, Ratio(1.0, f"{at}.switched@{p}")),
            "dros": (direct, Ratio(1.0, f"{at}.shrunk@{p}")),
        }[estimator]
        return Quantity(f"{outcome} of {policy} by {estimator}", ratios, (outcome,))

    def logged(self, outcome: str = "reward") -> Quantity:
        """Return the logging policy's own value: the mean outcome."""
        self._bounds(outcome)
        return Quantity(f"{outcome} of the log", (Ratio(1.0, outcome),), (outcome,))

    def mean_weight(self, policy: str) -> Quantity:
        """Return the mean of the unclipped weights: 1 where propensities are right and the log supports the policy."""
        self._grid(policy)
        return Quantity(f"mean weight of {policy}", (Ratio(1.0, f"{policy}.weight"),))

    def bounds(self, sums: Sums, *, min_propensity: float | None = None) -> Bounds:
        """Return the range of every column, for Bernstein's bound.

        Weights reach from 0 to their clip or, if that is less, to 1 / min_propensity, the logging policy's smallest probability;
        where that is not stated, to the largest weight that was seen: the bound then holds if no larger one was possible.
        """
        if min_propensity is not None and not 0 < min_propensity <= 1:
            raise UserError(f"min_propensity: received {min_propensity}; expected above 0 and at most 1")
        found: dict[str, tuple[float, float]] = {ROWS: (1.0, 1.0), **self.outcomes}
        for policy, grid in self.policies.items():
            seen = sums.range_of(f"{policy}.weight")[1]
            largest = seen if min_propensity is None else 1.0 / min_propensity
            found |= {f"{policy}.weight": (0.0, largest)}
            found |= {f"{policy}.weight@{c:g}": (0.0, min(c, largest)) for c in grid.clip}
            found |= {f"{policy}.clipped@{c:g}": (0.0, 1.0) for c in grid.clip}
            for outcome, (low, high) in self.outcomes.items():
                for part, weight in self._largest(outcome, grid, largest).items():
                    reach = (low, high) if part.startswith("weighted") else (low - high, high - low)
                    found[f"{policy}.{outcome}.{part}"] = (min(0.0, weight * reach[0]), max(0.0, weight * reach[1]))
                if outcome in self.modelled:
                    found[f"{policy}.{outcome}.direct"] = (min(0.0, low), max(0.0, high))
        return found

    def _largest(self, outcome: str, grid: Grid, largest: float) -> dict[str, float]:
        weights = {f"weighted@{c:g}": min(c, largest) for c in grid.clip}
        if outcome in self.modelled:
            weights |= {f"residual@{c:g}": min(c, largest) for c in grid.clip}
            weights |= {f"switched@{t:g}": min(t, largest) for t in grid.switch_tau}
            weights |= {f"shrunk@{s:g}": min(math.sqrt(s) / 2, largest) for s in grid.dros_lambda}
        return weights

    def _parts(self, outcome: str, grid: Grid) -> list[str]:
        return list(self._largest(outcome, grid, math.inf)) + (["direct"] if outcome in self.modelled else [])

    def _own(self, policy: str, outcome: str) -> tuple[str, ...]:
        grid = self.policies[policy]
        weights = (f"{policy}.weight", *(f"{policy}.weight@{c:g}" for c in grid.clip))
        return (outcome, *weights, *(f"{policy}.{outcome}.{part}" for part in self._parts(outcome, grid)))

    def _read(self, estimator: str, outcome: str) -> list[str]:
        """Return the columns that an estimator reads of every policy, at every hyperparameter."""
        quantities = (
            self.value(policy, estimator, outcome=outcome, parameter=parameter)
            for policy, grid in self.policies.items()
            for parameter in grid.of(estimator) or (None,)
        )
        names = (name for q in quantities for ratio in q.ratios for name in (ratio.numerator, ratio.denominator))
        return [name for name in dict.fromkeys(names) if name != ROWS]

    def _grid(self, policy: str) -> Grid:
        if policy not in self.policies:
            raise UserError(unknown_name("policy", policy, self.policies))
        return self.policies[policy]

    def _bounds(self, outcome: str) -> tuple[float, float]:
        if outcome not in self.outcomes:
            raise UserError(unknown_name("outcome", outcome, self.outcomes))
        return self.outcomes[outcome]

    def _check(self, estimator: str, outcome: str) -> None:
        self._bounds(outcome)
        if estimator not in terms.ESTIMATORS:
            raise UserError(unknown_name("estimator", estimator, terms.ESTIMATORS))
        if estimator not in WITHOUT_MODEL and outcome not in self.modelled:
            raise UserError(f"{estimator} of {outcome}: there is no reward model of it; without one: {', '.join(WITHOUT_MODEL)}")


def _within(rounds: Rounds, outcome: str, bounds: tuple[float, float]) -> Rounds:
    low, high = bounds
    outside = (rounds.reward < low) | (rounds.reward > high)
    if outside.any():
        raise DataError(
            f"{outcome}: {int(outside.sum())} of {rounds.n_rows} rows out of range; "
            f"received {rounds.reward[np.argmax(outside)]}; expected {low}..{high}"
        )
    return rounds if rounds.q_hat is None else rounds.with_outcome(rounds.reward, np.clip(rounds.q_hat, low, high))
