"""Off-policy evaluation: what a policy would have earned, told from decisions that another policy logged.

`rounds` holds and checks what was logged, `terms` the estimators round by round, `plan` names the columns that are summed, `sums`
adds them up by groups of users, `quantities` says how a value is made of sums, `intervals` how sure it is; `diagnostics`,
`calibration` and `slope` say whether to believe it. Called by the Evaluator, the lab and notebooks. NumPy and SciPy only.
"""
