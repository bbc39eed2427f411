"""Features of a trip whose passenger is about to pay. Edit freely: this file is yours."""

import tensorflow as tf

from waze_data_tfx import features

N_PIECES = 32


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features, the fare in pieces and the hour on its circle.

    A tip is often a round sum or a button on the card reader, so its share of the fare jumps with the fare: a number scaled to
    one unit hides that, pieces between the fare's quantiles show it.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    fare = tf.maximum(features.dense(inputs["fare"], 0.0), 0.0)
    outputs = features.features_transform(inputs, config)
    outputs["fare_pieces"] = features.piecewise_linear([fare], N_PIECES)
    outputs["fare_log"] = features.z_scores([tf.math.log1p(fare)])
    outputs["hour"] = features.cyclic(inputs["trip_start_hour"], 24)
    return outputs
