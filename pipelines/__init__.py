"""The graphs, one module each."""

if __name__ != "waze_data_tfx.pipelines":
    raise ImportError(f"import waze_data_tfx.pipelines, not {__name__}: TFX writes the dotted path into pipelines")
