"""Off-policy evaluation: what a policy would have earned, told from decisions that another policy logged.

`rounds` holds and checks what was logged, `terms` the estimators round by round, `plan` names the columns that are summed, `sums`
adds them up by groups of users, `quantities` says how a value is made of sums, `intervals` how sure it is; `diagnostics`,
`calibration` and `slope` say whether to believe it. Called by the Evaluator, the lab and notebooks. NumPy and SciPy only:

    grid = Grid(clip=(100.0,), switch_tau=(10.0,), dros_lambda=(100.0,))
    plan = Plan({"reward": (-1, 1)}, {"candidate": grid, "baseline": grid}, modelled=("reward",))
    columns = plan.columns("candidate", "reward", rounds) | plan.columns("baseline", "reward", rounds.under(other))
    sums = Sums.of(columns, group_of(user_ids))                    # sums of batches, days and workers are added with +
    gain = plan.value("candidate", "dr") - plan.value("baseline", "dr")
    gain.value(sums), Bootstrap(sums).interval(gain), bernstein(sums, gain, plan.bounds(sums))
"""
