"""Config + preprocessing_fn + model builder -> a complete TFX pipeline."""

__version__ = "0.1.0"
