"""QueryExampleGen: CSV, Parquet or TFRecord files to splits of tf.Examples. Lazy, so that `logic` can be had without TFX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waze_data_tfx.components.query_example_gen.component import QueryExampleGen

__all__ = ["QueryExampleGen"]


def __getattr__(name: str) -> Any:
    if name == "QueryExampleGen":
        from waze_data_tfx.components.query_example_gen.component import QueryExampleGen

        return QueryExampleGen
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
