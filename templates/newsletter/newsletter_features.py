"""Features of a reader to whom a recommender is to be shown. Edit freely: this file is yours."""

import tensorflow as tf

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features, what an order is worth, and whether there was a search at all.

    Nothing that is known only after the decision is among the inputs: no action, no click. What a reader has never done is
    missing, not 0: who never ordered has no revenue, and `revenue_missing` says so.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The reward is not among them.
        config: the resolved config.
    """
    outputs = features.features_transform(inputs, config)
    outputs["never_searched"] = features.missing_indicator(inputs["last_search"])
    outputs["order_value"] = features.log_z_score(_order_value(inputs))
    return outputs


def _order_value(inputs):
    """Return revenue / orders, [n]; missing (NaN) where there was no order."""
    revenue, orders = features.dense(inputs["revenue"], 0.0), features.dense(inputs["n_orders"], 0.0)
    return tf.where(orders > 0, revenue / tf.maximum(orders, 1.0), float("nan"))
