"""Contextual bandits: agents that learn which action earns most, policies that choose and explore, estimators of their value.

Knows nothing of configs, pipelines or features: contexts are tensors here. `training.bandits` brings both together.
"""
