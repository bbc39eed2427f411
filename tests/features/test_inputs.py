import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserCodeError
from waze_data_tfx.features.inputs import ModelInput, model_inputs

CONFIG = Config.model_validate(
    {
        "name": "t",
        "label": "y",
        "key": "k",
        "data": {"input": "x"},
        "features": {"dense": ["a"]},
        "evaluation": {"metrics": [{"name": "mae", "upper_bound": 9}]},
    }
)
LABEL = 'feature { name: "y" type: FLOAT shape {} presence { min_fraction: 1 } }'


def inputs_of(feature):
    schema = text_format.Parse(LABEL + feature, schema_pb2.Schema())
    return model_inputs(schema, CONFIG)


def fixed(kind, shape="shape {}", domain=""):
    return f'feature {{ name: "x" type: {kind} {shape} presence {{ min_fraction: 1 }} {domain} }}'


def test_kinds_widths_and_cardinalities():
    assert inputs_of(fixed("FLOAT")) == {"x": ModelInput("x", "dense", 1, None, 1)}
    assert inputs_of(fixed("FLOAT", "shape { dim { size: 3 } }")) == {"x": ModelInput("x", "dense", 3, None, 2)}
    assert inputs_of(fixed("INT", domain="int_domain { min: 0 max: 7 is_categorical: true }")) == {
        "x": ModelInput("x", "id", 1, 8, 1)
    }


@pytest.mark.parametrize(
    ("feature", "message", "remedy"),
    [
        (fixed("BYTES"), "output 'x': received text", "features.vocabulary"),
        (fixed("INT"), "output 'x': received integers without a known range", "cast it to tf.float32"),
        (fixed("INT", domain="int_domain { min: -1 max: 7 }"), "received ids from -1", "num_oov_buckets=1"),
        ('feature { name: "x" type: FLOAT }', "received a sparse, ragged", "features.dense"),
    ],
)
def test_what_cannot_enter_a_model_is_named_with_its_remedy(feature, message, remedy):
    with pytest.raises(UserCodeError, match=message) as caught:
        inputs_of(feature)
    assert remedy in caught.value.hint
