"""Transform: TFX's component with a faster executor."""

from waze_data_tfx.components.transform.component import Transform

__all__ = ["Transform"]
