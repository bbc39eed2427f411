"""Transformed features as contexts, by hand."""

import tensorflow as tf

from waze_data_tfx.features.inputs import ModelInput
from waze_data_tfx.training import contexts

INPUTS = {
    "age": ModelInput("age", "dense", 1),
    "place": ModelInput("place", "dense", 2, rank=2),
    "topic": ModelInput("topic", "id", 1, 3),
    "tags": ModelInput("tags", "id", 2, 2, rank=2),
}


def test_dense_ones_as_they_are_ids_one_hot_several_ids_counted() -> None:
    features = {
        "age": tf.constant([7.0, 8.0]),
        "place": tf.constant([[1.0, 2.0], [3.0, 4.0]]),
        "topic": tf.constant([2, 9], tf.int64),  # 9 is none
        "tags": tf.constant([[0, 0], [1, 0]], tf.int64),
    }
    made = contexts.encoder(INPUTS)(features).numpy().tolist()
    assert made == [[7, 1, 2, 0, 0, 1, 2, 0], [8, 3, 4, 0, 0, 0, 1, 1]]
    names = ["age", "place[0]", "place[1]", "topic=0", "topic=1", "topic=2", "tags=0", "tags=1"]
    assert (contexts.names(INPUTS), contexts.width(INPUTS)) == (names, 8)
