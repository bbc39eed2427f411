"""Features of a trip on its way. Edit freely: this file is yours."""

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features and how many segments have been measured: the more, the surer.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    outputs = features.features_transform(inputs, config)
    outputs["n_measured"] = features.z_score(features.sequence_length(inputs["speeds"]))
    return outputs
