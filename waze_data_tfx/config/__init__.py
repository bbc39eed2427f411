"""A pipeline's config: `schema` says what can be written, `load` reads it."""

from .load import Loaded, load
from .schema import Config

__all__ = ["Config", "Loaded", "load"]
