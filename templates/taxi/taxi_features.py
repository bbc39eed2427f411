"""Features of a taxi trip. Edit freely: this file is yours."""

from waze_data_tfx import features

EARTH_RADIUS_KM = 6371.0


def preprocessing_fn(inputs, config):
    """Return the ready-made features of the config plus what geography adds.

    Args:
        inputs: raw feature columns, each a SparseTensor [n] where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    outputs = features.features_transform(inputs, config)
    outputs["trip_miles"] = features.log_z_score(inputs["trip_miles"])
    for name in ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"):
        outputs[name] = features.z_score(inputs[name])
    return outputs
