"""Ready-made transforms for a preprocessing_fn, the entry point of TFX's Transform, and what a model's inputs are.

What users import: `from waze_data_tfx import features`. TensorFlow is imported when a name is first used.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "bucket": "transforms",
    "category": "transforms",
    "clip": "transforms",
    "dense": "transforms",
    "impute": "transforms",
    "impute_text": "transforms",
    "log": "transforms",
    "log1p": "transforms",
    "log_z_score": "transforms",
    "min_max": "transforms",
    "missing_indicator": "transforms",
    "robust": "transforms",
    "vocabulary": "transforms",
    "winsorize": "transforms",
    "with_cardinality": "transforms",
    "z_score": "transforms",
    "piecewise_linear": "vectors",
    "z_scores": "vectors",
    "cross": "hashing",
    "hashed": "hashing",
    "multi_hot": "hashing",
    "bag_of_words": "text",
    "text_length": "text",
    "tf_idf": "text",
    "word_counts": "text",
    "sequence_ids": "sequences",
    "sequence_length": "sequences",
    "sequence_numbers": "sequences",
    "cyclic": "times",
    "epoch_seconds": "times",
    "time_cycles": "times",
    "bearing": "geo",
    "geo_cell": "geo",
    "grid_cell": "geo",
    "haversine_km": "geo",
    "features_transform": "ready_made",
    "ModelInput": "inputs",
    "model_inputs": "inputs",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
