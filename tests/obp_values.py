"""Answer what Open Bandit Pipeline says of a file of rounds: run by tests/bandits/estimators/test_obp.py as a process of its own.

`obp_values.py ROUNDS.npz` prints JSON: estimator -> value, and `seconds`: estimator -> CPU seconds. Plotting and neural policies
are no part of its estimators, so what those import (gigabytes) is stood in for by empty modules.
"""

import importlib.abc
import importlib.machinery
import json
import sys
import time
import types

import numpy as np

ABSENT = {"torch", "matplotlib", "seaborn", "pyieoe"}


class Empty(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Empty(name, (), {})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: getattr(Empty("Empty", (), {}), name)
        return module

    def exec_module(self, module):
        pass


def main():
    sys.meta_path.insert(0, Finder())
    from obp import ope

    with np.load(sys.argv[1]) as stored:
        rounds = dict(stored)
    clip, tau, lambda_ = (float(rounds.pop(name)) for name in ("clip", "tau", "lambda_"))
    grid = rounds.pop("grid").tolist()
    log = {
        "reward": rounds["reward"],
        "action": rounds["action"],
        "pscore": rounds["propensity"],
        "action_dist": rounds["probabilities"][:, :, None],
        "estimated_rewards_by_reg_model": rounds["q_hat"][:, :, None],
        "position": np.zeros(len(rounds["action"]), int),
    }
    estimators = {
        "ips": ope.InverseProbabilityWeighting(),
        "ips_clipped": ope.InverseProbabilityWeighting(lambda_=clip),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "dr_clipped": ope.DoublyRobust(lambda_=clip),
        "sndr": ope.SelfNormalizedDoublyRobust(),
        "switch_dr": ope.SwitchDoublyRobust(lambda_=tau),
        "dros": ope.DoublyRobustWithShrinkage(lambda_=lambda_),
    }
    answer, seconds = {}, {}
    for name, estimator in estimators.items():
        begin = time.process_time()
        answer[name] = float(estimator.estimate_policy_value(**log))
        seconds[name] = time.process_time() - begin
    tuned = {
        "slope_ips": ope.InverseProbabilityWeightingTuning(lambdas=grid, tuning_method="slope"),
        "slope_switch_dr": ope.SwitchDoublyRobustTuning(lambdas=grid, tuning_method="slope"),
        "slope_dros": ope.DoublyRobustWithShrinkageTuning(lambdas=grid, tuning_method="slope"),
    }
    for name, estimator in tuned.items():
        answer[name] = float(estimator.estimate_policy_value_with_tuning(**log))
        answer[f"{name}_parameter"] = float(estimator.best_hyperparam)
    print(json.dumps({**answer, "mrdr_weight": mrdr_weight(log), "seconds": seconds}))


def mrdr_weight(log):
    """Return the weights that its regression model gives its base model, seen by one that only records them."""
    from obp.ope import RegressionModel
    from sklearn.base import BaseEstimator, RegressorMixin

    seen = []

    class Recorder(RegressorMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            seen.append(sample_weight)
            return self

    n, n_actions, _ = log["action_dist"].shape
    model = RegressionModel(n_actions=n_actions, base_model=Recorder(), fitting_method="mrdr")
    model.fit(np.zeros((n, 1)), log["action"], log["reward"], log["pscore"], log["position"], log["action_dist"])
    return seen[0].tolist()


if __name__ == "__main__":
    main()
