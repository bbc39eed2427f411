"""Transform: TFX's component with a faster executor. Lazy, so that `logic` can be had without TFX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waze_data_tfx.components.transform.component import Transform

__all__ = ["Transform"]


def __getattr__(name: str) -> Any:
    if name == "Transform":
        from waze_data_tfx.components.transform.component import Transform

        return Transform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
