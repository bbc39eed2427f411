"""Features of an ad shown to a user. Edit freely: this file is yours."""

import tensorflow as tf

from waze_data_tfx import features

TOP = 1


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features and the position, as its logarithm.

    An ad is clicked more because it stands on top; a model that does not know the position takes that for merit. So the
    position is a feature in training. Where ads are to be ranked it is not known yet: give none, and all count as on top.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    position = tf.maximum(features.dense(inputs["position"], TOP), TOP)
    outputs = features.features_transform(inputs, config)
    outputs["position_log"] = tf.math.log(tf.cast(position, tf.float32))
    return outputs
