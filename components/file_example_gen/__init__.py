"""FileExampleGen: CSV, Parquet or TFRecord files to splits of tf.Examples. Lazy, so that `logic` can be had without TFX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waze_data_tfx.components.file_example_gen.component import FileExampleGen

__all__ = ["FileExampleGen"]


def __getattr__(name: str) -> Any:
    if name == "FileExampleGen":
        from waze_data_tfx.components.file_example_gen.component import FileExampleGen

        return FileExampleGen
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
