"""The gate as a TFX component: measures a model on the eval split and blesses it or not."""

from waze_data_tfx.components.evaluator.component import Evaluator

__all__ = ["Evaluator"]
