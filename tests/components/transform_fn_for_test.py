"""A preprocessing_fn with one of everything that TFX's Transform and ours must agree on; loaded by its dotted name."""

import tensorflow as tf
import tensorflow_transform as tft


def preprocessing_fn(inputs, custom_config):
    km = tf.squeeze(tf.sparse.to_dense(tf.sparse.reset_shape(inputs["km"], [tf.shape(inputs["km"])[0], 1]), 0.0), 1)
    zone = tf.squeeze(tf.sparse.to_dense(tf.sparse.reset_shape(inputs["zone"], [tf.shape(inputs["zone"])[0], 1]), "none"), 1)
    return {
        "km_z": tft.scale_to_z_score(km),
        "km_bucket": tft.bucketize(km, num_buckets=3),
        "zone_id": tft.compute_and_apply_vocabulary(zone, num_oov_buckets=1, vocab_filename="zone"),
        "zone_sparse": inputs["zone"],
        "zone_words": tf.strings.split(zone, " "),
        "pair": tf.stack([km, km * custom_config["factor"]], axis=1),
    }
