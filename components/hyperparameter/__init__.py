"""The Hyperparameter component: settings of the training as an artifact, an input of the Trainer."""

from waze_data_tfx.components.hyperparameter.component import Hyperparameter

__all__ = ["Hyperparameter"]
