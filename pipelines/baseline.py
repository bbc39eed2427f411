"""Which model a candidate is compared with: the one that was blessed last.

TFX 1.21's LatestBlessedModelStrategy takes the blessed model with the greatest id. After going back to an earlier model,
whose training came from the cache, that is the model that was left, not the one that was blessed again and pushed. The plan of
a run (`runners.cache`) follows the same rule. Imports TFX.
"""

from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.common import resolver


class NewestBlessingStrategy(resolver.ResolverStrategy):
    """Resolves the model of the newest blessing that was given, and that blessing; nothing before the first."""

    def resolve_artifacts(self, store: Any, input_dict: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return `model` and `model_blessing` with one artifact each, or both empty."""
        given = [b for b in input_dict["model_blessing"] if b.get_int_custom_property("blessed") == 1]
        for blessing in sorted(given, key=lambda b: -b.id):
            model_id = blessing.get_int_custom_property("current_model_id")
            models = [m for m in input_dict["model"] if m.id == model_id]
            if models:
                return {"model": models, "model_blessing": [blessing]}
        return {"model": [], "model_blessing": []}
