"""The ads model. Edit freely: this file is yours. Leave out `code.model` in the config to use the ready-made one."""

import keras

from waze_data_tfx.models import prepared_inputs


def build_model(inputs, config):
    """Return a Keras model from transformed features to the probability of a click; the framework compiles it from the config.

    Args:
        inputs: name -> ModelInput (kind, width, cardinality) of every transformed feature.
        config: the resolved config; `config.model` holds hidden_units, activation, dropout and the rest.
    """
    tensors, hidden = prepared_inputs(inputs, config)
    for units in config.model.hidden_units:
        hidden = keras.layers.Dense(units, activation=config.model.activation)(hidden)
        hidden = keras.layers.Dropout(config.model.dropout)(hidden)
    return keras.Model(tensors, keras.layers.Dense(1, activation="sigmoid")(hidden))
