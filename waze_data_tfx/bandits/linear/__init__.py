"""The linear core: statistics of a log as sums per day, solved exactly; what `agents.linucb` and `agents.thompson` know.

`design` says which numbers a decision enters the fit with, `log` with which weight, `statistics` sums them in NumPy,
`combiner` in Beam, `model` holds them in a graph, `solve` makes parameters of them and `scoring` expected rewards and their
deviations.
"""
