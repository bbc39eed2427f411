"""The PolicyResolver component: which policy of the graph serves, and why."""

from waze_data_tfx.components.policy_resolver.component import PolicyResolver

__all__ = ["PolicyResolver"]
