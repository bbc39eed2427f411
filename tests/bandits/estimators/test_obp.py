"""A second opinion: Open Bandit Pipeline's values on the same arrays.

It is no part of the lock, because it pins packages of 2021. It is installed alone, from obp.lock into .obp/ at the top of the
project, and asked in a process of its own (tests/obp_values.py), with the project's NumPy and scikit-learn: these give the values
that Python 3.9 and the packages it pins give, to the last digit. Where it cannot be installed the tests are skipped, with the
reason.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rounds_for_test import simulated

from waze_data_tfx.bandits.estimators import terms
from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.slope import tune
from waze_data_tfx.bandits.estimators.sums import Sums

LOCK = Path(__file__).with_name("obp.lock")
TOP = Path(__file__).parents[3]
CLIP, TAU, LAMBDA = 3.0, 4.0, 20.0
GRID = (0.5, 1.0, 2.0, 5.0, 20.0, 100.0)


def installed():
    """Return the folder that holds Open Bandit Pipeline, made from its lock once."""
    folder = TOP / ".obp" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    if not (folder / ".complete").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable, "--no-deps"]
        done = subprocess.run([*command, "--target", str(folder), "-r", str(LOCK)], capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"Open Bandit Pipeline cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
        (folder / ".complete").touch()
    return folder


@pytest.fixture(scope="module")
def rounds():
    return simulated(n=3000, seed=7)


@pytest.fixture(scope="module")
def peer(rounds, tmp_path_factory):
    file = tmp_path_factory.mktemp("obp") / "rounds.npz"
    arrays = {name: getattr(rounds, name) for name in ("action", "reward", "propensity", "probabilities", "q_hat")}
    np.savez(file, clip=CLIP, tau=TAU, lambda_=LAMBDA, grid=np.array(GRID), **arrays)
    environment = {**os.environ, "PYTHONPATH": str(installed())}
    command = [sys.executable, str(TOP / "tests/obp_values.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "estimate"),
    [
        ("ips", terms.ips),
        ("ips_clipped", lambda r: terms.ips(r, clip=CLIP)),
        ("snips", terms.snips),
        ("dm", terms.dm),
        ("dr", terms.dr),
        ("dr_clipped", lambda r: terms.dr(r, clip=CLIP)),
        ("sndr", terms.sndr),
        ("switch_dr", lambda r: terms.switch_dr(r, tau=TAU)),
        ("dros", lambda r: terms.dros(r, lambda_=LAMBDA)),
    ],
)
def test_values_equal_open_bandit_pipelines(rounds, peer, name, estimate):
    assert terms.value(estimate(rounds)) == pytest.approx(peer[name], rel=1e-12)


def test_weights_of_mrdr_equal_open_bandit_pipelines(rounds, peer):
    np.testing.assert_allclose(terms.mrdr_weight(rounds), peer["mrdr_weight"], rtol=1e-12)


@pytest.mark.parametrize("estimator", ["ips", "switch_dr", "dros"])
def test_slope_chooses_as_open_bandit_pipeline(rounds, peer, estimator):
    plan = Plan({"reward": (0, 1)}, {"candidate": Grid(GRID, GRID, GRID)}, ("reward",))
    one_row_per_group = np.arange(rounds.n_rows)
    sums = Sums.of(plan.columns("candidate", "reward", rounds), one_row_per_group, n_groups=rounds.n_rows)
    tuned = tune(sums, plan, "candidate", estimator)
    assert tuned.parameter == peer[f"slope_{estimator}_parameter"]
    assert tuned.values[GRID.index(tuned.parameter)] == pytest.approx(peer[f"slope_{estimator}"], rel=1e-12)
