"""The push as a TFX component: a blessed model becomes the next version of a serving directory."""

from waze_data_tfx.components.pusher.component import Pusher

__all__ = ["Pusher"]
