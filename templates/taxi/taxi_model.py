"""The taxi model. Edit freely: this file is yours. Leave out `code.model` in the config to use the ready-made one."""

from waze_data_tfx.models import dnn


def build_model(inputs, config):
    """Return a Keras model from transformed features to the trip's duration.

    Args:
        inputs: name -> ModelInput (kind, width, cardinality) of every transformed feature.
        config: the resolved config; `config.model` holds hidden_units, optimizer and the rest.
    """
    return dnn.dnn_regressor(inputs, config)
