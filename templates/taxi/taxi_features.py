"""Features of a taxi trip: what is known when it starts. Edit freely: this file is yours."""

import math

import tensorflow as tf

from waze_data_tfx import features

EARTH_RADIUS_MILES = 3958.8
MILES_PER_DEGREE = 69.1
CHICAGO = {"latitude": 41.88, "longitude": -87.63}  # stands in for a missing position
SHRINK = math.cos(math.radians(CHICAGO["latitude"]))  # a degree of longitude against one of latitude
N_PIECES = 32


def preprocessing_fn(inputs, config):
    """Return the config's ready-made features and what geography and the clock add.

    Args:
        inputs: name -> raw column, a SparseTensor where a value can be missing. The label is not among them.
        config: the resolved config.
    """
    latitude_from, longitude_from = position(inputs, "pickup")
    latitude_to, longitude_to = position(inputs, "dropoff")
    area_from = features.dense(inputs["pickup_community_area"], -1)
    area_to = features.dense(inputs["dropoff_community_area"], -2)
    miles = tf.maximum(features.dense(inputs["trip_miles"], 0.0), 0.0)
    north, east = latitude_to - latitude_from, (longitude_to - longitude_from) * SHRINK
    straight = haversine_miles(latitude_from, longitude_from, latitude_to, longitude_to)
    distance = tf.where(miles > 0, miles, straight)  # a meter that says 0 did not measure
    blocks = MILES_PER_DEGREE * (tf.abs(north) + tf.abs(east))
    angle = 2 * math.pi / 24 * tf.cast(features.dense(inputs["trip_start_hour"], 12), tf.float32)
    logs = [tf.math.log1p(d) for d in (miles, straight, distance, blocks)]
    outputs = features.features_transform(inputs, config)
    outputs["geometry"] = features.z_scores([latitude_from, longitude_from, latitude_to, longitude_to, north, east, *logs])
    outputs["distance_pieces"] = features.piecewise_linear([miles, straight, distance], N_PIECES)
    outputs["clock"] = tf.stack([tf.sin(angle), tf.cos(angle)], axis=1)
    outputs["flags"] = tf.stack(
        [
            tf.cast(miles == 0, tf.float32),
            features.missing_indicator(inputs["dropoff_latitude"]),
            tf.cast(area_from == area_to, tf.float32),
        ],
        axis=1,
    )
    return outputs


def position(inputs, end):
    """Return latitude and longitude of the pick-up or drop-off, [n] degrees each."""
    return tuple(features.dense(inputs[f"{end}_{axis}"], middle) for axis, middle in CHICAGO.items())


def haversine_miles(latitude_1, longitude_1, latitude_2, longitude_2):
    """Return the great-circle distance of two points given in degrees, [n] miles."""
    a, b, c, d = (x * (math.pi / 180) for x in (latitude_1, longitude_1, latitude_2, longitude_2))
    chord = tf.sin((c - a) / 2) ** 2 + tf.cos(a) * tf.cos(c) * tf.sin((d - b) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * tf.asin(tf.sqrt(tf.clip_by_value(chord, 0.0, 1.0)))
