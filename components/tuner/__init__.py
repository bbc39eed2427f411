"""The Tuner component."""

from waze_data_tfx.components.tuner.component import Tuner

__all__ = ["Tuner"]
