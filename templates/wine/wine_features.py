"""Features of a wine: its chemical analysis. Edit freely: this file is yours."""

import tensorflow as tf

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features and one of our own: which share of the phenols are flavanoids.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    flavanoids = features.dense(inputs["flavanoids"], 0.0)
    phenols = features.dense(inputs["total_phenols"], 0.0)
    outputs = features.features_transform(inputs, config)
    outputs["flavanoid_share"] = features.z_score(tf.math.divide_no_nan(flavanoids, phenols))
    return outputs
