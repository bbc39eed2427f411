"""The entry point's refusal of a schema that types a column otherwise than the config reads it."""

import pytest
import tensorflow as tf

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError
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
