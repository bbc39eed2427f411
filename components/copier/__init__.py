"""The Copier component: the pushed model becomes the next generation of the model registry."""

from waze_data_tfx.components.copier.component import Copier

__all__ = ["Copier"]
