"""FileExampleGen: CSV, Parquet or TFRecord files to splits of tf.Examples."""

from waze_data_tfx.components.file_example_gen.component import FileExampleGen

__all__ = ["FileExampleGen"]
