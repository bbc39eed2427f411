import numpy as np
import pytest
from rounds_for_test import OTHER, simulated_kinds

from waze_data_tfx.bandits.estimators import terms
from waze_data_tfx.bandits.estimators.intervals import variance
from waze_data_tfx.bandits.estimators.plan import Grid, Plan
from waze_data_tfx.bandits.estimators.sums import Sums, SumsCombiner, group_of
from waze_data_tfx.errors import DataError, UserError

GRID = Grid(clip=(3.0, 10.0), switch_tau=(2.0,), dros_lambda=(5.0,))
PLAN = Plan({"reward": (0, 1), "lost": (0, 1)}, {"candidate": GRID, "other": GRID}, modelled=("reward",))


@pytest.fixture(scope="module")
def logged():
    rounds, kind = simulated_kinds(n=500, seed=1)
    return rounds, rounds.under(OTHER[kind]), group_of(f"user{i % 170}" for i in range(500))


def columns(candidate, other):
    lost = (candidate.reward == 0).astype(float)
    both = [("candidate", candidate), ("other", other)]
    made = [PLAN.columns(policy, "reward", rounds) for policy, rounds in both]
    made += [PLAN.columns(policy, "lost", rounds.with_outcome(lost)) for policy, rounds in both]
    return {name: column for part in made for name, column in part.items()}


@pytest.fixture(scope="module")
def sums(logged):
    candidate, other, group = logged
    return Sums.of({name: columns(candidate, other)[name] for name in PLAN.names}, group)


def test_columns_are_those_that_the_plan_names(logged):
    assert sorted(columns(logged[0], logged[1])) == sorted(PLAN.names)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("ips", lambda r: terms.ips(r, clip=3.0)),
        ("snips", lambda r: terms.snips(r, clip=3.0)),
        ("dm", terms.dm),
        ("dr", lambda r: terms.dr(r, clip=3.0)),
        ("sndr", lambda r: terms.sndr(r, clip=3.0)),
        ("switch_dr", lambda r: terms.switch_dr(r, tau=2.0)),
        ("dros", lambda r: terms.dros(r, lambda_=5.0)),
    ],
)
def test_values_of_sums_are_those_of_rows(logged, sums, name, rows):
    candidate, other, _ = logged
    value = PLAN.value("candidate", name)
    assert value.value(sums) == pytest.approx(terms.value(rows(candidate)), rel=1e-12)
    difference = value - PLAN.value("other", name)
    assert difference.value(sums) == pytest.approx(terms.value(rows(candidate)) - terms.value(rows(other)), rel=1e-9)


def test_other_outcomes_and_parameters_have_their_value(logged, sums):
    candidate = logged[0]
    lost = candidate.with_outcome((candidate.reward == 0).astype(float))
    assert PLAN.value("candidate", "snips", outcome="lost").value(sums) == pytest.approx(
        terms.value(terms.snips(lost, clip=3.0)), rel=1e-12
    )
    assert PLAN.value("candidate", "ips", parameter=10.0).value(sums) == pytest.approx(
        terms.value(terms.ips(candidate, clip=10.0)), rel=1e-12
    )
    assert PLAN.logged().value(sums) == candidate.reward.mean()
    assert PLAN.mean_weight("candidate").value(sums) == pytest.approx(candidate.weight.mean(), rel=1e-12)


def test_merged_batches_in_any_order_are_the_whole(logged, sums):
    candidate, other, group = logged
    whole = columns(candidate, other)
    combiner = SumsCombiner(PLAN.names)
    parts = []
    for rows in (slice(0, 7), slice(7, 8), slice(8, 8), slice(8, 500)):
        batch = {name: column[rows] for name, column in whole.items()}
        parts.append(combiner.add_input(combiner.create_accumulator(), (batch, group[rows])))
    merged = combiner.extract_output(combiner.merge_accumulators(parts[::-1]))
    assert merged.names == sums.names
    for name in ("groups", "products", "lowest", "highest"):
        np.testing.assert_allclose(getattr(merged, name), getattr(sums, name), rtol=1e-12, atol=1e-12)


def test_sums_by_hand():
    a = Sums.of({"x": np.array([1.0, 2.0, 4.0]), "y": np.array([1.0, 0.0, -1.0])}, np.array([0, 2, 0]), n_groups=3)
    np.testing.assert_array_equal(a.groups, [[2, 5, 0], [0, 0, 0], [1, 2, 0]])
    np.testing.assert_array_equal(a.products[0], [[3, 7, 0], [7, 21, -3], [0, -3, 2]])
    assert (a.n_rows, a.n_groups, a.total("x"), a.squares("x"), a.range_of("y")) == (3, 2, 7.0, 21.0, (-1.0, 1.0))


def test_products_of_a_plans_blocks_are_those_of_all_columns(logged, sums):
    candidate, other, group = logged
    plan = PLAN.blocks("dr")
    few = Sums.of({name: columns(candidate, other)[name] for name in PLAN.names}, group, blocks=plan)
    assert sum(p.size for p in few.products) < sums.products[0].size / 2
    ips, dr = PLAN.value("candidate", "ips"), PLAN.value("candidate", "dr", parameter=10.0)
    for quantity in (ips, dr, dr - PLAN.value("other", "dr"), dr - PLAN.logged(), PLAN.value("other", "snips", outcome="lost")):
        assert variance(few, quantity.gradient(few)) == pytest.approx(variance(sums, quantity.gradient(sums)), rel=1e-9)
    difference = ips - PLAN.value("other", "ips")
    with pytest.raises(ValueError, match=r"not summed: \['rows', 'candidate.reward.weighted@3', 'other.reward.weighted@3'\]"):
        variance(few, difference.gradient(few))


def test_what_cannot_be_added_is_refused():
    group = np.array([0, 1])
    with pytest.raises(DataError, match="column x: received 2 numbers, 1 of them not finite"):
        Sums.of({"x": np.array([1.0, np.nan])}, group)
    with pytest.raises(ValueError, match="other columns or groups"):
        Sums.empty(["x"]) + Sums.empty(["y"])
    with pytest.raises(DataError, match="no rows"):
        PLAN.logged().value(Sums.empty(PLAN.names))


def test_what_the_plan_does_not_know_is_refused(logged):
    rounds = logged[0]
    with pytest.raises(UserError, match=r"unknown estimator 'snip'.*did you mean 'snips'"):
        PLAN.value("candidate", "snip")
    with pytest.raises(UserError, match="unknown policy 'candidat'"):
        PLAN.columns("candidat", "reward", rounds)
    with pytest.raises(UserError, match="dr of lost: there is no reward model"):
        PLAN.value("candidate", "dr", outcome="lost")
    with pytest.raises(UserError, match=r"parameter 7 is not summed; known: 3\.0, 10\.0"):
        PLAN.value("candidate", "ips", parameter=7)
    with pytest.raises(DataError, match=r"reward: 500 of 500 rows out of range; received 2\.0; expected 0\.\.1"):
        PLAN.columns("candidate", "reward", rounds.with_outcome(np.full(500, 2.0), rounds.q_hat))
    with pytest.raises(UserError, match="switch_tau: received"):
        Grid(switch_tau=())


def test_groups_are_the_same_everywhere_and_even():
    keys = [f"user{i}" for i in range(20000)]
    group = group_of(keys, n_groups=10)
    # worked by hand with zlib.crc32 and SplitMix64's finalizer in Python's integers
    assert [int(g) for g in group_of(["a", b"a", "b"], n_groups=1000)] == [
        python_group("a"),
        python_group("a"),
        python_group("b"),
    ]
    assert np.abs(np.bincount(group, minlength=10) - 2000).max() < 200  # 4.7 standard deviations of 42


def python_group(key):
    import zlib

    mask = 2**64 - 1
    h = ((zlib.crc32(key.encode()) + 1) * 0x9E3779B97F4A7C15) & mask
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & mask
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & mask
    return (h ^ (h >> 31)) % 1000
