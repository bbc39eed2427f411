"""The sections of a bandit's run: its log, its agent, what its policy is worth, what changes, what is served.

They stand on the page in place of a supervised model's training, metrics, fairness and calibration. Called by `page` and
`compare`.
"""
