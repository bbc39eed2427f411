"""The project's TFX components, one folder each."""

if __name__ != "waze_data_tfx.components":
    raise ImportError(f"import waze_data_tfx.components, not {__name__}: TFX writes the dotted path into pipelines")
