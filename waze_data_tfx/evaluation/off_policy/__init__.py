"""Off-policy evaluation of a bandit: TFMA metrics over a decision log, the gate that reads them and the file that keeps them.

Called by the Evaluator for the task `bandit`. Importing this package imports nothing heavy; `results` and `verdict` stay light,
the other modules import TensorFlow or TFMA.
"""
