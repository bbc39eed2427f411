"""What the entry point refuses, a schema that types a column otherwise than the config, and what features_transform takes."""

import pytest
import tensorflow as tf

from waze_data_tfx.config.features import Features
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError
from waze_data_tfx.features import features_transform
from waze_data_tfx.features.entry import preprocessing_fn

CONFIG = Config.model_validate(
    {
        "name": "eta",
        "label": "seconds",
        "data": {"input": "trips.csv"},
        "features": {"dense": ["miles"]},
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 1}]},
    }
)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"miles": tf.constant([""]), "seconds": tf.constant([1.0])},
            "column 'miles': the schema says string; expected float32, as the config reads it",
        ),
        (
            {"miles": tf.constant([1.0]), "seconds": tf.constant([1], tf.int64)},
            "column 'seconds': the schema says int64; expected float32, as the config reads it",
        ),
    ],
)
def test_a_column_of_another_type_is_refused(inputs: dict[str, tf.Tensor], message: str) -> None:
    with pytest.raises(DataError) as caught:
        preprocessing_fn(inputs, {"config": CONFIG.model_dump_json(by_alias=True)})
    assert caught.value.message == message
    assert caught.value.hint.startswith("in a schema of your own set `type: FLOAT`")


def test_features_transform_takes_a_section_in_place_of_a_config() -> None:
    inputs = {"hour": tf.constant([2, 7], tf.int64), "unread": tf.constant(["x", "y"])}
    made = features_transform(inputs, Features(category={"hour": 3}, custom={"unread": "string"}))
    assert {name: values.numpy().tolist() for name, values in made.items()} == {
        "hour_category": [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]  # 2 of 0..2; 7 lies outside: the last place
    }
