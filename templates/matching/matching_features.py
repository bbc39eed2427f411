"""Features of a rider and of a driver. Edit freely: this file is yours."""

import tensorflow as tf

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features and what a driver did with earlier offers, as the logarithm of the odds.

    From 0.90 to 0.95 is then as far as from 0.50 to 0.68; a driver without a history counts as 0.5. An output may be of one side
    only, since the towers meet only in the dot product: no distance here.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    outputs = features.features_transform(inputs, config)
    share = features.impute(features.clip(inputs["acceptance_rate"], 0.01, 0.99), 0.5)
    outputs["acceptance_odds"] = features.z_score(tf.math.log(share / (1 - share)))
    return outputs
